"""`TieredCache`: tiers in order, one load per key, and answers that explain themselves."""

from __future__ import annotations

import asyncio  # async-only
import logging
import random as _random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast, overload

from aicache._async.alone import Alone
from aicache._async.chain import Chain
from aicache._async.decorator import Decorator, decorate
from aicache._async.entries import item_of
from aicache._async.fleet import Fleet
from aicache._async.flights import Flights
from aicache._async.forgetting import Forgetting
from aicache._async.front import front_of, nothing
from aicache._async.loading import Loads
from aicache._async.reclaiming import Reclaims
from aicache._async.streaming import Streaming
from aicache._async.streams import Running, Streams
from aicache._async.telling import Telling
from aicache._async.wiring import hearing_of, wired
from aicache._kernel.checks import Cost, check_factory, checked_cost, checked_keys
from aicache._kernel.events import Event, Events, Observer
from aicache._kernel.item import Item
from aicache._kernel.outcomes import Call
from aicache._kernel.results import Lookup, told
from aicache._kernel.throttle import Throttle
from aicache._kernel.wiring import check_ttl_holds
from aicache.codecs import Codec
from aicache.errors import ConfigurationError
from aicache.options import UNSET, Policy, Tier, Ttl, check_key, check_ttl, checked_tags
from aicache.protocols import CacheBackend, Compressor, HoldsEntries, Serializer

__all__ = ["TieredCache"]

_log: Final = logging.getLogger("aicache")

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")


class TieredCache(Streaming, Forgetting, Telling):
    """A cache over one tier or more, fastest first.

    `tiers`: backends, `Tier(backend=…)` for one with options of its own, or other caches of this flavour. The cache
    closes them when it is closed.
    `policy`: how long values live; by default until they are evicted or deleted.
    `serializer`, `compressor`: how values become bytes for the tiers that store bytes, and how a memory tier keeps
    mutable values apart from its callers; by default msgpack, and lz4 from 1 KiB up. `codec`: both at once, with limits
    and secrets.
    `observers`: functions that are called with an `Event` for each thing that happens, in the task or thread in which
    it does; what they raise is logged. They cost nothing where there are none.
    `wall_clock`, `clock`, `random`, `sleep`: for tests. Expiry never goes by the wall clock where a store can say how
    long is left.

    `get` never raises because a tier failed, unless the tier was given `on_error="raise"`. Raises `ConfigurationError`
    on wrong wiring, and from every verb `ClosedError` once it is closed.
    """

    def __init__(
        self,
        tiers: Sequence[CacheBackend | HoldsEntries | Tier | TieredCache],
        *,
        policy: Policy = Policy(),  # noqa: B008 frozen, so sharing the default is safe
        serializer: Serializer | None = None,
        compressor: Compressor | None = None,
        codec: Codec | None = None,
        observers: Sequence[Observer] = (),
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,  # async-only
        # sync: sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if codec is not None and (serializer is not None or compressor is not None):
            raise ConfigurationError(
                "give either codec= or serializer= and compressor=, not both; a Codec takes those two"
            )
        self._codec = Codec(serializer, compressor) if codec is None else codec
        self._policy = policy
        self._call = Call(policy, UNSET, None, policy.tags)
        self._wall_clock = wall_clock
        self._random = random
        self._throttle = Throttle(clock)
        options = [tier if isinstance(tier, Tier) else Tier(backend=tier) for tier in tiers]
        chain = Chain(wired(options, self._codec, wall_clock, type(self).__name__, clock, random), self._codec)
        check_ttl_holds(policy, options)
        chain.hearing = hearing_of(chain, clock)
        self._events = Events(observers, _complain) if observers else None
        if self._events is not None:
            chain.listen(self._events)
        self._counters = chain.counters
        self._flights = Flights(self._counters)
        self._clock, self._sleep = clock, sleep
        self._running = Running(clock, sleep)
        self._reclaims = Reclaims()
        self._is_part = False
        self._stand_on(chain)

    def _stand_on(self, chain: Chain) -> None:
        self._refreshes = self._policy.refresh_ahead is not None
        chain.wants_lives = bool(self._policy.stale_for or self._refreshes)
        self._asks_nobody = chain.alone is not None and self._events is None
        tier = None if self._policy.tags else chain.alone
        self._alone = None if tier is None else Alone(chain, tier, self._policy, self._wall_clock, self._random)
        self._chain = chain
        fleet = Fleet(chain, self._clock, self._sleep, self._random)
        self._loads = Loads(chain, self._flights, self._throttle, self._wall_clock, self._random, fleet)
        self._at_front = front = front_of(chain, self._events, self._wall_clock)
        self._entry, self._hits, self._thaws, self._peek, self._front_clock, self._front = front
        self._streams = Streams(chain, self._loads, self._flights, self._running, self._throttle, front)

    def only(self, *tiers: str) -> TieredCache:
        """This cache over some of its tiers, by name: for values that are too large or too private for the others.

        The order stays. Both share the tiers, the counts and the loads under way, and what one of them forgets is not
        stored late by the other. It is closed with this cache, and not by itself. Raises
        `ConfigurationError` for a name that no tier has, and where none of them reads or writes.
        """
        self._check_open()
        there = {tier.counters.name: tier.options for tier in self._chain.tiers}
        unknown = [name for name in tiers if name not in there]
        if unknown:
            raise ConfigurationError(f"no tier is named {unknown[0]!r}; there are {', '.join(there)}")
        options = [there[name] for name in tiers]
        if not any(option.read for option in options) or not any(option.write for option in options):
            raise ConfigurationError(f"none of the tiers {tiers!r} reads, or none of them writes; name one more")
        part = copy(self)
        part._is_part = True  # noqa: SLF001 its own kind
        part._stand_on(self._chain.only(tiers))  # noqa: SLF001 its own kind
        return part

    # -- one key

    @overload
    async def get(self, key: str) -> Any: ...
    @overload
    async def get(self, key: str, default: D) -> Any | D: ...
    async def get(self, key: str, default: object = None) -> Any:
        """The value, or `default` on a miss; a stored None is a hit."""
        look, clock = self._entry, self._front_clock  # a call of an attribute takes longer than one of a name
        try:
            kept = look(key)
        except TypeError:
            check_key(key)
            raise
        if kept is not None:
            value, form, expires, place, _ = kept
            if expires is None or clock() < expires:
                hits = self._hits
                if hits[place] < 7:
                    hits[place] += 1
                self._front.hits += 1
                return self._thaws[form](value) if form else value
        if type(key) is not str or not key:  # a call that finds nothing amiss is a tenth of all this
            check_key(key)
        entry = self._peek(key)
        if entry is not None:
            self._front.hits += 1
            thaw = entry.thaw
            return entry.value if thaw is None else thaw(entry.value)
        if self._flights.closed:
            self._check_open()
        if self._asks_nobody:
            self._front.misses += 1
            self._counters.misses += 1
            return default
        found = await self._chain.look(key)
        return default if isinstance(found, str) else found.value

    async def lookup(self, key: str) -> Lookup:
        """The value with where it came from and how long it lives, or why there is none; promotes and counts as `get`
        does.
        """
        check_key(key)
        entry = self._peek(key)
        if entry is not None:
            self._front.hits += 1
            item = item_of(entry, self._codec, self._front_clock())
            item.tier = self._front.name
            return told(item, item.value, self._wall_clock())
        self._check_open()
        found = await self._chain.look(key, with_life=True)
        if isinstance(found, str):
            return Lookup(found=False, reason=found)
        return told(found, found.value, self._wall_clock())

    async def set(self, key: str, value: Any, *, ttl: Ttl = UNSET, tags: Iterable[str] = (), cost: Cost = None) -> None:
        """Store a value in every tier that takes it, the last tier first; returns when it is stored.

        `ttl`: seconds; None: no expiry; left out: the policy's. `cost`: what making it again costs, in any unit that
        is the same for all, or a function of the value that says so; memory that is full keeps what is dear. `tags`:
        by which it can be invalidated, beside the policy's. Raises `SerializationError`, with nothing changed, where
        the value cannot be kept exactly.
        """
        if self._flights.closed:
            self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        if cost is not None:
            cost = checked_cost(cost, value)
        if self._alone is not None and not tags:
            self._alone.keep(key, value, ttl, cost)
            return
        item = self._loads.item(value, ttl, cost, self._call)
        if tags or self._policy.tags:
            await self._write_tagged({check_key(key): item}, tags)
        else:
            await self._chain.write({check_key(key): item})

    async def _write_tagged(self, items: Mapping[str, Item], tags: Iterable[str]) -> None:
        versions = await self._chain.versions(self._asked(None, UNSET, None, tags).tags)
        for item in items.values():
            item.tags = versions
        await self._chain.write(items)

    # async-only: begin
    @overload
    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Awaitable[T]],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> T: ...
    @overload
    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], T],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> T: ...
    # async-only: end
    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Any],  # async-only
        # sync: factory: Callable[[], T],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> Any:  # async-only
        # sync: ) -> T:
        """The value, made and stored by `factory` on a miss: once in this process, however many callers ask meanwhile.

        `ttl`, `tags`, `cost`: as for `set`. `policy`: instead of the cache's, for this call. `factory`: called without
        arguments; returns the value, a `Store`, `Skip` or `NotModified`, or an awaitable of one. What it raises reaches
        every caller that waits for it, unless the policy has a stale value served, and nothing is stored. A value that
        cannot be kept exactly is returned all the same, and counted. A caller that is cancelled harms no other; when
        the last one is, so is the load, unless the policy says otherwise. Raises `ReentrantLoadError` where the
        factory waits for its own key, and `LoadTimeoutError`.
        """
        look, clock = self._entry, self._front_clock
        try:
            kept = look(key)
        except TypeError:
            check_key(key)
            raise
        if kept is not None:
            value, form, expires, place, _ = kept
            if expires is None or clock() < expires:
                hits = self._hits
                if hits[place] < 7:
                    hits[place] += 1
                self._front.hits += 1
                if self._refreshes or ttl is not UNSET or policy is not None:
                    self._refresh_if_due(key, expires, factory, self._asked(policy, ttl, cost, tags))
                shared: Any = self._thaws[form](value) if form else value
                return shared
        entry = self._peek(check_key(key))
        if entry is not None:
            self._front.hits += 1
            if self._refreshes or ttl is not UNSET or policy is not None:
                self._refresh_if_due(key, entry.expires, factory, self._asked(policy, ttl, cost, tags))
            thaw = entry.thaw
            found: Any = entry.value if thaw is None else thaw(entry.value)
            return found
        item, joined = await self._obtain(key, factory, self._asked(policy, ttl, cost, tags))
        loaded: Any = item.for_another() if joined else item.value
        return loaded

    async def lookup_or_set(
        self,
        key: str,
        factory: Callable[[], Any],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> Lookup:
        """`get_or_set`, with where the value came from: where a factory made it, `found` is False and `reason` says
        whether this call's load or one under way ("loaded", "joined").
        """
        item, joined = await self._obtain(key, factory, self._asked(policy, ttl, cost, tags))
        reason = None if item.tier is not None else "joined" if joined else "loaded"
        return told(item, item.for_another() if joined else item.value, self._wall_clock(), reason)

    # -- many keys

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The found ones, in the order asked, each tier asked once."""
        self._check_open()
        wanted = checked_keys(keys)
        if not wanted:
            return {}
        found = await self._chain.look_many(wanted)
        return {key: found[key].value for key in wanted if key in found}

    async def set_many(self, mapping: Mapping[str, Any], *, ttl: Ttl = UNSET, tags: Iterable[str] = ()) -> None:
        """Store many values as `set` does, each tier in one round trip; either all can be kept or nothing is
        changed.
        """
        self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        items = {check_key(key): self._loads.item(value, ttl, None, self._call) for key, value in mapping.items()}
        if items and (tags or self._policy.tags):
            await self._write_tagged(items, tags)
        elif items:
            await self._chain.write(items)

    async def get_or_set_many(
        self,
        keys: Iterable[str],
        factory: Callable[[list[str]], Awaitable[Mapping[str, T]]] | Callable[[list[str]], Mapping[str, T]],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        policy: Policy | None = None,
    ) -> dict[str, T]:
        """The values of all keys, in the order asked; `factory` gets the list of the missing ones and returns their
        values.

        A key that another caller is loading is waited for, not loaded again. A key that `factory` does not return is
        left out; one that it was not asked for is ignored. What it raises reaches the caller, and nothing is stored.
        """
        self._check_open()
        asked = self._asked(policy, ttl, None, tags)
        check_factory(factory)
        wanted = checked_keys(keys)
        if not wanted:
            return {}
        at_hand = {key: entry for key in wanted if (entry := self._peek(key)) is not None}
        self._front.hits += len(at_hand)
        values = {key: entry.value if entry.thaw is None else entry.thaw(entry.value) for key, entry in at_hand.items()}
        missing = [key for key in wanted if key not in at_hand]
        if missing:
            loaded = await self._loads.obtain_many(missing, factory, asked)
            for key, (item, joined) in loaded.items():
                if item is not None:
                    values[key] = item.for_another() if joined else item.value
        return {key: values[key] for key in wanted if key in values}

    # -- around a function

    def cached(
        self,
        *,
        key: Callable[..., str] | None = None,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
    ) -> Decorator:
        """Decorate a function so that its answers are kept, as by `get_or_set`.

        `key`: makes the key from the function's arguments; left out: from its module, name and arguments, encoded
        without ambiguity (an argument that cannot be raises `KeyEncodingError`). `ttl`, `tags`: of every answer.
        """
        if ttl is not UNSET:
            ttl = check_ttl(ttl)
        # A hit that may have to begin a refresh is left to `get_or_set`, and so is one that somebody is to be told of.
        front = self._at_front._replace(entry=nothing) if self._refreshes else self._at_front
        return cast(Decorator, partial(decorate, self, front, key, ttl, checked_tags(tags)))

    # -- the cache itself

    async def aclose(self) -> None:
        """Cancel the loads under way and close every tier; may be called twice."""
        if not (self._flights.closed or self._is_part):
            await self._flights.aclose()
            await self._running.aclose()
            await self._reclaims.aclose()  # async-only
            await self._chain.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _refresh_if_due(self, key: str, expires: float | None, factory: Callable[[], Any], asked: Call) -> None:
        left = None if expires is None else expires - self._front_clock()
        if self._loads.is_due(left, asked):
            self._loads.refresh(key, factory, asked)

    def _obtain(self, key: str, factory: Callable[[], Any], asked: Call) -> Awaitable[tuple[Item, bool]]:
        self._check_open()
        check_key(key)
        check_factory(factory)
        return self._loads.obtain(key, factory, asked)


def _complain(event: Event) -> None:
    _log.exception("an observer of the cache raised on %r; this is said once", event)
