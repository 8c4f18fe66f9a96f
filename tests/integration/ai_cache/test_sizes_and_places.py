"""In which tiers an answer lies by the size of its text, and how large it is there, in both flavours."""

from __future__ import annotations

import os

import pytest

from aicache import SyncAIResponseCache, Tier
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

SIZES = [(0, True), (1, True), (499, True), (500, False), (501, False), (4999, False), (5000, False), (50_000, False)]


@pytest.mark.parametrize(("length", "in_memory"), SIZES)
async def test_small_texts_live_in_memory_too_and_all_live_in_redis(make, raw, length, in_memory):
    cache = make()
    await cache.cache_response("t" * length, "qa", {}, {"a": 1})
    assert raw.exists(cache.key_generator.generate_cache_key("t" * length, "qa", {})) == 1
    for tier in ("memory", "memory") if in_memory else ("redis", "redis"):
        assert (await cache.lookup("t" * length, "qa", {})).tier == tier
    await cache.invalidate_memory_cache()
    tiers = [(await cache.lookup("t" * length, "qa", {})).tier for _ in range(2)]
    assert tiers == ["redis", "memory" if in_memory else "redis"]


async def test_size_tiers_and_their_places_can_be_chosen(make, raw):
    cache = make(text_size_tiers={"tiny": 2, "long": 10}, placement={"tiny": ["memory"], "long": ["memory", "redis"]})
    for length, tier, in_redis in ((1, "memory", 0), (2, "memory", 1), (9, "memory", 1), (10, "redis", 1)):
        await cache.cache_response("t" * length, "qa", {}, length)
        assert (await cache.lookup("t" * length, "qa", {})).tier == tier
        assert raw.exists(cache.key_generator.generate_cache_key("t" * length, "qa", {})) == in_redis


async def test_tiers_of_ones_own(make, redis_url, raw, namespace):
    is_sync = isinstance(make().cache, SyncAIResponseCache)
    memory, shared = (SyncMemoryBackend, SyncRedisBackend) if is_sync else (MemoryBackend, RedisBackend)
    here = Tier(backend=memory(max_entries=5), name="here", max_ttl=60)
    tiers = [here, shared(redis_url, prefix="mine:", timeout=5.0)]
    cache = make(tiers=tiers)
    await cache.cache_response("t", "qa", {}, 1)
    found = await cache.lookup("t", "qa", {})
    assert (found.tier, found.ttl_left) == ("here", pytest.approx(60, abs=5))
    assert raw.exists("mine:" + cache.key_generator.generate_cache_key("t", "qa", {})) == 1
    assert await cache.invalidate_all() == 1


@pytest.mark.parametrize(
    ("response", "compressed"),
    [({"a": "x" * 10_000}, True), ({"a": "x" * 900}, False), ({"a": "x" * 1100}, True), (None, False)],
    ids=["large", "small", "just above", "none"],
)
async def test_large_answers_are_compressed_and_say_so_wherever_they_are_read(make, raw, response, compressed):
    cache = make()
    await cache.cache_response("text", "qa", {}, response)
    size = raw.strlen(cache.key_generator.generate_cache_key("text", "qa", {}))
    assert (size < 300) == compressed or response is None
    for fresh in (cache, make()):
        for _ in range(2):  # from Redis, then from memory
            found = await fresh.lookup("text", "qa", {})
            assert (found.response, found.compression_used) == (response, compressed)
    stats = cache.get_performance_summary()["compression"]
    assert stats["count"] == 1
    assert (stats["saved_bytes"] > 0) == compressed


async def test_what_does_not_get_smaller_is_not_compressed(make):
    cache = make()
    await cache.cache_response("text", "qa", {}, {"a": os.urandom(5000)})
    assert (await cache.lookup("text", "qa", {})).compression_used is False
