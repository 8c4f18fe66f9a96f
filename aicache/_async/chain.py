"""The tiers of one cache, in order: how an item is found, promoted, stored and removed. It speaks of items, not of
policy.

Two rules keep the tiers from contradicting each other. What is stored goes to the last tier first and what is removed
leaves the last tier first, so a tier never answers with what a tier below it no longer has. And each step upwards needs
a pass that still holds (`aicache._kernel.fence`), so what was read or loaded before an invalidation is never stored
after it.

A chain has the verbs of a tier, so a cache can be a tier of another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from aicache._async.entries import EntryTier, said
from aicache._async.tiers import ByteTier
from aicache._kernel.counters import Counters, TierCounters
from aicache._kernel.events import Events
from aicache._kernel.fence import Fence, Pass
from aicache._kernel.item import Item
from aicache._kernel.lifetime import lives
from aicache.codecs import Codec
from aicache.errors import ConfigurationError, SerializationError, UnsupportedError
from aicache.options import UNSET, Tier

__all__ = ["Chain", "NestedTier"]


_SLICE: Final = 500

AnyTier: TypeAlias = "EntryTier | ByteTier | NestedTier"


class Chain:
    """The tiers of one cache."""

    def __init__(self, tiers: Sequence[AnyTier], codec: Codec) -> None:
        self.tiers = tuple(tiers)
        self.codec = codec
        self._thaw = codec.loads  # bound once, and not for each entry
        self.counters = Counters()
        self.fence = Fence()
        self._readers = [(at, tier) for at, tier in enumerate(self.tiers) if tier.options.read]
        self._writers = [tier for tier in reversed(self.tiers) if tier.options.write]
        self._above = {
            at: [t for t in reversed(self.tiers[:at]) if t.options.promote and t.options.write]
            for at, _ in self._readers
        }
        self._promotes = any(self._above.values())
        self.wants_lives = False
        self.needs_raw: bool = any(tier.needs_raw for tier in self.tiers)
        self.isolates = any(isinstance(tier, EntryTier) and tier.backend.isolates for tier in self.tiers)

    def listen(self, events: Events) -> None:
        """Have what happens here and in the tiers told; a tier that is a cache of its own has listeners of its own."""
        self.counters.events = events
        for tier in self.tiers:
            tier.counters.events = events
            if isinstance(tier, EntryTier):
                tier.listen(events)

    def only(self, names: Collection[str]) -> Chain:
        """Some of the tiers, with the fence and the counts of all."""
        part = Chain([tier for tier in self.tiers if tier.counters.name in names], self.codec)
        part.counters, part.fence, part.wants_lives = self.counters, self.fence, self.wants_lives
        return part

    def item(
        self, value: object, created: float, ttl: float | None, cost: float | None = None, stale_for: float = 0.0
    ) -> Item:
        """An item of this chain; raises `SerializationError` where it must be serialized and cannot."""
        item = Item(value, None, self._thaw, created, ttl, cost=cost, stale_for=0.0 if ttl is None else stale_for)
        if self.needs_raw or (self.isolates and not item.immutable):
            item.raw = self.codec.dumps(value)
        return item

    # -- reading

    def look(self, key: str, *, with_life: bool = False) -> Awaitable[Item | str]:
        """`find`, under a pass of its own where there is a tier to promote to."""
        return self._find_under_pass(key, with_life) if self._promotes else self.find(key, {}, with_life=with_life)

    async def _find_under_pass(self, key: str, with_life: bool) -> Item | str:
        with self.fence.enter((key,)) as granted:
            return await self.find(key, granted, with_life=with_life)

    async def find(
        self, key: str, granted: Mapping[str, Pass], *, with_life: bool = False, stale: list[Item] | None = None
    ) -> Item | str:
        """The fresh item, promoted to the tiers above; or what each tier said. `stale`: takes the stale ones."""
        said: list[str] = []
        events = self.counters.events
        for at, tier in self._readers:
            above = self._above[at]
            item = await tier.read(key, with_life=with_life or bool(above) or self.wants_lives)
            if isinstance(item, Item):
                item.tier = tier.counters.name
                if item.is_fresh:
                    if events is not None:
                        events.tell("hit", key, tier=item.tier)
                    if above:
                        await self._promote(above, {key: item}, granted)
                    return item
                if stale is not None:
                    stale.append(item)
                item = "stale"
            said.append(f"{tier.counters.name}: {item}")
        self.counters.misses += 1
        if events is not None:
            events.tell("miss", key, reason="; ".join(said))
        return "; ".join(said)

    def refuse(self, key: str, found: Item, reason: str) -> None:
        """Count what was found as a miss after all, since it is not what was asked for."""
        tier = next(tier.counters for tier in self.tiers if tier.counters.name == found.tier)
        tier.hits -= 1
        tier.misses += 1
        tier.refuse(key, reason)
        self.counters.misses += 1
        if self.counters.events is not None:
            self.counters.events.tell("miss", key, reason=f"{tier.name}: {reason}")

    async def find_many(
        self, keys: Sequence[str], granted: Mapping[str, Pass], stale: dict[str, list[Item]] | None = None
    ) -> dict[str, Item]:
        """The fresh ones, each tier asked once for those still missing. `stale`: takes the stale ones."""
        found: dict[str, Item] = {}
        events = self.counters.events
        for at, tier in self._readers:
            missing = [key for key in keys if key not in found]
            if not missing:
                break
            above = self._above[at]
            items = await tier.read_many(missing, with_life=bool(above) or self.wants_lives)
            fresh = {key: item for key, item in items.items() if item.is_fresh}
            if stale is not None and len(fresh) < len(items):
                for key, item in items.items():
                    item.tier = tier.counters.name
                    if not item.is_fresh:
                        stale.setdefault(key, []).append(item)
            if events is not None:
                events.tell_of("hit", list(fresh), tier=tier.counters.name)
            if fresh and above:
                await self._promote(above, fresh, granted)
            found |= fresh
        self.counters.misses += len(keys) - len(found)
        if events is not None:
            events.tell_of("miss", [key for key in keys if key not in found])
        return found

    async def _promote(
        self,
        above: Sequence[AnyTier],
        items: Mapping[str, Item],
        granted: Mapping[str, Pass],
    ) -> None:
        living = {key: item for key, item in items.items() if item.ttl is None or item.ttl > 0}
        for tier in above:
            tier.counters.promotions += await self._store(tier, living, granted, "promotion")

    # -- writing

    async def _store(
        self,
        tier: AnyTier,
        items: Mapping[str, Item],
        granted: Mapping[str, Pass],
        reason: str | None = None,
        *,
        is_fill: bool = True,
    ) -> int:
        stored = await tier.store(items, granted, is_fill=is_fill)
        if self.counters.events is not None and stored:
            key = next(iter(items)) if len(items) == 1 else None
            self.counters.events.tell("store", key, tier=tier.counters.name, reason=reason, count=stored)
        return stored

    async def fill(self, items: Mapping[str, Item], granted: Mapping[str, Pass]) -> None:
        """Store what was loaded under passes that were taken before the load began."""
        for tier in self._writers:
            await self._store(tier, items, granted)
        self.counters.overtaken += sum([not granted[key].holds for key in items])

    async def write(self, items: Mapping[str, Item]) -> None:
        """Store what the caller says; whatever else is on its way under these keys is older, and is not stored."""
        keys = list(items)
        done = False
        with self.fence.enter(keys, revoking=True) as granted:
            try:
                for tier in self._writers:
                    await self._store(tier, items, granted, is_fill=False)
                    for held in granted.values():
                        held.renew()  # a read of this tier that began before is old news to the tiers above
                done = True
            finally:
                overtaken = [key for key in keys if not (done and granted[key].holds)]
                if overtaken:  # or cancelled: the tiers above may hold what is no longer true
                    self.drop(overtaken)

    # -- removing

    async def remove_prefix(self, prefix: str, matches: Callable[[str], bool]) -> int:
        """Forget in every tier the keys that begin with `prefix` and match; returns how many different ones there were.

        What is on its way under such a key is not stored. Raises `UnsupportedError`, with nothing changed, where a
        tier cannot list its keys.
        """
        for tier in self.tiers:
            if not tier.can_scan:
                raise UnsupportedError(
                    f"tier {tier.counters.name!r} cannot forget by prefix: its backend has no scan(); "
                    "give it one, or delete the keys one by one"
                )
        removed = 0
        self._told_to_forget([prefix], "prefix")
        self.fence.revoke_where(lambda key: key.startswith(prefix) and matches(key))
        for at in reversed(range(len(self.tiers))):
            upwards = self.tiers[: at + 1]  # what the tiers below had is gone from all, or they do not answer
            some: list[str] = []
            async for key in self.tiers[at].scan(prefix, matches):
                if matches(key):
                    some.append(key)
                    if len(some) == _SLICE:
                        removed += await self._remove(some, upwards)
                        some = []
            if some:
                removed += await self._remove(some, upwards)
            self.fence.revoke_where(lambda key: key.startswith(prefix) and matches(key))
        return removed

    async def drop_prefix(self, prefix: str, matches: Callable[[str], bool]) -> int:
        """The same in the tiers of this process alone."""
        dropped = 0
        for tier in self.tiers:
            if tier.in_process and tier.can_scan:
                keys = [key async for key in tier.scan(prefix, matches)]
                dropped += tier.drop([key for key in keys if matches(key)])
        return dropped

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys in every tier; returns how many were there, in the tier that had most of them."""
        self._told_to_forget(keys, None)
        return await self._remove(keys, self.tiers)

    def _told_to_forget(self, keys: Sequence[str], reason: str | None) -> None:
        self.counters.invalidations += len(keys)
        if self.counters.events is not None:
            self.counters.events.tell_of("invalidate", keys, reason=reason)

    async def _remove(self, keys: Sequence[str], tiers: Sequence[AnyTier]) -> int:
        self.fence.revoke(keys)
        most = self.drop(keys)
        for tier in reversed(tiers):
            most = max(most, await tier.remove(keys))
            self.fence.revoke(keys)
        return max(most, self.drop(keys))

    def drop(self, keys: Sequence[str]) -> int:
        """Forget keys in the tiers of this process, at once; returns how many were there."""
        return max([tier.drop(keys) for tier in self.tiers])

    async def clear(self) -> None:
        """Forget everything in every tier; raises `UnsupportedError`, with nothing changed, where one of them
        cannot.
        """
        for tier in self.tiers:
            if not tier.can_clear:
                raise UnsupportedError(
                    f"tier {tier.counters.name!r} cannot clear: its backend has no clear(); "
                    "give it one, or delete the keys one by one"
                )
        self._told_to_forget([""], "clear")
        self.fence.revoke_all()
        for tier in reversed(self.tiers):
            await tier.clear()
            self.fence.revoke_all()

    async def aclose(self) -> None:
        """Close every tier, the last too where the first fails to."""
        error: BaseException | None = None
        for tier in self.tiers:
            try:
                await tier.aclose()
            except Exception as failed:
                error = failed
        if error is not None:
            raise error


class NestedTier:
    """A tier that is a cache of its own, with its own codec, counts and fence."""

    def __init__(self, chain: Chain, options: Tier, name: str) -> None:
        if options.timeout is not UNSET:
            raise ConfigurationError(
                f"tier {name!r} is a cache; set the timeout on its own tiers and leave it out here"
            )
        self.chain = chain
        self.options = options
        self.counters = TierCounters(name)
        self.in_process: bool = chain.tiers[0].in_process
        self.can_clear: bool = all(tier.can_clear for tier in chain.tiers)
        self.can_scan: bool = all(tier.can_scan for tier in chain.tiers)
        self.needs_raw: bool = bool(options.min_bytes or options.max_bytes is not None)

    async def read(self, key: str, *, with_life: bool) -> Item | str:
        """The item, or the reasons why there is none."""
        stale: list[Item] = []
        with self.chain.fence.enter((key,)) as granted:
            found = await self.chain.find(key, granted, with_life=with_life, stale=stale)
        if isinstance(found, str):
            self.counters.misses += 1
            return stale[0] if stale else f"({found})"
        self.counters.hits += 1
        return found

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones."""
        if with_life:  # a batch does not ask for lives that its own tiers have no use for
            read = {key: await self.read(key, with_life=True) for key in keys}
            return {key: item for key, item in read.items() if isinstance(item, Item)}
        with self.chain.fence.enter(keys) as granted:
            found = await self.chain.find_many(keys, granted)
        self.counters.hits += len(found)
        self.counters.misses += len(keys) - len(found)
        return found

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:
        """Store those whose pass holds and that fit; a fill whose pass was revoked on its way is taken out again."""
        own = {key: mine for key, item in items.items() if passes[key].holds and (mine := self._adopted(key, item))}
        if own:
            await self.chain.write(own)
            self.counters.writes += len(own)
            late = [key for key in own if is_fill and not passes[key].holds]
            if late:
                await self.chain.remove(late)
        return len(own)

    def _adopted(self, key: str, item: Item) -> Item | None:
        options, raw = self.options, item.raw
        if raw is not None and not options.min_bytes <= len(raw) <= (options.max_bytes or len(raw)):
            self.counters.skip([key], "size")
            return None
        try:
            ttl, stale_for = lives(item.ttl, item.stale_for, options.max_ttl)
            return self.chain.item(item.for_another(), item.created, ttl, item.cost, stale_for)
        except SerializationError:
            self.counters.skip([key], "unserializable")
            return None

    def describe(self) -> str:
        """What this tier really does, in a line for itself and one for each of its own tiers."""
        inner = "".join(f"\n   - {tier.describe()}" for tier in self.chain.tiers)
        return f"{self.counters.name}: a cache of its own{said(self.options)}{inner}"

    def drop(self, keys: Sequence[str]) -> int:
        """Forget keys in the tiers of this process, at once; returns how many were there."""
        return self.chain.drop(keys)

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        return await self.chain.remove(keys)

    async def scan(self, prefix: str, matches: Callable[[str], bool]) -> AsyncIterator[str]:
        """The keys that begin with `prefix`; one that several of its tiers have comes several times."""
        for tier in self.chain.tiers:
            async for key in tier.scan(prefix, matches):
                yield key

    async def answers(self, key: str) -> bool:
        """Whether all its tiers answer now."""
        return all([await tier.answers(key) for tier in self.chain.tiers])

    async def clear(self) -> None:
        """Forget everything."""
        await self.chain.clear()

    async def aclose(self) -> None:
        """Close its tiers."""
        await self.chain.aclose()
