"""`TieredCache`: tiers in order, one load per key, and answers that explain themselves."""

from __future__ import annotations

import logging
import random as _random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast, overload

from aicache._async.chain import Chain
from aicache._async.decorator import Decorator, decorate
from aicache._async.entries import item_of
from aicache._async.flights import Flights
from aicache._async.front import front_of, nothing
from aicache._async.loading import Loads
from aicache._async.wiring import wired
from aicache._kernel.checks import Cost, check_factory, checked_cost, checked_keys
from aicache._kernel.events import Event, Events, Observer
from aicache._kernel.item import Item
from aicache._kernel.outcomes import Call
from aicache._kernel.results import CacheStats, Lookup
from aicache._kernel.throttle import Throttle
from aicache._kernel.wiring import check_ttl_holds
from aicache.codecs import Codec
from aicache.errors import ClosedError, ConfigurationError, InvalidTypeError
from aicache.options import UNSET, Policy, Tier, Ttl, check_key, check_ttl
from aicache.protocols import CacheBackend, Compressor, HoldsEntries, Serializer

__all__ = ["TieredCache"]

_log: Final = logging.getLogger("aicache")

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")


class TieredCache:
    """A cache over one tier or more, fastest first.

    `tiers`: backends, `Tier(backend=…)` for one with options of its own, or other caches of this flavour. The cache
    closes them when it is closed.
    `policy`: how long values live; by default until they are evicted or deleted.
    `serializer`, `compressor`: how values become bytes for the tiers that store bytes, and how a memory tier keeps
    mutable values apart from its callers; by default msgpack, and lz4 from 1 KiB up. `codec`: both at once, with limits
    and secrets.
    `observers`: functions that are called with an `Event` for each thing that happens, in the task or thread in which
    it does; what they raise is logged. They cost nothing where there are none.
    `wall_clock`, `clock`, `random`: for tests. Expiry never goes by the wall clock where a store can say how long is
    left.

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
    ) -> None:
        if codec is not None and (serializer is not None or compressor is not None):
            raise ConfigurationError(
                "give either codec= or serializer= and compressor=, not both; a Codec takes those two"
            )
        self._codec = Codec(serializer, compressor) if codec is None else codec
        self._policy = policy
        self._call = Call(policy, UNSET, None)
        self._wall_clock = wall_clock
        self._random = random
        self._throttle = Throttle(clock)
        options = [tier if isinstance(tier, Tier) else Tier(backend=tier) for tier in tiers]
        chain = Chain(wired(options, self._codec, wall_clock, type(self).__name__, clock, random), self._codec)
        check_ttl_holds(policy, options)
        self._events = Events(observers, _complain) if observers else None
        if self._events is not None:
            chain.listen(self._events)
        self._counters = chain.counters
        self._flights = Flights(self._counters)
        self._is_part = False
        self._stand_on(chain)

    def _stand_on(self, chain: Chain) -> None:
        self._refreshes = self._policy.refresh_ahead is not None
        chain.wants_lives = bool(self._policy.stale_for or self._refreshes)
        self._chain = chain
        self._loads = Loads(chain, self._flights, self._throttle, self._wall_clock, self._random)
        self._at_front = front_of(chain, self._events, self._wall_clock)
        self._entry, self._hits, self._thaws, self._peek, self._front_clock, self._front = self._at_front

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
        check_key(key)
        entry = self._peek(key)
        if entry is not None:
            self._front.hits += 1
            thaw = entry.thaw
            return entry.value if thaw is None else thaw(entry.value)
        self._check_open()
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
            return self._told(item, item.value)
        self._check_open()
        found = await self._chain.look(key, with_life=True)
        return Lookup(found=False, reason=found) if isinstance(found, str) else self._told(found, found.value)

    async def set(self, key: str, value: Any, *, ttl: Ttl = UNSET, cost: Cost = None) -> None:
        """Store a value in every tier that takes it, the last tier first; returns when it is stored.

        `ttl`: seconds; None: no expiry; left out: the policy's. `cost`: what making it again costs, in any unit that
        is the same for all, or a function of the value that says so; memory that is full keeps what is dear. Raises
        `SerializationError`, with nothing changed, where the value cannot be kept exactly.
        """
        self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        item = self._loads.item(value, ttl, checked_cost(cost, value), self._call)
        await self._chain.write({check_key(key): item})

    async def delete(self, key: str) -> bool:
        """Forget the key in every tier; say whether any of them had it."""
        return bool(await self.delete_many([key]))

    # async-only: begin
    @overload
    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Awaitable[T]],
        *,
        ttl: Ttl = UNSET,
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
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> Any:  # async-only
        # sync: ) -> T:
        """The value, made and stored by `factory` on a miss: once in this process, however many callers ask meanwhile.

        `ttl`, `cost`: as for `set`. `policy`: instead of the cache's, for this call. `factory`: called without
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
                    self._refresh_if_due(key, expires, factory, self._asked(policy, ttl, cost))
                shared: Any = self._thaws[form](value) if form else value
                return shared
        entry = self._peek(check_key(key))
        if entry is not None:
            self._front.hits += 1
            if self._refreshes or ttl is not UNSET or policy is not None:
                self._refresh_if_due(key, entry.expires, factory, self._asked(policy, ttl, cost))
            thaw = entry.thaw
            found: Any = entry.value if thaw is None else thaw(entry.value)
            return found
        item, joined = await self._obtain(key, factory, self._asked(policy, ttl, cost))
        loaded: Any = item.for_another() if joined else item.value
        return loaded

    async def lookup_or_set(
        self,
        key: str,
        factory: Callable[[], Any],
        *,
        ttl: Ttl = UNSET,
        cost: Cost = None,
        policy: Policy | None = None,
    ) -> Lookup:
        """`get_or_set`, with where the value came from: where a factory made it, `found` is False and `reason` says
        whether this call's load or one under way ("loaded", "joined").
        """
        item, joined = await self._obtain(key, factory, self._asked(policy, ttl, cost))
        reason = None if item.tier is not None else "joined" if joined else "loaded"
        return self._told(item, item.for_another() if joined else item.value, reason)

    # -- many keys

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The found ones, in the order asked, each tier asked once."""
        self._check_open()
        wanted = checked_keys(keys)
        if not wanted:
            return {}
        with self._chain.fence.enter(wanted) as granted:
            found = await self._chain.find_many(wanted, granted)
        return {key: found[key].value for key in wanted if key in found}

    async def set_many(self, mapping: Mapping[str, Any], *, ttl: Ttl = UNSET) -> None:
        """Store many values as `set` does, each tier in one round trip; either all can be kept or nothing is
        changed.
        """
        self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        items = {check_key(key): self._loads.item(value, ttl, None, self._call) for key, value in mapping.items()}
        if items:
            await self._chain.write(items)

    async def get_or_set_many(
        self,
        keys: Iterable[str],
        factory: Callable[[list[str]], Awaitable[Mapping[str, T]]] | Callable[[list[str]], Mapping[str, T]],
        *,
        ttl: Ttl = UNSET,
        policy: Policy | None = None,
    ) -> dict[str, T]:
        """The values of all keys, in the order asked; `factory` gets the list of the missing ones and returns their
        values.

        A key that another caller is loading is waited for, not loaded again. A key that `factory` does not return is
        left out; one that it was not asked for is ignored. What it raises reaches the caller, and nothing is stored.
        """
        self._check_open()
        asked = self._asked(policy, ttl, None)
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

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Forget keys in every tier; returns how many there were, in the tier that had most of them."""
        self._check_open()
        wanted = checked_keys(keys)
        return await self._chain.remove(wanted) if wanted else 0

    async def delete_prefix(
        self, prefix: str, *, where: Callable[[str], bool] | None = None, in_process: bool = False
    ) -> int:
        """Forget every key that begins with `prefix` in every tier; returns how many different ones there were.

        `prefix`: text, never a pattern. `where`: forgets only those keys of them for which it is true. `in_process`:
        only in the tiers of this process. The keys are listed and deleted in slices, so it takes as long as there are
        keys, and blocks nobody; loads under way under such keys are not stored. A tier that fails is counted, and keeps
        what it has. Raises `UnsupportedError`, with nothing changed, where a tier cannot list its keys.
        """
        self._check_open()
        if not isinstance(cast(object, prefix), str):
            raise InvalidTypeError(f"prefix must be a str, got {prefix!r}")
        forget = self._chain.drop_prefix if in_process else self._chain.remove_prefix
        return await forget(prefix, where or _any)

    async def clear(self) -> None:
        """Forget everything in every tier; raises `UnsupportedError`, with nothing changed, where a tier cannot."""
        self._check_open()
        await self._chain.clear()

    # -- around a function

    def cached(
        self,
        *,
        key: Callable[..., str] | None = None,
        ttl: Ttl = UNSET,
    ) -> Decorator:
        """Decorate a function so that its answers are kept, as by `get_or_set`.

        `key`: makes the key from the function's arguments; left out: from its module, name and arguments, encoded
        without ambiguity (an argument that cannot be raises `KeyEncodingError`).
        """
        if ttl is not UNSET:
            ttl = check_ttl(ttl)
        # A hit that may have to begin a refresh is left to `get_or_set`, and so is one that somebody is to be told of.
        front = self._at_front._replace(entry=nothing) if self._refreshes else self._at_front
        return cast(Decorator, partial(decorate, self, front, key, ttl))

    # -- the cache itself

    def backends(self) -> dict[str, Any]:
        """What each tier stands on, by the tier's name, fastest first."""
        return {tier.counters.name: tier.options.backend for tier in self._chain.tiers}

    def stats(self) -> CacheStats:
        """The counts so far."""
        return self._counters.snapshot(tuple(tier.counters.snapshot() for tier in self._chain.tiers))

    async def health(self, key: str = "health") -> dict[str, bool]:
        """Each tier's name, and whether it answers now, as a read of `key` shows; for a readiness check."""
        self._check_open()
        check_key(key)
        return {tier.counters.name: await tier.answers(key) for tier in self._chain.tiers}

    def describe(self) -> str:
        """What will really happen, a line for the policy and one for each tier."""
        lines = [f"{type(self).__name__}: {self._policy.said()}"]
        for number, tier in enumerate(self._chain.tiers, 1):
            lines.append(f"{number}. {tier.describe()}")
        return "\n".join(lines)

    async def aclose(self) -> None:
        """Cancel the loads under way and close every tier; may be called twice."""
        if not (self._flights.closed or self._is_part):
            await self._flights.aclose()
            await self._chain.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _told(self, item: Item, value: object, reason: str | None = None) -> Lookup:
        return Lookup(
            found=reason is None,
            value=value,
            tier=item.tier,
            created=item.created,
            age=max(0.0, self._wall_clock() - item.created),
            ttl_left=item.ttl,
            stale=not item.is_fresh,
            compressed=item.compressed,
            reason=reason,
        )

    def _asked(self, policy: Policy | None, ttl: Ttl, cost: Cost) -> Call:
        if policy is None and ttl is UNSET and cost is None:
            return self._call
        return Call(policy or self._policy, ttl if ttl is UNSET else check_ttl(ttl), cost)

    def _refresh_if_due(self, key: str, expires: float | None, factory: Callable[[], Any], asked: Call) -> None:
        left = None if expires is None else expires - self._front_clock()
        if self._loads.is_due(left, asked):
            self._loads.refresh(key, factory, asked)

    async def _obtain(self, key: str, factory: Callable[[], Any], asked: Call) -> tuple[Item, bool]:
        self._check_open()
        check_key(key)
        check_factory(factory)
        return await self._loads.obtain(key, factory, asked)

    def _check_open(self) -> None:
        if self._flights.closed:
            raise ClosedError("this cache is closed; build a new one")


def _complain(event: Event) -> None:
    _log.exception("an observer of the cache raised on %r; this is said once", event)


def _any(_key: str) -> bool:
    return True
