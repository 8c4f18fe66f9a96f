"""The tiers of one cache, in order: how an item is found, promoted, stored and removed. It speaks of items, not of
policy.

Two rules keep the tiers from contradicting each other. What is stored goes to the last tier first and what is removed
leaves the last tier first, so a tier never answers with what a tier below it no longer has. And each step upwards needs
a pass that still holds (`aicache._kernel.fence`), so what was read or loaded before an invalidation is never stored
after it.

A chain has the verbs of a tier, so a cache can be a tier of another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from aicache._async.entries import EntryTier
from aicache._async.hearing import Hearing
from aicache._async.lagging import LaggingTier
from aicache._async.leasing import LeasingTier
from aicache._async.routes import routes
from aicache._async.tiers import ByteTier
from aicache._kernel.counters import Counters
from aicache._kernel.events import Events
from aicache._kernel.fence import Fence, Pass
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease
from aicache.codecs import Codec
from aicache.errors import UnsupportedError

if TYPE_CHECKING:
    from aicache._async.nested import NestedTier

__all__ = ["AnyTier", "Chain"]

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
        self._readers = routes(self.tiers)
        self._writers = [tier for tier in reversed(self.tiers) if tier.options.write]
        self._promotes = any(above for _, above in self._readers)
        self.wants_lives = False
        self.needs_raw: bool = any(tier.needs_raw for tier in self.tiers)
        self.isolates = any(isinstance(tier, EntryTier) and tier.backend.isolates for tier in self.tiers)
        last = self.tiers[-1]
        self.leasing = last if isinstance(last, LeasingTier) and last.options.read and last.options.write else None
        """The tier that lets nothing that was loaded in without a lease."""
        if self.leasing is not None:
            self._loaders = loaders = routes(self.tiers, self.leasing)
            self._lease = last.find if isinstance(last, LaggingTier) and not loaders[-1][1] else self.leasing.lease
        self.hearing: Hearing | None = None
        only = self.tiers[0] if len(self.tiers) == 1 else None
        self.alone = only if isinstance(only, EntryTier) and only.options.read and only.options.write else None
        """The one tier there is, where it is in this process: nothing has to be waited for."""

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
        part.counters, part.fence, part.hearing = self.counters, self.fence, self.hearing
        if self.hearing is not None:
            part.alone = None  # what it keeps depends on what is heard
        return part

    def item(
        self, value: object, created: float, ttl: float | None, cost: float | None = None, stale_for: float = 0.0
    ) -> Item:
        """An item of this chain; raises `SerializationError` where it must be serialized and cannot."""
        item = Item(value, None, self._thaw, created, ttl)
        item.cost = cost
        if ttl is not None:
            item.stale_for = stale_for
        if self.needs_raw or (self.isolates and not item.immutable):
            item.raw = self.codec.dumps(value)
        return item

    # -- reading

    def look(self, key: str, *, with_life: bool = False, stale: list[Item] | None = None) -> Awaitable[Item | str]:
        """`find`, under a pass of its own where there is a tier to promote to."""
        if self._promotes:
            return self._find_under_pass(key, with_life, stale)
        return self.find(key, {}, with_life=with_life, stale=stale)

    async def hear(self) -> None:
        """Begin to hear what other processes do, before anything is read that is to be kept here."""
        if self.hearing is not None and not self.hearing.has_begun:
            await self.hearing.begin()

    async def _find_under_pass(self, key: str, with_life: bool, stale: list[Item] | None) -> Item | str:
        if self.hearing is not None and not self.hearing.has_begun:  # `hear`, without one await more for each read
            await self.hearing.begin()
        with self.fence.enter((key,)) as granted:
            return await self.find(key, granted, with_life=with_life, stale=stale)

    def look_many(self, keys: Sequence[str]) -> Awaitable[dict[str, Item]]:
        """`find_many`, under passes of its own where there is a tier to promote to."""
        return self._find_many_under_passes(keys) if self._promotes else self.find_many(keys, {})

    async def _find_many_under_passes(self, keys: Sequence[str]) -> dict[str, Item]:
        await self.hear()
        with self.fence.enter(keys) as granted:
            return await self.find_many(keys, granted)

    async def find(
        self,
        key: str,
        granted: Mapping[str, Pass],
        *,
        with_life: bool = False,
        stale: list[Item] | None = None,
        lease: Lease | None = None,
    ) -> Item | str:
        """The fresh item, promoted to the tiers above; or what each tier said. `stale`: takes the stale ones; `lease`:
        what is needed to store one that is not there.
        """
        said: list[str] = []
        events, leasing = self.counters.events, None if lease is None else self.leasing
        with_life = with_life or self.wants_lives
        for tier, above in self._readers if leasing is None else self._loaders:
            if lease is not None and leasing is not None and tier is leasing:
                item = (await self._lease((key,), lease)).get(key, "absent")
            else:
                item = await tier.read(key, with_life=with_life or bool(above))
            if isinstance(item, str):
                said.append(f"{tier.counters.name}: {item}")
                continue
            item.tier = tier.counters.name
            if not item.stale_for or item.is_fresh:
                if events is not None:
                    events.tell("hit", key, tier=item.tier)
                if above:
                    await self._promote(above, {key: item}, granted)
                return item
            if stale is not None:
                stale.append(item)
            said.append(f"{tier.counters.name}: stale")
        self.counters.misses += 1
        reason = "; ".join(said)
        if events is not None:
            events.tell("miss", key, reason=reason)
        return reason

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
        self,
        keys: Sequence[str],
        granted: Mapping[str, Pass],
        stale: dict[str, list[Item]] | None = None,
        lease: Lease | None = None,
    ) -> dict[str, Item]:
        """The fresh ones, each tier asked once for those still missing. `stale`, `lease`: as for `find`."""
        found: dict[str, Item] = {}
        events, leasing = self.counters.events, None if lease is None else self.leasing
        for tier, above in self._readers if leasing is None else self._loaders:
            missing = [key for key in keys if key not in found] if found else keys
            if not missing:
                break
            if lease is not None and leasing is not None and tier is leasing:
                items = await self._lease(missing, lease)
            else:
                items = await tier.read_many(missing, with_life=bool(above) or self.wants_lives)
            fresh = {key: item for key, item in items.items() if not item.stale_for or item.is_fresh}
            if stale is not None and len(fresh) < len(items):
                for key, item in items.items():
                    item.tier = tier.counters.name
                    if not item.is_fresh:
                        stale.setdefault(key, []).append(item)
            if events is not None:
                events.tell_of("hit", list(fresh), tier=tier.counters.name)
            if fresh and above:
                await self._promote(above, fresh, granted)
            found = found | fresh if found else fresh
        self.counters.misses += len(keys) - len(found)
        if events is not None:
            events.tell_of("miss", [key for key in keys if key not in found])
        return found

    async def look_again(self, keys: Sequence[str], granted: Mapping[str, Pass], lease: Lease) -> dict[str, Item]:
        """Of the items that other processes were loading the fresh ones, promoted."""
        if self.leasing is None:
            return {}
        tier, above = self._loaders[-1]
        items = await self.leasing.lease(keys, lease)
        fresh = {key: item for key, item in items.items() if item.is_fresh}
        stale = [key for key in items if key not in fresh]
        if stale:
            await self.leasing.lease(stale, lease, renewing=True)  # it says who is to replace them
        for item in fresh.values():
            item.tier = tier.counters.name
        if fresh and above:
            await self._promote(above, fresh, granted)
        return fresh

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

    def _store(
        self,
        tier: AnyTier,
        items: Mapping[str, Item],
        granted: Mapping[str, Pass],
        reason: str | None = None,
        *,
        is_fill: bool = True,
    ) -> Awaitable[int]:
        if self.counters.events is None:
            return tier.store(items, granted, is_fill=is_fill)
        return self._store_and_tell(tier, items, granted, reason, is_fill)

    async def _store_and_tell(
        self,
        tier: AnyTier,
        items: Mapping[str, Item],
        granted: Mapping[str, Pass],
        reason: str | None,
        is_fill: bool,
    ) -> int:
        stored = await tier.store(items, granted, is_fill=is_fill)
        self._tell_of_stored(tier, items, stored, reason)
        return stored

    def _tell_of_stored(self, tier: AnyTier, items: Mapping[str, Item], stored: int, reason: str | None) -> None:
        if stored and self.counters.events is not None:
            key = next(iter(items)) if len(items) == 1 else None
            self.counters.events.tell("store", key, tier=tier.counters.name, reason=reason, count=stored)

    async def fill(self, items: Mapping[str, Item], granted: Mapping[str, Pass], lease: Lease | None = None) -> None:
        """Store what was loaded under passes, and a lease where there are some, that were taken before it began."""
        kept, leasing = items, self.leasing
        for tier in self._writers:
            if lease is not None and leasing is not None and tier is leasing:
                before = leasing.counters.writes
                fit = await leasing.fill(items, granted, lease)
                kept = {key: items[key] for key in fit}
                self._tell_of_stored(leasing, items, leasing.counters.writes - before, None)
            else:
                await self._store(tier, kept, granted)
        is_leased = lease is not None and leasing is not None
        passed = [key for key in kept if (granted[key].stands if is_leased else granted[key].holds)]
        self.counters.overtaken += len(items) - len(passed)

    async def renew(self, key: str, item: Item, granted: Mapping[str, Pass], names: Collection[str]) -> None:
        """Store an item again, in those tiers that have it."""
        for tier in self._writers:
            if tier.counters.name in names:
                await self._store(tier, {key: item}, granted, "touch")

    async def write(self, items: Mapping[str, Item]) -> None:
        """Store what the caller says; whatever else is on its way under these keys is older, and is not stored."""
        await self.hear()
        done = False
        with self.fence.enter(items, revoking=True) as granted:
            try:
                for tier in self._writers:
                    await self._store(tier, items, granted, is_fill=False)
                    for held in granted.values():
                        held.renew()  # a read of this tier that began before is old news to the tiers above
                done = True
            finally:
                overtaken = [key for key, held in granted.items() if not (done and held.holds)]
                if overtaken:  # or cancelled: the tiers above may hold what is no longer true
                    self.drop(overtaken)

    # -- tags

    @property
    def shared(self) -> ByteTier | None:
        """The last tier, where it is not in this process."""
        last = self.tiers[-1]
        return last if isinstance(last, ByteTier) else None

    async def versions(self, tags: Sequence[str]) -> Mapping[str, bytes]:
        """The versions under which a value with these tags is made.

        One that cannot be told now is empty: no shared tier will believe such a value, and those of this process need
        no versions. Raises `UnsupportedError` where the last tier keeps none.
        """
        shared = self.shared
        if shared is None:
            return dict.fromkeys(tags, b"")
        if not shared.versions.are_kept:
            raise UnsupportedError(
                f"tier {shared.counters.name!r} keeps no versions of tags; "
                "leave the tags out, or use a backend that does"
            )
        return dict.fromkeys(tags, b"") | await shared.versions.of(tags, create=True)

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Let no value be valid any more that has one of these tags."""
        self.told_to_forget(tags, "tags")
        self.fence.revoke_all()  # which of what is on its way has them is not known
        self.drop_tagged(tags)
        for tier in reversed(self.tiers):
            await tier.invalidate_tags(tags)
            self.fence.revoke_all()
        self.drop_tagged(tags)

    def drop_tagged(self, tags: Sequence[str]) -> None:
        """Forget what has one of these tags in the tiers of this process, at once."""
        for tier in self.tiers:
            tier.drop_tagged(tags)

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
        self.told_to_forget([prefix], "prefix")
        self.fence.revoke_where(lambda key: key.startswith(prefix) and matches(key))
        if self.leasing is not None:  # what another process is loading must not be stored after
            loading = [key async for key in self.leasing.leased(prefix) if matches(key)]
            for start in range(0, len(loading), _SLICE):
                await self.leasing.remove(loading[start : start + _SLICE])
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
        self.told_to_forget(keys, None)
        return await self._remove(keys, self.tiers)

    def told_to_forget(self, keys: Sequence[str], reason: str | None) -> None:
        """Count an invalidation and tell of it."""
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

    def end(self, key: str, stale_for: float) -> bool:
        """End a key's freshness in the tiers of this process, at once; returns whether one of them had it fresh."""
        return max([tier.end(key, stale_for) for tier in self.tiers])

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
        self.told_to_forget([""], "clear")
        self.fence.revoke_all()
        for tier in reversed(self.tiers):
            await tier.clear()
            self.fence.revoke_all()

    async def aclose(self) -> None:
        """Close every tier, the last too where the first fails to."""
        if self.hearing is not None:
            await self.hearing.aclose()
        error: BaseException | None = None
        for tier in self.tiers:
            try:
                await tier.aclose()
            except Exception as failed:
                error = failed
        if error is not None:
            raise error
