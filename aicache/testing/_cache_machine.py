"""The state machine of a cache over tiers that may lose what they hold.

A key that was written is in every tier that keeps what it is given. A tier may lose entries behind the cache's back;
the key must then still be found, with the value that was written last, until every such tier has lost it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import deepcopy
from typing import Any, ClassVar, Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from aicache._async.tiered import TieredCache
from aicache._sync.tiered import SyncTieredCache
from aicache.protocols import CacheBackend
from aicache.testing._machine import KEYS, MANY_KEYS, TTLS, Machine

__all__ = ["CacheMachine"]

VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)

TIERS: Final = st.integers(0, 9)

_MISS: Final = object()


def spoil(value: Any) -> None:
    """Change what can be changed, as a caller may do with what is its own."""
    if isinstance(value, list | dict):
        value.clear()


class CacheMachine(Machine):
    """The verbs of a cache."""

    forgetful: ClassVar[Collection[int]]

    def __init__(self) -> None:
        super().__init__()
        self.tiers: list[Any] = self.done(type(self).make(self.clock))
        is_async = any(isinstance(tier, TieredCache | CacheBackend) for tier in self.tiers)
        self.cache: Any = (TieredCache if is_async else SyncTieredCache)(self.tiers, wall_clock=self.clock)
        self.lost: dict[str, set[int]] = {}

    def teardown(self) -> None:
        """Close the cache, and so its tiers."""
        self.close(self.cache)

    # -- what must be there

    def certain(self, key: str) -> bool:
        """Whether the key is live and some tier must still have it."""
        return key in self.oracle.live() and len(self.lost[key]) < len(self.tiers)

    def at_least(self, keys: Collection[str]) -> int:
        """How many of the keys the tier that has most of them must have."""
        live = [key for key in set(keys) if key in self.oracle.live()]
        return max(sum(at not in self.lost[key] for key in live) for at in range(len(self.tiers)))

    def expect(self, key: str, found: Any) -> None:
        """Check what was found under a key, `_MISS` for nothing, and change it."""
        if found is _MISS:
            assert not self.certain(key), f"{key!r} is lost"
            self.oracle.delete(key)
        else:
            assert key in self.oracle.live(), f"{key!r} is there and should not be: {found!r}"
            assert repr(found) == repr(self.oracle.get(key))  # as True equals 1
            spoil(found)

    def keep(self, key: str, value: Any, ttl: float | None) -> None:
        """Tell the oracle of a write."""
        self.oracle.set(key, deepcopy(value), ttl)
        self.lost[key] = set(self.forgetful)

    # -- one key

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        """Read one."""
        self.expect(key, self.done(self.cache.get(key, _MISS)))

    @rule(key=KEYS)
    def lookup(self, key: str) -> None:
        """Read one, with its life."""
        found = self.done(self.cache.lookup(key))
        told = self.oracle.left(key) if found.found and key in self.oracle.live() else None
        self.expect(key, found.value if found.found else _MISS)
        if found.found:
            assert (found.ttl_left is None) == (told is None)
            if told is not None:
                assert found.ttl_left <= told + 0.01
                assert not self.fake_time or found.ttl_left >= told - 0.01

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Write one, and change what was written."""
        self.keep(key, value, self.life(ttl))
        value = deepcopy(value)
        self.done(self.cache.set(key, value, ttl=self.life(ttl)))
        spoil(value)

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def get_or_set(self, key: str, value: Any, ttl: float | None) -> None:
        """Read one, or make it."""
        calls: list[Any] = []

        def factory() -> Any:
            calls.append(deepcopy(value))
            return calls[-1]

        found = self.done(self.cache.get_or_set(key, factory, ttl=self.life(ttl)))
        if calls:
            self.expect(key, _MISS)
            self.keep(key, value, self.life(ttl))
            assert len(calls) == 1
        self.expect(key, found)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        """Forget one."""
        told = self.done(self.cache.delete(key))
        assert self.certain(key) <= told <= (key in self.oracle.live())
        self.oracle.delete(key)

    @rule(key=KEYS)
    def expire(self, key: str) -> None:
        """End one, which is not to be kept stale."""
        told = self.done(self.cache.expire(key))
        assert self.certain(key) <= told <= (key in self.oracle.live())
        self.oracle.delete(key)

    @rule(key=KEYS, ttl=TTLS)
    def touch(self, key: str, ttl: float | None) -> None:
        """Give one a new life."""
        told = self.done(self.cache.touch(key, self.life(ttl)))
        assert self.certain(key) <= told <= (key in self.oracle.live())
        if told:
            self.oracle.set(key, self.oracle.get(key), self.life(ttl))

    # -- many keys

    @rule(keys=MANY_KEYS)
    def get_many(self, keys: list[str]) -> None:
        """Read some."""
        found = self.done(self.cache.get_many(iter(keys)))
        assert list(found) == [key for key in dict.fromkeys(keys) if key in found]
        for key in keys:
            self.expect(key, deepcopy(found.get(key, _MISS)) if key in found else _MISS)

    @rule(entries=st.dictionaries(KEYS, VALUES), ttl=TTLS)
    def set_many(self, entries: dict[str, Any], ttl: float | None) -> None:
        """Write some."""
        self.done(self.cache.set_many(deepcopy(entries), ttl=self.life(ttl)))
        for key, value in entries.items():
            self.keep(key, value, self.life(ttl))

    @rule(keys=MANY_KEYS, values=st.dictionaries(KEYS, VALUES), ttl=TTLS)
    def get_or_set_many(self, keys: list[str], values: dict[str, Any], ttl: float | None) -> None:
        """Read some, or make those that can be made."""
        asked: list[str] = []

        def factory(missing: list[str]) -> dict[str, Any]:
            asked.extend(missing)
            return deepcopy(values)

        found = self.done(self.cache.get_or_set_many(keys, factory, ttl=self.life(ttl)))
        assert len(set(asked)) == len(asked)
        for key in asked:
            self.expect(key, _MISS)
            if key in values:
                self.keep(key, values[key], self.life(ttl))
        assert list(found) == [key for key in dict.fromkeys(keys) if key not in asked or key in values]
        for key, value in found.items():
            self.expect(key, value)

    @rule(keys=MANY_KEYS)
    def delete_many(self, keys: list[str]) -> None:
        """Forget some."""
        there = len(self.oracle.get_many(keys))
        at_least = self.at_least(keys)
        assert at_least <= self.done(self.cache.delete_many(keys)) <= there
        self.oracle.delete_many(keys)

    @precondition(lambda self: all(hasattr(tier, "clear") for tier in self.tiers))
    @rule()
    def clear(self) -> None:
        """Forget all."""
        self.done(self.cache.clear())
        self.oracle.clear()

    # -- what tiers do by themselves

    def lose(self, at: int, keys: Iterable[str]) -> None:
        """Tell the oracle that a tier has lost keys."""
        for key in keys:
            self.lost[key].add(at)

    @precondition(lambda self: any(hasattr(tier, "clear") for tier in self.tiers))
    @rule(tier=TIERS)
    def a_tier_loses_all(self, tier: int) -> None:
        """Empty one tier behind the cache's back."""
        at = tier % len(self.tiers)
        if hasattr(self.tiers[at], "clear"):
            self.done(self.tiers[at].clear())
            self.lose(at, self.oracle.live())

    @rule(tier=TIERS, key=KEYS)
    def a_tier_loses_one(self, tier: int, key: str) -> None:
        """Have one tier evict a key."""
        at = tier % len(self.tiers)
        self.done(self.tiers[at].delete(key))
        self.lose(at, self.oracle.get_many([key]))
