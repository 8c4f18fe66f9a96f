"""A cache as a tier of another, and a part of a cache, in both flavours."""

from __future__ import annotations

import pytest

from aicache import JsonSerializer, Policy, Tier
from aicache.errors import ClosedError, ConfigurationError

from .sealing import kept


async def test_a_cache_can_be_a_tier_of_another(flavour, clock):
    store = flavour.store()
    inner = flavour.cache(flavour.memory(), store, serializer=JsonSerializer(), policy=Policy(ttl=10))
    outer = flavour.cache(flavour.memory(), inner, policy=Policy(ttl=100))
    await outer.set("k", {"a": [1]})
    assert await inner.get("k") == {"a": [1]}
    assert store.left("k") == pytest.approx(100)
    assert await outer.delete("k")
    assert await inner.get("k") is None
    await inner.set("k", [2])
    found = await outer.lookup("k")
    assert (found.value, found.tier, found.ttl_left) == ([2], outer.stats().tiers[1].name, pytest.approx(10))
    assert await outer.get_or_set("new", lambda: {"made": True}) == {"made": True}
    assert await inner.get("new") == {"made": True}
    assert await outer.get_many(["k", "new", "absent"]) == {"k": [2], "new": {"made": True}}
    await outer.aclose()
    assert store.closed == 1


async def test_a_nested_cache_that_cannot_keep_a_value_skips_it(flavour):
    inner = flavour.cache(flavour.store(), serializer=JsonSerializer())
    outer = flavour.cache(flavour.memory(), inner)
    await outer.set("k", (1, 2))
    assert await outer.get("k") == (1, 2)
    assert await inner.get("k") is None
    assert outer.stats().tiers[1].skipped == 1


async def test_a_part_of_a_cache_uses_only_the_tiers_it_names(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, Tier(backend=store, name="store"))
    part = flavour.part(cache, "store")
    await part.set("k", ["large"])
    assert memory.peek("k") is None
    assert kept(store, "k") == ["large"]
    assert await part.get("k") == ["large"]
    assert memory.peek("k") is None
    assert [tier.hits for tier in part.stats().tiers] == [1]
    assert await cache.get("k") == ["large"]
    assert memory.peek("k") is not None
    assert cache.stats().hits == 2


async def test_a_part_is_closed_with_its_cache_and_not_the_other_way_round(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), Tier(backend=store, name="store"))
    first, second = flavour.part(cache, "store"), flavour.part(cache, "memory")
    await first.aclose()
    assert store.closed == 0
    await first.set("k", 1)
    await cache.aclose()
    assert store.closed == 1
    for part in (first, second):
        with pytest.raises(ClosedError):
            await part.get("k")
        with pytest.raises(ClosedError):
            await part.set("k", 1)


def test_a_part_of_tiers_that_are_not_there_is_refused(flavour):
    cache = flavour.cache(flavour.memory(), Tier(backend=flavour.store(), name="archive", read=False))
    with pytest.raises(ConfigurationError, match="no tier is named 'disk'; there are memory, archive"):
        flavour.part(cache, "disk")
    with pytest.raises(ConfigurationError, match="none of the tiers"):
        flavour.part(cache, "archive")
