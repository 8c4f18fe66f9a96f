"""One tier of a cache: its backend, its options and its counts behind verbs that speak of items and never fail.

An `EntryTier` is in this process and keeps live entries. A `ByteTier` is any other backend: what goes in is sealed in
an envelope, what comes out is trusted only once the envelope holds. A failure of its backend is counted and is a miss
(unless `on_error="raise"`); the log has one line when a tier begins to fail and one when it answers again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aicache._async.primitives import IS_ASYNC, bounded
from aicache._kernel.counters import TierCounters
from aicache._kernel.fence import Pass
from aicache._kernel.immutable import size_in_memory
from aicache._kernel.item import Item
from aicache._kernel.lifetime import lives
from aicache.codecs import Codec
from aicache.errors import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    EnvelopeError,
    SerializationError,
)
from aicache.options import UNSET, Tier
from aicache.protocols import (
    CacheBackend,
    Entry,
    HasDeadline,
    HoldsEntries,
    KeepsStale,
    SupportsClear,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    supports,
)

__all__ = ["ByteTier", "EntryTier", "item_of", "said"]

_log: Final = logging.getLogger("aicache")

DEFAULT_TIMEOUT: Final = 0.25


class EntryTier:
    """A tier that keeps live entries in this process."""

    in_process: Final = True

    def __init__(self, backend: HoldsEntries, options: Tier, name: str, codec: Codec) -> None:
        if options.timeout is not UNSET:
            raise ConfigurationError(f"tier {name!r} answers from this process, at once; leave its timeout out")
        self.backend = backend
        self.options = options
        self.counters = TierCounters(name)
        self.needs_raw = bool(options.min_bytes or options.max_bytes is not None)
        self.can_clear = supports(backend, SupportsClear)
        self.can_scan = supports(backend, SupportsScan)
        self._codec = codec
        self._stale: Any = backend if supports(backend, KeepsStale) else None

    async def read(self, key: str, *, with_life: bool) -> Item | str:  # noqa: ARG002 it knows the life of all it has
        """The item, which may be stale, or the reason why there is none."""
        entry = self.backend.peek(key)
        if entry is not None:
            self.counters.hits += 1
            return item_of(entry, self._codec, self.backend.clock())
        self.counters.misses += 1
        if self._stale is not None and (entry := self._stale.peek_stale(key)) is not None:
            return item_of(entry, self._codec, self._stale.clock())
        return "absent"

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones."""
        read = {key: await self.read(key, with_life=with_life) for key in keys}
        return {key: item for key, item in read.items() if isinstance(item, Item)}

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:  # noqa: ARG002 nothing overtakes it
        """Keep those whose pass holds and that fit; returns how many."""
        stored = sum([passes[key].store(partial(self._put, key, item)) for key, item in items.items()])
        self.counters.writes += stored
        return stored

    def _put(self, key: str, item: Item) -> bool:
        options, raw = self.options, item.raw
        size = size_in_memory(item.value) if raw is None else len(raw)
        fits = size >= options.min_bytes and (options.max_bytes is None or size <= options.max_bytes)
        if fits:
            share = item.immutable or raw is None or not self.backend.isolates
            value, thaw = (item.value, None) if share else (raw, item.thaw)
            ttl, stale_for = lives(item.ttl, item.stale_for, options.max_ttl)
            kept = {"stale": stale_for} if stale_for and self._stale is not None else {}
            fits = self.backend.put(
                key,
                value,
                thaw=thaw,
                size=size,
                created=item.created,
                ttl=ttl,
                compressed=item.compressed,
                cost=item.cost,
                **kept,
            )
        if not fits:
            self.counters.skipped += 1
            self.backend.drop(key)
        return fits

    def describe(self) -> str:
        """What this tier really does, in one line."""
        kept = "mutable values apart" if self.backend.isolates else "the very objects stored"
        return f"{self.counters.name}: {type(self.backend).__name__} in this process, keeps {kept}{said(self.options)}"

    def drop(self, keys: Sequence[str]) -> int:
        """Forget keys at once; returns how many were there."""
        return sum([self.backend.drop(key) for key in keys])

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        return self.drop(keys)

    async def scan(self, prefix: str) -> AsyncIterator[str]:
        """The keys that begin with `prefix`."""
        backend: Any = self.backend
        async for key in backend.scan(prefix):
            yield key

    async def answers(self, key: str) -> bool:  # noqa: ARG002 it needs no trial
        """True: it is in this process."""
        return True

    async def clear(self) -> None:
        """Forget everything."""
        backend: Any = self.backend
        await backend.clear()

    async def aclose(self) -> None:
        """Close the backend."""
        backend: Any = self.backend
        await backend.aclose()


class ByteTier:
    """A tier over a backend that stores bytes."""

    in_process: Final = False
    needs_raw: Final = True

    def __init__(
        self, backend: CacheBackend, options: Tier, name: str, codec: Codec, wall_clock: Callable[[], float]
    ) -> None:
        self.backend: Any = backend
        self.options = options
        self.counters = TierCounters(name)
        self.can_clear = supports(backend, SupportsClear)
        self.can_scan = supports(backend, SupportsScan)
        self._codec = codec
        self._wall_clock = wall_clock
        self._has_many = supports(backend, SupportsMany)
        self._has_ttl = supports(backend, SupportsTTL)
        self._failing = False
        own_deadline = supports(backend, HasDeadline)
        if options.timeout is UNSET:
            self._timeout = None if own_deadline or not IS_ASYNC else DEFAULT_TIMEOUT
        else:
            self._timeout = options.timeout
            if not IS_ASYNC and options.timeout is not None:
                raise ConfigurationError(
                    f"tier {name!r}: nothing can interrupt a sync backend from outside, so timeout={options.timeout:g} "
                    f"cannot hold; give {type(backend).__name__} a deadline of its own and leave the timeout out"
                )

    # -- reading

    async def read(self, key: str, *, with_life: bool) -> Item | str:
        """The item, or the reason why there is none. `with_life`: its remaining life is wanted too."""
        counters = self.counters
        left: float | None = None
        try:
            if with_life and self._has_ttl:
                found = await bounded(self.backend.get_with_ttl([key]), self._timeout)
                data, left = found.get(key, (None, None))
            elif self._timeout is None:
                data = await self.backend.get(key)
            else:
                data = await bounded(self.backend.get(key), self._timeout)
            if self._failing:
                self._answered()
        except Exception as error:
            counters.misses += 1
            return self._failed(error)
        item = "absent" if data is None else self._open(key, data, left)
        if isinstance(item, Item) and item.stale_for and self._has_ttl and not with_life:
            return await self.read(key, with_life=True)  # only the store can say whether it is stale
        if isinstance(item, Item) and item.is_fresh:
            counters.hits += 1
        else:
            counters.misses += 1
        return item

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones, in one round trip where the backend can."""
        items: dict[str, Item] = {}
        if with_life and self._has_ttl:
            found = await self._tried(self.backend.get_with_ttl, keys)
        elif self._has_many:
            found = {key: (data, None) for key, data in (await self._tried(self.backend.get_many, keys)).items()}
        else:
            read = {key: await self.read(key, with_life=with_life) for key in keys}
            return {key: item for key, item in read.items() if isinstance(item, Item)}
        for key, (data, left) in found.items():
            item = self._open(key, data, left)
            if isinstance(item, Item):
                items[key] = item
        if self._has_ttl and not with_life and any(item.stale_for for item in items.values()):
            return await self.read_many(keys, with_life=True)
        hits = sum([item.is_fresh for item in items.values()])
        self.counters.hits += hits
        self.counters.misses += len(keys) - hits
        return items

    async def _tried(self, verb: Any, keys: Sequence[str]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await bounded(verb(keys), self._timeout)
            self._answered()
        except Exception as error:
            self._failed(error)
            return {}
        return found

    def _open(self, key: str, data: bytes, left: float | None) -> Item | str:
        try:
            opened = self._codec.open(key, data)
        except EnvelopeError as refused:
            self.counters.refused[refused.reason] = self.counters.refused.get(refused.reason, 0) + 1
            return f"refused ({refused.reason})"
        fresh_for, stale_for = opened.fresh_for, opened.stale_for
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
                left = min(fresh_for, opened.created + fresh_for - self._wall_clock())
        compressed = opened.compressed
        return Item(
            opened.value, opened.raw, opened.thaw, opened.created, left, compressed=compressed, stale_for=stale_for
        )

    # -- writing

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:
        """Store those whose pass holds and that fit; returns how many. What does not fit leaves no older value there.

        A fill whose pass was revoked while it was on its way may have landed after the invalidation: it is taken out
        again. A fill is not tried on a backend that has just failed to answer: its caller has waited for it once.
        """
        if is_fill and self._failing:
            self.counters.skipped += len(items)
            return 0
        sealed: dict[str, tuple[bytes, float | None]] = {}
        unfit: list[str] = []
        for key, item in items.items():
            if passes[key].holds:
                entry = self._seal(key, item)
                if entry is None:
                    unfit.append(key)
                else:
                    sealed[key] = entry
        self.counters.skipped += len(unfit)
        if unfit and not is_fill:
            await self.remove(unfit)
        if not sealed:
            return 0
        try:
            if self._has_many and len(sealed) > 1:
                await bounded(self.backend.set_many(sealed), self._timeout)
            else:
                for key, (data, ttl) in sealed.items():
                    await bounded(self.backend.set(key, data, ttl=ttl), self._timeout)
            self._answered()
        except Exception as error:
            self._failed(error)
            return 0
        counters = self.counters
        for key, (data, _) in sealed.items():
            counters.writes += 1
            counters.raw_bytes += len(items[key].raw or b"")
            counters.stored_bytes += len(data)
        if is_fill:
            late = [key for key in sealed if not passes[key].holds]
            if late:
                await self.remove(late)
        return len(sealed)

    def _seal(self, key: str, item: Item) -> tuple[bytes, float | None] | None:
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
        fresh_for = None if ttl is None else age + ttl
        try:
            data = self._codec.seal(key, item.packed, created=item.created, fresh_for=fresh_for, stale_for=stale_for)
        except SerializationError:  # larger than the codec's bound once it is sealed
            return None
        return data, None if ttl is None else ttl + stale_for

    def drop(self, keys: Sequence[str]) -> int:  # noqa: ARG002 only a tier in this process can forget at once
        """0: this tier has to be asked, and waited for."""
        return 0

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        removed = 0
        try:
            if self._has_many and len(keys) > 1:
                removed = await bounded(self.backend.delete_many(keys), self._timeout)
            else:
                for key in keys:
                    removed += await bounded(self.backend.delete(key), self._timeout)
            self._answered()
        except Exception as error:
            self._failed(error)
        return removed

    async def scan(self, prefix: str) -> AsyncIterator[str]:
        """The keys that begin with `prefix`, up to where the backend fails."""
        try:
            async for key in self.backend.scan(prefix):
                yield key
            self._answered()
        except Exception as error:
            self._failed(error)

    async def answers(self, key: str) -> bool:
        """Whether the backend answers now, as a read of `key` shows."""
        try:
            await bounded(self.backend.get(key), self._timeout)
            self._answered()
        except Exception as error:
            self._failed(error)
            return False
        return True

    async def clear(self) -> None:
        """Forget everything."""
        try:
            await self.backend.clear()  # as long as it takes: many keys need many slices
            self._answered()
        except Exception as error:
            self._failed(error)

    async def aclose(self) -> None:
        """Close the backend."""
        await self.backend.aclose()

    # -- failing

    def describe(self) -> str:
        """What this tier really does, in one line."""
        deadline = (
            self.backend.deadline if self._timeout is None and supports(self.backend, HasDeadline) else self._timeout
        )
        wait = "waits as long as it takes" if deadline is None else f"waits {deadline:g} s at most"
        trips = "batches" if self._has_many else "one call for each key"
        clock = "the store's clock" if self._has_ttl else "the writers' clocks"
        fails = "a failure is a miss" if self.options.on_error == "skip" else "a failure is raised"
        kind = type(self.backend).__name__
        return f"{self.counters.name}: {kind}, {wait}, {trips}, lives by {clock}, {fails}{said(self.options)}"

    def _answered(self) -> None:
        if self._failing:
            self._failing = False
            _log.info("cache tier %r answers again", self.counters.name)

    def _failed(self, error: Exception) -> str:
        """Count the failure and say in a few words what it was; raise it where the tier's options want that."""
        late = isinstance(error, TimeoutError)
        if late:
            self.counters.timeouts += 1
        else:
            self.counters.errors += 1
        if not self._failing:
            self._failing = True
            _log.warning(
                "cache tier %r fails, its calls count as misses until it answers again: %r", self.counters.name, error
            )
        if self.options.on_error == "raise":
            kind = BackendTimeoutError if late else BackendError
            raise kind(f"tier {self.counters.name!r}: {str(error) or type(error).__name__}") from error
        return "timeout" if late else f"error ({type(error).__name__})"


def item_of(entry: Entry, codec: Codec, now: float) -> Item:
    """The item that an in-process backend keeps as `entry`, at the time `now` of its clock."""
    expires, ends = entry.expires, getattr(entry, "ends", None)
    ttl = None if expires is None else expires - now
    stale_for = 0.0 if expires is None or ends is None else ends - expires
    thaw = entry.thaw
    value, raw = (entry.value, None) if thaw is None else (thaw(entry.value), entry.value)
    return Item(value, raw, thaw or codec.loads, entry.created, ttl, compressed=entry.compressed, stale_for=stale_for)


def said(options: Tier) -> str:
    """The options that differ from the defaults, for `describe`."""
    usual = Tier(backend=None)
    names = ("read", "write", "promote", "max_ttl", "min_bytes", "max_bytes")
    return "".join(
        [f", {name}={getattr(options, name)!r}" for name in names if getattr(options, name) != getattr(usual, name)]
    )
