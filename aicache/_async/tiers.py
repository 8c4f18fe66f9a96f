"""One tier of a cache: its backend, its options and its counts behind verbs that speak of items and never fail.

A `ByteTier` is any backend that does not keep live entries in this process: what goes in is sealed in an envelope, what
comes out is trusted only once the envelope holds. A failure of its backend is counted and is a miss
(unless `on_error="raise"`). After a few failures in a row it is left alone and tried now and then; the log has one line
when that begins and one when the tier answers again. What it was to write or to forget meanwhile it makes up for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from aicache._async.primitives import IS_ASYNC, bounded
from aicache._async.versions import Versions
from aicache._async.watch import Watch
from aicache._kernel.counters import TierCounters
from aicache._kernel.described import options_in_words, ways_in_words
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache._kernel.lifetime import ended, lives
from aicache._kernel.recovery import Sweep
from aicache.codecs import Codec
from aicache.errors import ConfigurationError, EnvelopeError, SerializationError
from aicache.options import UNSET, Tier
from aicache.protocols import (
    CacheBackend,
    HasDeadline,
    SupportsClear,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    supports,
)

__all__ = ["ByteTier"]

DEFAULT_TIMEOUT: Final = 0.25


class ByteTier:
    """A tier over a backend that stores bytes."""

    in_process: Final = False
    needs_raw: Final = True
    lags: bool = False  # else what it has read may be older than what is true: see `lagging`

    def __init__(
        self,
        backend: CacheBackend,
        options: Tier,
        name: str,
        codec: Codec,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.backend: Any = backend
        self.master: Any = backend  # what reads are said to that must not lag
        self.options = options
        self.counters = TierCounters(name)
        self.counters.source = backend
        self.can_clear = supports(backend, SupportsClear)
        self.can_scan = supports(backend, SupportsScan)
        self._codec = codec
        self._wall_clock = wall_clock
        self._has_many = supports(backend, SupportsMany)
        self._has_ttl = supports(backend, SupportsTTL)
        own_deadline = supports(backend, HasDeadline)
        if options.timeout is UNSET:
            self.timeout = None if own_deadline or not IS_ASYNC else DEFAULT_TIMEOUT
        else:
            self.timeout = options.timeout
            if not IS_ASYNC and options.timeout is not None:
                raise ConfigurationError(
                    f"tier {name!r}: nothing can interrupt a sync backend from outside, so timeout={options.timeout:g} "
                    f"cannot hold; give {type(backend).__name__} a deadline of its own and leave the timeout out"
                )
        self.watch = Watch(
            backend,
            options,
            self.counters,
            clock,
            random,
            has_many=self._has_many,
            can_scan=self.can_scan,
            can_clear=self.can_clear,
            timeout=self.timeout,
        )
        self.guard = self.watch.guard
        self.versions = Versions(self)

    # -- reading

    async def read(self, key: str, *, with_life: bool) -> Item | str:
        """The item, or the reason why there is none. `with_life`: its remaining life is wanted too."""
        counters, guard = self.counters, self.guard
        turn = guard.calm
        if not turn:
            if guard.distrusts(key):
                counters.misses += 1
                self.watch.replay.begin()
                return "not caught up"
            turn = guard.enter()
            if not turn:
                counters.misses += 1
                return self.watch.bypassed()
        left: float | None = None
        try:
            if with_life and self._has_ttl:
                found = await bounded(self.backend.get_with_ttl([key]), self.timeout)
                data, left = found.get(key, (None, None))
            else:
                data = await bounded(self.backend.get(key), self.timeout)
            if not guard.calm:
                self.watch.answered(turn)
        except Exception as error:
            counters.misses += 1
            return self.watch.failed(error, turn, "read")
        except BaseException:
            guard.left(turn)
            raise
        if data is None:
            counters.misses += 1
            return "absent"
        item = self.opened(key, data, left)
        if isinstance(item, str):
            counters.misses += 1
        elif item.tags and await self.versions.outdated({key: item}):
            counters.misses += 1
            return "invalidated"
        elif not item.stale_for:
            counters.hits += 1  # what a store has is fresh, unless it was given time to be stale
        elif self._has_ttl and not with_life:
            return await self.read(key, with_life=True)  # only the store can say whether it is stale
        elif item.is_fresh:
            counters.hits += 1
        else:
            counters.misses += 1
        return item

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones, in one round trip where the backend can."""
        if not self.guard.calm:
            trusted = self.guard.trusted(keys)
            self.counters.misses += len(keys) - len(trusted)
            keys = trusted
            if not keys:
                self.watch.replay.begin()
                return {}
        if with_life and self._has_ttl:
            pairs = await self.tried(self.backend.get_with_ttl, keys)
            opened = [(key, self.opened(key, data, left)) for key, (data, left) in pairs.items()]
        elif self._has_many:
            found = await self.tried(self.backend.get_many, keys)
            opened = [(key, self.opened(key, data, None)) for key, data in found.items()]
        else:
            opened = [(key, await self.read(key, with_life=with_life)) for key in keys]
            return {key: item for key, item in opened if not isinstance(item, str)}
        items = {key: item for key, item in opened if not isinstance(item, str)}
        for key in await self.versions.outdated(items):
            del items[key]
        may_be_stale = sum([item.stale_for for item in items.values()]) > 0
        if may_be_stale and self._has_ttl and not with_life:
            return await self.read_many(keys, with_life=True)
        hits = sum([item.is_fresh for item in items.values()]) if may_be_stale else len(items)
        self.counters.hits += hits
        self.counters.misses += len(keys) - hits
        return items

    async def tried(self, verb: Any, asked: Any, none: Any = None) -> Any:
        """What the backend says, or `none`, an empty dict by default, where it does not."""
        none = {} if none is None else none
        turn = self.guard.calm or self.guard.enter()
        if not turn:
            self.watch.bypassed()
            return none
        try:
            found = await bounded(verb(asked), self.timeout)
            if not self.guard.calm:
                self.watch.answered(turn)
        except Exception as error:
            self.watch.failed(error, turn, "read")
            return none
        except BaseException:
            self.guard.left(turn)
            raise
        return found

    def opened(self, key: str, data: bytes, left: float | None) -> Item | str:
        try:
            value, raw, thaw, created, fresh_for, stale_for, compressed, tags = self._codec.open(key, data)
        except EnvelopeError as refused:
            self.counters.refuse(key, refused.reason)
            return f"refused ({refused.reason})"
        if fresh_for is not None:
            if left is not None:
                # By the store's clock. It reads value and life one after the other: another writer's longer life may
                # have come between.
                left = min(left - stale_for, fresh_for)
            elif self._has_ttl and not stale_for:
                left = fresh_for
            else:
                # The store cannot say; the writer's clock and ours can, as far as they agree. A copy is made by this
                # word; where there is no time to be stale, it is no miss.
                left = min(fresh_for, created + fresh_for - self._wall_clock())
        item = Item(value, raw, thaw, created, left, compressed=compressed, stale_for=stale_for)
        item.tags = tags
        return item

    # -- writing

    def count(self, item: Item, data: bytes) -> None:
        counters = self.counters
        counters.writes += 1
        counters.raw_bytes += len(item.raw or b"")
        counters.stored_bytes += len(data)

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:
        """Store those whose pass holds and that fit; returns how many. What does not fit leaves no older value there.

        A fill whose pass was revoked while it was on its way may have landed after the invalidation: it is taken out
        again. A fill is not tried on a backend that has just failed to answer: its caller has waited for it once.
        """
        guard = self.guard
        if is_fill and guard.is_failing:
            self.counters.skip(list(items), "failing")
            return 0
        number = guard.number()  # before it is asked which passes hold: what revokes one later is newer
        sealed: dict[str, tuple[bytes, float | None]] = {}
        unfit: list[str] = []
        for key, item in items.items():
            if passes[key].holds:
                entry = self.sealed(key, item)
                if entry is None:
                    unfit.append(key)
                else:
                    sealed[key] = entry
        if unfit:
            self.counters.skip(unfit, "size")
        if unfit and not is_fill:
            await self.remove(unfit)
        if not sealed:
            return 0
        turn = guard.calm or guard.enter()
        if not turn:
            self.watch.missed([] if is_fill else sealed, number)
            self.watch.bypassed()
            return 0
        try:
            if self._has_many and len(sealed) > 1:
                await bounded(self.backend.set_many(sealed), self.timeout)
            else:
                for key, (data, ttl) in sealed.items():
                    await bounded(self.backend.set(key, data, ttl=ttl), self.timeout)
            if not guard.calm:
                guard.settled(sealed, number)
                self.watch.answered(turn)
        except Exception as error:
            self.watch.missed([key for key in sealed if not (is_fill and passes[key].holds)], number)
            self.watch.failed(error, turn, "write")
            return 0
        except BaseException:
            if is_fill:
                self.watch.missed([key for key in sealed if not passes[key].holds], number)
            guard.left(turn)
            raise
        for key, (data, _) in sealed.items():
            self.count(items[key], data)
        if is_fill:
            late = [key for key in sealed if not passes[key].holds]
            if late:
                await self.remove(late)
        return len(sealed)

    def sealed(self, key: str, item: Item) -> tuple[bytes, float | None] | None:
        options, raw = self.options, item.raw
        if raw is None:
            raw = item.raw = self._codec.dumps(item.value)
            item.thaw = self._codec.loads
        if len(raw) < options.min_bytes or (options.max_bytes is not None and len(raw) > options.max_bytes):
            return None
        if item.packed is None:
            item.packed = self._codec.pack(raw)
            item.compressed = item.packed.compressor != 0
        ttl, stale_for = lives(item.ttl, item.stale_for, options.max_ttl)
        age = max(0.0, self._wall_clock() - item.created)
        fresh_for = None if ttl is None else max(0.0, age + ttl)
        try:
            data = self._codec.seal(
                key, item.packed, created=item.created, fresh_for=fresh_for, stale_for=stale_for, tags=item.tags
            )
        except SerializationError:  # larger than the codec's bound once it is sealed
            return None
        return data, None if ttl is None else ttl + stale_for

    def drop(self, keys: Sequence[str]) -> int:  # noqa: ARG002 only a tier in this process can forget at once
        """0: this tier has to be asked, and waited for."""
        return 0

    def drop_tagged(self, tags: Sequence[str]) -> None:
        """Nothing: this tier has to be asked, and waited for."""

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Let no entry be valid any more that has one of these tags."""
        await self.versions.invalidate(tags)

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        guard, removed = self.guard, 0
        number = guard.number()
        turn = guard.calm or guard.enter()
        if not turn:
            self.watch.missed(keys, number)
            self.watch.bypassed()
            return 0
        try:
            if self._has_many and len(keys) > 1:
                removed = await bounded(self.backend.delete_many(keys), self.timeout)
            else:
                for key in keys:
                    removed += await bounded(self.backend.delete(key), self.timeout)
            if not guard.calm:
                guard.settled(keys, number)
                self.watch.answered(turn)
        except Exception as error:
            self.watch.missed(keys, number)
            self.watch.failed(error, turn, "forget")
        except BaseException:
            self.watch.missed(keys, number)
            guard.left(turn)
            raise
        return removed

    async def expire(self, key: str, passes: Mapping[str, Pass], stale_for: float) -> bool:
        """End a key's freshness; returns whether it was fresh. See `renewal.expire`.

        What is to be kept stale is read, sealed anew and written back. What cannot be read is removed, and where that
        fails, too, kept as an invalidation that the tier has missed.
        """
        number = self.guard.number()
        try:
            item = await self.look(key)
            if isinstance(item, Item) and not item.is_fresh:
                return False
            over = ended(item, stale_for) if isinstance(item, Item) and self.options.write else None
            if over is None:
                return bool(await self.remove([key]))
            stored = await self.store({key: over}, passes, is_fill=False)
            if stored and self.counters.events is not None:
                self.counters.events.tell("store", key, tier=self.counters.name, reason="expire")
            if stored and not passes[key].holds:
                await self.remove([key])  # it may have landed after what was written or forgotten meanwhile
        except BaseException:
            self.watch.missed([key], number)
            raise
        return True

    async def look(self, key: str) -> Item | str:
        """The item, which may be stale, without counting it as a look-up."""
        if not self.guard.calm and self.guard.distrusts(key):
            return "not caught up"
        if self._has_ttl:
            data, left = (await self.tried(self.master.get_with_ttl, [key])).get(key, (None, None))
        else:
            data, left = await self.tried(self.master.get, key), None
        return self.opened(key, data, left) if data else "absent"

    def end(self, key: str, stale_for: float) -> bool:  # noqa: ARG002 only a tier in this process can do it at once
        """False: this tier has to be asked, and waited for."""
        return False

    async def scan(self, prefix: str, matches: Callable[[str], bool]) -> AsyncIterator[str]:
        """The keys that begin with `prefix`, up to where the backend fails: to be forgotten, those that match.

        What was not listed is kept as an invalidation that the tier has missed.
        """
        guard = self.guard
        sweep = Sweep(prefix, matches, guard.number())
        turn = guard.calm or guard.enter()
        if not turn:
            self.watch.missed_sweep(sweep)
            self.watch.bypassed()
            return
        try:
            async for key in self.backend.scan(prefix):
                if not guard.calm:
                    self.watch.answered(turn)  # now: whoever lists the keys has calls of its own to make
                yield key
            if not guard.calm:
                self.watch.answered(turn)
        except Exception as error:
            self.watch.missed_sweep(sweep)
            self.watch.failed(error, turn, "list")
        except BaseException:
            self.watch.missed_sweep(sweep)
            guard.left(turn)
            raise

    async def answers(self, key: str) -> bool:
        """Whether the backend answers now, as a read of `key` shows."""
        turn = self.guard.turn()
        try:
            await bounded(self.master.get(key), self.timeout)
        except Exception as error:
            self.watch.failed(error, turn, "read")
            return False
        self.watch.healthy()
        return True

    async def clear(self) -> None:
        """Forget everything."""
        guard = self.guard
        sweep = Sweep("", _every, guard.number(), is_clear=True)
        turn = guard.calm or guard.enter()
        if not turn:
            self.watch.missed_sweep(sweep)
            self.watch.bypassed()
            return
        try:
            await self.backend.clear()  # as long as it takes: many keys need many slices
            if not guard.calm:
                guard.cleared(sweep.number)
                self.watch.answered(turn)
        except Exception as error:
            self.watch.missed_sweep(sweep)
            self.watch.failed(error, turn, "forget")
        except BaseException:
            self.watch.missed_sweep(sweep)
            guard.left(turn)
            raise

    async def aclose(self) -> None:
        """Leave off what is under way, and close the backend."""
        await self.watch.replay.aclose()
        await self.backend.aclose()

    def describe(self) -> str:
        """What this tier really does, in one line."""
        deadline = (
            self.backend.deadline if self.timeout is None and supports(self.backend, HasDeadline) else self.timeout
        )
        kind = type(self.backend).__name__
        how = ways_in_words(self.options, deadline, has_many=self._has_many, has_ttl=self._has_ttl)
        return f"{self.counters.name}: {kind}, {how}{options_in_words(self.options)}"


def _every(_key: str) -> bool:
    return True
