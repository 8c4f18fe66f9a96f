"""`TieredCache`: tiers in order, one load per key, and answers that explain themselves."""

from __future__ import annotations

import random as _random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, NoReturn, ParamSpec, Protocol, Self, TypeVar, cast, overload

from aicache._async.chain import AnyTier, Chain, NestedTier
from aicache._async.decorator import CachedFunction, decorate
from aicache._async.flights import Flight, Flights
from aicache._async.primitives import IS_ASYNC, call
from aicache._async.tiers import ByteTier, EntryTier
from aicache._kernel.item import Item
from aicache._kernel.lifetime import jittered
from aicache._kernel.results import CacheStats, Lookup
from aicache._kernel.wiring import check_backend, check_ttl_holds, tier_names
from aicache.codecs import Codec
from aicache.errors import ClosedError, ConfigurationError, InvalidTypeError, SerializationError
from aicache.options import UNSET, Policy, Tier, Unset, check_key, check_ttl
from aicache.protocols import CacheBackend, Compressor, HoldsEntries, Serializer, supports

__all__ = ["TieredCache"]

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")


class Decorator(Protocol):
    """What `cached` returns: it keeps the parameters of the function and the type of its answer."""

    @overload  # async-only
    def __call__(self, function: Callable[P, Awaitable[T]], /) -> CachedFunction[P, T]: ...  # async-only
    @overload  # async-only
    def __call__(self, function: Callable[P, T], /) -> CachedFunction[P, T]: ...


class TieredCache:
    """A cache over one tier or more, fastest first.

    `tiers`: backends, `Tier(backend=…)` for one with options of its own, or other caches of this flavour. The cache
    closes them when it is closed.
    `policy`: how long values live; by default until they are evicted or deleted.
    `serializer`, `compressor`: how values become bytes for the tiers that store bytes, and how a memory tier keeps
    mutable values apart from its callers; by default msgpack, and lz4 from 1 KiB up. `codec`: both at once, with limits
    and secrets.
    `wall_clock`, `random`: for tests. Expiry never goes by the wall clock where a store can say how long is
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
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[], float] = _random.random,
    ) -> None:
        if codec is not None and (serializer is not None or compressor is not None):
            raise ConfigurationError(
                "give either codec= or serializer= and compressor=, not both; a Codec takes those two"
            )
        self._codec = Codec(serializer, compressor) if codec is None else codec
        self._policy = policy
        self._wall_clock = wall_clock
        self._random = random
        self._chain = Chain(self._wired(tiers), self._codec)
        self._counters = self._chain.counters
        self._flights = Flights(self._counters)
        self._closed = False
        front = self._chain.tiers[0]
        self._front = front.counters
        self._peek: Callable[[str], Any] = _nothing
        if isinstance(front, EntryTier) and front.options.read:
            self._peek = front.backend.peek

    def _wired(self, tiers: Sequence[CacheBackend | HoldsEntries | Tier | TieredCache]) -> list[AnyTier]:
        options = [tier if isinstance(tier, Tier) else Tier(backend=tier) for tier in tiers]
        if not any(option.read for option in options):
            raise ConfigurationError("tiers has none that reads; give at least one backend, such as NullBackend()")
        check_ttl_holds(self._policy, options)
        built: list[AnyTier] = []
        seen: list[object] = []
        for option, name in zip(options, tier_names(options), strict=True):
            backend = option.backend
            if any(backend is other for other in seen):
                raise ConfigurationError(f"tier {name!r}: {type(backend).__name__} is there twice; give it one place")
            seen.append(backend)
            if isinstance(backend, TieredCache):
                tier: AnyTier = NestedTier(backend._chain, option, name)  # noqa: SLF001 a cache knows its own kind
            else:
                check_backend(backend, wants_async=IS_ASYNC, cache=type(self).__name__)
                if supports(backend, HoldsEntries):
                    tier = EntryTier(backend, option, name, self._codec)
                else:
                    tier = ByteTier(backend, option, name, self._codec, self._wall_clock)
            if tier.in_process and built and not built[-1].in_process:
                raise ConfigurationError(
                    f"tier {name!r} is in this process and stands behind {built[-1].counters.name!r}, which is not: "
                    "it would never be faster; put it first"
                )
            built.append(tier)
        return built

    # -- one key

    @overload
    async def get(self, key: str) -> Any: ...
    @overload
    async def get(self, key: str, default: D) -> Any | D: ...
    async def get(self, key: str, default: object = None) -> Any:
        """The value, or `default` on a miss; a stored None is a hit."""
        try:
            entry = self._peek(key)
        except TypeError:
            check_key(key)
            raise
        if entry is not None:
            self._front.hits += 1
            thaw = entry.thaw
            return entry.value if thaw is None else thaw(entry.value)
        check_key(key)
        with self._chain.fence.enter([key]) as granted:
            found = await self._chain.find(key, granted)
        return default if isinstance(found, str) else found[0].value

    async def lookup(self, key: str) -> Lookup:
        """The value with where it came from and how long it lives, or why there is none; promotes and counts as `get`
        does.
        """
        self._check_open()
        check_key(key)
        with self._chain.fence.enter([key]) as granted:
            found = await self._chain.find(key, granted, with_life=True)
        if isinstance(found, str):
            return Lookup(found=False, reason=found)
        item, tier = found
        age = max(0.0, self._wall_clock() - item.created)
        return Lookup(found=True, value=item.value, tier=tier, age=age, ttl_left=item.ttl)

    async def set(self, key: str, value: Any, *, ttl: float | Literal[Unset.UNSET] | None = UNSET) -> None:
        """Store a value in every tier that takes it, the last tier first; returns when it is stored.

        `ttl`: seconds; None: no expiry; left out: the policy's. Raises `SerializationError`, with nothing changed,
        where the value cannot be kept exactly.
        """
        await self.set_many({key: value}, ttl=ttl)

    async def delete(self, key: str) -> bool:
        """Forget the key in every tier; say whether any of them had it."""
        return bool(await self.delete_many([key]))

    # async-only: begin
    @overload
    async def get_or_set(
        self, key: str, factory: Callable[[], Awaitable[T]], *, ttl: float | Literal[Unset.UNSET] | None = UNSET
    ) -> T: ...
    @overload
    async def get_or_set(
        self, key: str, factory: Callable[[], T], *, ttl: float | Literal[Unset.UNSET] | None = UNSET
    ) -> T: ...
    # async-only: end
    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Any],  # async-only
        # sync: factory: Callable[[], T],
        *,
        ttl: float | Literal[Unset.UNSET] | None = UNSET,
    ) -> Any:  # async-only
        # sync: ) -> T:
        """The value, made and stored by `factory` on a miss: once in this process, however many callers ask meanwhile.

        `factory`: called without arguments; returns the value or an awaitable of it. What it raises reaches every
        caller that waits for it, and nothing is stored. A value that cannot be kept exactly is returned all the same,
        and counted. A caller that is cancelled harms no other; when the last one is, so is the load. Raises
        `ReentrantLoadError` where the factory waits for its own key.
        """
        try:
            entry = self._peek(key)
        except TypeError:
            check_key(key)
            raise
        if ttl is not UNSET:
            ttl = check_ttl(ttl)
        if entry is not None:
            self._front.hits += 1
            thaw = entry.thaw
            value: Any = entry.value if thaw is None else thaw(entry.value)
            return value
        check_key(key)
        check_factory(factory)
        while True:
            item, joined = (await self._flights.run([key], partial(self._load_one, factory, ttl)))[key]
            if item is not None:  # else the load of many that this joined did not bring the key
                loaded: Any = item.for_another() if joined else item.value
                return loaded

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

    async def set_many(self, mapping: Mapping[str, Any], *, ttl: float | Literal[Unset.UNSET] | None = UNSET) -> None:
        """Store many values as `set` does, each tier in one round trip; either all can be kept or nothing is
        changed.
        """
        self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        items = {check_key(key): self._item(value, ttl) for key, value in mapping.items()}
        if items:
            await self._chain.write(items)

    async def get_or_set_many(
        self,
        keys: Iterable[str],
        factory: Callable[[list[str]], Awaitable[Mapping[str, T]]] | Callable[[list[str]], Mapping[str, T]],
        *,
        ttl: float | Literal[Unset.UNSET] | None = UNSET,
    ) -> dict[str, T]:
        """The values of all keys, in the order asked; `factory` gets the list of the missing ones and returns their
        values.

        A key that another caller is loading is waited for, not loaded again. A key that `factory` does not return is
        left out; one that it was not asked for is ignored. What it raises reaches the caller, and nothing is stored.
        """
        self._check_open()
        if ttl is not UNSET:
            ttl = check_ttl(ttl)
        check_factory(factory)
        wanted = checked_keys(keys)
        if not wanted:
            return {}
        at_hand = {key: entry for key in wanted if (entry := self._peek(key)) is not None}
        self._front.hits += len(at_hand)
        values = {key: entry.value if entry.thaw is None else entry.thaw(entry.value) for key, entry in at_hand.items()}
        missing = [key for key in wanted if key not in at_hand]
        if missing:
            loaded = await self._flights.run(missing, partial(self._load_many, factory, ttl))
            for key, (item, joined) in loaded.items():
                if item is not None:
                    values[key] = item.for_another() if joined else item.value
        return {key: values[key] for key in wanted if key in values}

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Forget keys in every tier; returns how many there were, in the tier that had most of them."""
        self._check_open()
        wanted = checked_keys(keys)
        return await self._chain.remove(wanted) if wanted else 0

    async def clear(self) -> None:
        """Forget everything in every tier; raises `UnsupportedError`, with nothing changed, where a tier cannot."""
        self._check_open()
        await self._chain.clear()

    # -- around a function

    def cached(
        self,
        *,
        key: Callable[..., str] | None = None,
        ttl: float | Literal[Unset.UNSET] | None = UNSET,
    ) -> Decorator:
        """Decorate a function so that its answers are kept, as by `get_or_set`.

        `key`: makes the key from the function's arguments; left out: from its module, name and arguments, encoded
        without ambiguity (an argument that cannot be raises `KeyEncodingError`).
        """
        if ttl is not UNSET:
            ttl = check_ttl(ttl)
        return cast(Decorator, partial(decorate, self, key, ttl))

    # -- the cache itself

    def stats(self) -> CacheStats:
        """The counts so far."""
        return self._counters.snapshot(tuple(tier.counters.snapshot() for tier in self._chain.tiers))

    def describe(self) -> str:
        """What will really happen, a line for the policy and one for each tier."""
        lines = [f"{type(self).__name__}: ttl={self._policy.ttl}, jitter={self._policy.jitter:g}"]
        for number, tier in enumerate(self._chain.tiers, 1):
            lines.append(f"{number}. {tier.describe()}")
        return "\n".join(lines)

    async def aclose(self) -> None:
        """Cancel the loads under way and close every tier; may be called twice."""
        if not self._closed:
            self._closed = True
            self._peek = _closed
            await self._flights.aclose()
            await self._chain.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- loading

    def _item(self, value: object, ttl: float | None) -> Item:
        return self._chain.item(value, self._wall_clock(), jittered(ttl, self._policy.jitter, self._random()))

    def _loaded(self, value: object, ttl: float | Literal[Unset.UNSET] | None) -> tuple[Item, bool]:
        """An item for what a factory returned, and whether it can be stored."""
        try:
            return self._item(value, self._policy.ttl if ttl is UNSET else ttl), True
        except SerializationError:
            self._counters.unserializable += 1
            return Item(value, None, self._codec.loads, self._wall_clock(), None), False

    async def _load_one(
        self, factory: Callable[[], Any], ttl: float | Literal[Unset.UNSET] | None, flight: Flight, keys: list[str]
    ) -> dict[str, Item]:
        key = keys[0]
        with self._chain.fence.enter(keys) as granted:
            flight.passes = granted
            found = await self._chain.find(key, granted)
            if not isinstance(found, str):
                return {key: found[0]}
            item, keep = self._loaded(await self._called(factory), ttl)
            if keep:
                await self._chain.fill({key: item}, granted)
            return {key: item}

    async def _load_many(
        self, factory: Callable[..., Any], ttl: float | Literal[Unset.UNSET] | None, flight: Flight, keys: list[str]
    ) -> dict[str, Item]:
        with self._chain.fence.enter(keys) as granted:
            flight.passes = granted
            items = await self._chain.find_many(keys, granted)
            missing = [key for key in keys if key not in items]
            if not missing:
                return items
            values = checked_mapping(await self._called(factory, missing))
            loaded = {key: self._loaded(values[key], ttl) for key in missing if key in values}
            await self._chain.fill({key: item for key, (item, keep) in loaded.items() if keep}, granted)
            return items | {key: item for key, (item, _) in loaded.items()}

    async def _called(self, factory: Callable[..., Any], *arguments: Any) -> Any:
        self._counters.loads += 1
        try:
            return await call(factory, *arguments)
        except Exception:
            self._counters.load_errors += 1
            raise

    def _check_open(self) -> None:
        if self._closed:
            _closed()


def _nothing(_key: str) -> None:
    """The peek of a cache whose first tier has to be asked."""


def _closed(*_: object) -> NoReturn:
    raise ClosedError("this cache is closed; build a new one")


def checked_keys(keys: Iterable[str]) -> list[str]:
    """The keys, each once, in order; raises where one is none."""
    if isinstance(keys, str):
        raise InvalidTypeError(f"keys must be several keys, got the one text {keys!r}; put it into a list")
    return list(dict.fromkeys([check_key(key) for key in keys]))


def check_factory(factory: object) -> None:
    """Raise where the factory cannot be called."""
    if not callable(factory):
        raise InvalidTypeError(f"factory must be callable, got {factory!r}; pass the function itself, or a lambda")


def checked_mapping(values: object) -> Mapping[str, Any]:
    """What a factory of many returned; raises where it is no mapping."""
    if not isinstance(values, Mapping):
        raise InvalidTypeError(f"factory must return a mapping of key to value, got {values!r}")
    return cast("Mapping[str, Any]", values)
