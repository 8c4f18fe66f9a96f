"""What a tiered cache counts, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Lookup

from .sealing import plant


async def test_the_count_of_hits_and_misses(flavour):
    memory, store = flavour.memory(), flavour.store()
    plant(store, "k", {"a": 1})
    cache = flavour.cache(memory, store)
    assert cache.stats().hit_ratio is None
    for key in ("k", "k", "k", "absent"):
        await cache.get(key)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.hit_ratio) == (3, 1, 0.75)
    assert [(tier.hits, tier.misses) for tier in stats.tiers] == [(2, 2), (1, 1)]
    assert stats.to_dict()["tiers"][0]["hits"] == 2


@pytest.mark.parametrize("observed", [False, True])
async def test_the_counts_of_a_cache_of_one_memory_tier(flavour, observed):
    told = []
    cache = flavour.cache(flavour.memory(max_bytes=1000), observers=[told.append] if observed else [])
    assert await cache.get("k", "missing") == "missing"
    await cache.set("k", "value", ttl=10)
    assert await cache.get("k") == "value"
    await cache.set("k", "x" * 2000)  # too large, and the older value is not left
    assert await cache.get("k") is None
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 2)
    assert [(tier.hits, tier.misses, tier.writes, tier.skipped) for tier in stats.tiers] == [(1, 2, 1, 1)]
    assert [event.kind for event in told] == (["miss", "store", "hit", "skip", "miss"] if observed else [])
    assert await cache.lookup("k") == Lookup(found=False, reason="memory: absent")


async def test_the_sizes_written_are_counted_as_serialized_and_as_stored(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    await cache.set("k", "answer " * 1000)
    tier = cache.stats().tiers[0]
    assert tier.raw_bytes > 7000 > tier.stored_bytes == len(store.data["k"][0])
