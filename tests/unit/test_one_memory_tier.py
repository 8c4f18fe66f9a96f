"""A cache of one memory tier stores by a short way of its own, and keeps the same by it."""

from __future__ import annotations

import pytest

from aicache import Policy, Tier
from aicache.errors import InvalidArgumentError, InvalidTypeError

from .sealing import codec


@pytest.mark.parametrize("copy", ["isolate", "live"])
@pytest.mark.parametrize("ttl", [None, 10, 30])
@pytest.mark.parametrize("bounds", [{}, {"min_bytes": 20}, {"max_bytes": 20}, {"max_ttl": 17}], ids=repr)
@pytest.mark.parametrize("value", ["text", "x" * 40, ("a", 1.5), [1, "b"], {"k": [b"x" * 40]}], ids=repr)
async def test_one_memory_tier_keeps_of_one_value_what_it_keeps_of_each_of_many(flavour, copy, ttl, bounds, value):
    def built():
        memory = flavour.memory(copy=copy)
        policy = Policy(ttl=10, stale_if_error=7, jitter=0.5)
        tier = Tier(backend=memory, **bounds)
        return memory, flavour.cache(tier, policy=policy, codec=codec, random=lambda: 0.5)

    (memory, one), (other, many) = built(), built()
    await one.set("k", value, ttl=ttl)
    await many.set_many({"k": value}, ttl=ttl)
    assert one.stats() == many.stats()
    assert memory._info() == other._info()
    entry, expected = memory.peek("k"), other.peek("k")
    assert (entry is None) is (expected is None) is bool(one.stats().tiers[0].skipped)
    if entry is not None:
        for name in ("value", "thaw", "created", "expires", "ends", "compressed"):
            assert getattr(entry, name) == getattr(expected, name), name


@pytest.mark.parametrize("key", ["", 7, ["unhashable"]], ids=repr)
async def test_a_key_that_is_none_changes_nothing_in_one_memory_tier(flavour, key):
    cache = flavour.cache(flavour.memory())
    await cache.set("k", "value")
    with pytest.raises((InvalidArgumentError, InvalidTypeError)):
        await cache.set(key, "value")
    assert await cache.get("k") == "value"
