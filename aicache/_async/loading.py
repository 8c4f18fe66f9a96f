"""Loads: what is found is handed out, what is not is made by a factory, once, and stored; stale values stand in.

`aicache._kernel.outcomes` decides what a factory's answer comes to, `flights` sees that there is one load at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from aicache._async.chain import Chain
from aicache._async.fleet import Fleet
from aicache._async.flights import Flight, Flights
from aicache._async.primitives import call, within
from aicache._kernel.checks import checked_mapping
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache._kernel.leases import turn
from aicache._kernel.lifetime import freshest, jittered, may_stand_in
from aicache._kernel.outcomes import Call, made, previous_value
from aicache._kernel.results import told
from aicache._kernel.tags import NO_TAGS
from aicache._kernel.throttle import Throttle
from aicache.errors import LoadTimeoutError, SerializationError
from aicache.options import UNSET

__all__ = ["Loads"]

_MARGIN: Final = 1.0  # seconds: a version must be that much older than a load


class Loads:
    """The loads of one cache."""

    def __init__(
        self,
        chain: Chain,
        flights: Flights,
        throttle: Throttle,
        wall_clock: Callable[[], float],
        random: Callable[[], float],
        fleet: Fleet,
    ) -> None:
        self._chain = chain
        self.fleet = fleet
        self._counters = chain.counters
        self._flights = flights
        self._throttle = throttle
        self._wall_clock = wall_clock
        self._random = random

    def item(self, value: object, ttl: float | None, cost: float | None, asked: Call) -> Item:
        """An item of this cache; raises `SerializationError`."""
        policy = asked.policy
        if policy.jitter:
            ttl = jittered(ttl, policy.jitter, self._random())
        return self._chain.item(value, self._wall_clock(), ttl, cost, policy.stale_for)

    async def obtain(self, key: str, factory: Callable[[], Any], asked: Call) -> tuple[Item, bool]:
        """The item, found or loaded or stale, and whether by a load that was under way already."""
        policy, asked_at = asked.policy, turn()
        while True:
            item, joined = await self._flights.run(key, policy, self._load_one, factory, asked, False)
            if item is None:
                continue  # the load of many that this joined did not bring the key
            if joined and _may_be_older(item, asked_at):
                continue  # what is asked from now on is not
            if item.tier is not None:
                if not item.is_fresh:
                    self.served_stale(key, item)
                elif policy.refresh_ahead is not None and self.is_due(item.ttl, asked):
                    self.refresh(key, factory, asked)
            return item, joined

    async def obtain_many(
        self, keys: Sequence[str], factory: Callable[..., Any], asked: Call
    ) -> dict[str, tuple[Item | None, bool]]:
        """The same for many; None for those that the factory did not bring."""
        load, asked_at = partial(self._load_many, factory, asked), turn()
        got = await self._flights.run_many(keys, asked.policy, load)
        late = [key for key, (item, joined) in got.items() if joined and item and _may_be_older(item, asked_at)]
        if late:
            got |= await self._flights.run_many(late, asked.policy, load)
        for key, (item, _) in got.items():
            if item is not None and not item.is_fresh:
                self.served_stale(key, item)
        return got

    def served_stale(self, key: str, item: Item) -> None:
        """Count one caller more who is served a value past its ttl."""
        self._counters.stale += 1
        if self._counters.events is not None:
            self._counters.events.tell("stale", key, tier=item.tier, seconds=-(item.ttl or 0.0))

    def is_due(self, ttl: float | None, asked: Call) -> bool:
        """Whether a value that is fresh for `ttl` seconds more is to be made anew ahead of its end."""
        whole = asked.policy.ttl if asked.ttl is UNSET else asked.ttl
        ahead = asked.policy.refresh_ahead
        if ttl is None or whole is None or ahead is None:
            return False
        return ttl < (1 - ahead) * whole

    def refresh(self, key: str, factory: Callable[[], Any], asked: Call) -> None:
        """Make a new value in the background, unless that is under way, or has just failed."""
        if not self._throttle.holds(key):
            started = self._flights.start(key, partial(self._load_one, factory, asked, True))
            self._counters.refreshes += started
            if started and self._counters.events is not None:
                self._counters.events.tell("refresh", key)

    async def _load_one(
        self, factory: Callable[[], Any], asked: Call, renew: bool, flight: Flight, keys: list[str]
    ) -> dict[str, Item]:
        key, policy = keys[0], asked.policy
        await self._chain.hear()
        with self._chain.fence.enter(keys) as granted:
            flight.passes = granted
            versions = await self._chain.versions(asked.tags) if asked.tags else NO_TAGS
            lease, stale = self.fleet.lease(policy.lease, renews=renew), cast("list[Item]", [])
            found = await self._chain.find(key, granted, stale=stale, lease=lease)
            if not isinstance(found, str):
                if not renew:
                    return {key: found}
                old: Item | None = found
            else:
                old = freshest(stale, policy.stale_for)
            if old is not None and not renew and self._stand_in(flight, key, old, asked):
                return {key: old}
            if stale or renew:
                await self.fleet.renewing(keys, lease)
            if renew and lease is not None and lease.elsewhere:
                return {key: old} if old is not None else {}  # another process makes a new one
            try:
                if lease is not None:
                    waited: dict[str, Item] = {}
                    await self.fleet.wait(keys, granted, lease, policy, waited)
                    if waited:
                        return waited
                async with self.fleet.holding(lease):
                    begun = monotonic()
                    item = await self._made(key, factory, asked, old)
                    if item.skipped is None and await self.tagged([(key, item)], versions, begun):
                        await self._chain.fill({key: item}, granted, lease)
            except Exception:
                self._throttle.hold(key, policy.throttle)
                if old is not None and may_stand_in(old, policy.stale_if_error) and granted[key].holds:
                    return {key: old}
                raise
            return {key: item}

    async def _load_many(
        self, factory: Callable[..., Any], asked: Call, flight: Flight, keys: list[str]
    ) -> dict[str, Item]:
        policy = asked.policy
        await self._chain.hear()
        with self._chain.fence.enter(keys) as granted:
            flight.passes = granted
            versions = await self._chain.versions(asked.tags) if asked.tags else NO_TAGS
            lease, stale = self.fleet.lease(policy.lease), cast("dict[str, list[Item]]", {})
            items = await self._chain.find_many(keys, granted, stale, lease)
            found = {key: freshest(some, policy.stale_for) for key, some in stale.items() if key not in items}
            old = {key: item for key, item in found.items() if item is not None}
            for key, item in old.items():
                if self._stand_in(flight, key, item, asked):
                    items[key] = item
            if stale:
                await self.fleet.renewing(list(stale), lease)
            missing = [key for key in keys if key not in items]
            try:
                while missing:
                    mine = [key for key in missing if lease is None or key not in lease.elsewhere]
                    if not mine:
                        await self.fleet.wait(missing, granted, lease, policy, items)
                    else:  # first: other processes may be waiting for these
                        async with self.fleet.holding(lease):
                            begun = monotonic()
                            loaded = await self._made_many(mine, factory, asked, old)
                            kept = [(key, item) for key, item in loaded.items() if item.skipped is None]
                            await self._chain.fill(dict(await self.tagged(kept, versions, begun)), granted, lease)
                        items |= loaded
                    missing = [key for key in missing if key not in items and key not in mine]
            except Exception:
                for key in missing:
                    self._throttle.hold(key, policy.throttle)
                    if key in old and may_stand_in(old[key], policy.stale_if_error) and granted[key].holds:
                        items[key] = old[key]
                if len(items) == len(keys):
                    return items
                for key, item in items.items():  # who waits for these alone is served
                    flight.offer(key, item, 0, granted[key])
                raise
            return items

    async def tagged(
        self, items: Sequence[tuple[str, Item]], versions: Mapping[str, bytes], begun: float
    ) -> list[tuple[str, Item]]:
        """Those that may be stored, with the versions of their tags from before they were made.

        A tag that only the factory named has a version from after; it will do if that is older than the load.
        """
        if not versions and not any(item.tags for _, item in items):
            return [*items]  # as nearly all are
        late = list(dict.fromkeys(tag for _, item in items for tag in item.tags if tag not in versions))
        found, young, shared = NO_TAGS, set[str](), self._chain.shared
        if late:
            found = await self._chain.versions(late)
            if shared is not None:
                young = await shared.versions.made_since(late, monotonic() - begun + _MARGIN)
        fit: list[tuple[str, Item]] = []
        for key, item in items:
            own = [tag for tag in item.tags if tag not in versions]
            item.tags = {**versions, **{tag: found[tag] for tag in own}} if own else versions
            if young.isdisjoint(own):
                fit.append((key, item))
            else:
                self.skipped(key, "tags")
        return fit

    def _stand_in(self, flight: Flight, key: str, old: Item, asked: Call) -> bool:
        """Offer the stale value to those who wait, when the policy says; True where it is all that they get now."""
        policy = asked.policy
        if self._throttle.holds(key):
            return True
        granted: Pass = flight.passes[key]
        if may_stand_in(old, policy.stale_while_revalidate):
            self._counters.refreshes += 1
            if self._counters.events is not None:
                self._counters.events.tell("refresh", key)
            flight.offer(key, old, 0, granted)
        elif may_stand_in(old, policy.stale_if_error):
            if policy.soft_timeout is not None:
                flight.offer(key, old, policy.soft_timeout, granted)
            flight.fall_back(key, old, granted)
        return False

    async def _made(self, key: str, factory: Callable[[], Any], asked: Call, old: Item | None) -> Item:
        shown = None if old is None else told(old, old.for_another(), self._wall_clock())
        token = previous_value.set(shown)
        try:
            return self._kept(key, await self._called([key], factory, asked.policy.hard_timeout), asked, old)
        finally:
            previous_value.reset(token)

    async def _made_many(
        self, keys: list[str], factory: Callable[..., Any], asked: Call, old: Mapping[str, Item]
    ) -> dict[str, Item]:
        values = checked_mapping(await self._called(keys, factory, asked.policy.hard_timeout, keys))
        return {key: self._kept(key, values[key], asked, old.get(key)) for key in keys if key in values}

    def _kept(self, key: str, outcome: object, asked: Call, old: Item | None) -> Item:
        """The item for what a factory returned; `skipped` says why it is not to be stored."""
        value, ttl, cost, skipped, tags = made(outcome, asked, old)
        if skipped is None:
            try:
                item = self.item(value, ttl, cost, asked)
                item.tags = dict.fromkeys(tags, b"")
                return item
            except SerializationError:
                skipped = "unserializable"
        self.skipped(key, skipped)
        item = Item(value, None, self._chain.codec.loads, self._wall_clock(), None)
        item.skipped = skipped
        return item

    def skipped(self, key: str, reason: str) -> None:
        """Count a value that is not stored."""
        if reason == "unserializable":
            self._counters.unserializable += 1
        else:
            self._counters.skips[reason] = self._counters.skips.get(reason, 0) + 1
        if self._counters.events is not None:
            self._counters.events.tell("skip", key, reason=reason)

    async def _called(
        self, keys: Sequence[str], factory: Callable[..., Any], seconds: float | None, *arguments: Any
    ) -> Any:
        self._counters.loads += 1
        begun, failure = monotonic(), None
        try:
            if seconds is None:
                return await call(factory, *arguments)
            return await within(seconds, factory, *arguments)
        except Exception as error:
            failure = type(error).__name__
            self._counters.load_errors += 1
            if isinstance(error, LoadTimeoutError):
                self._counters.load_timeouts += 1
            raise
        finally:
            if self._counters.events is not None:
                key = keys[0] if len(keys) == 1 else None
                took = monotonic() - begun
                self._counters.events.tell("load", key, reason=failure, seconds=took, count=len(keys))


def _may_be_older(item: Item, asked_at: int) -> bool:
    """Whether another process may have invalidated it before the turn at which it was asked for."""
    return item.known is not None and item.known < asked_at and item.is_fresh
