"""The Redis tier against a real server."""

from __future__ import annotations

from aicache import TieredCache
from aicache_memory import MemoryBackend
from aicache_redis import RedisBackend


async def test_what_one_process_stores_another_finds(redis_url: str, redis_prefix: str) -> None:
    """Two caches with memory tiers of their own stand for two processes."""
    async with (
        TieredCache([MemoryBackend(), RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)]) as one,
        TieredCache([MemoryBackend(), RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)]) as other,
    ):
        await one.set("key", {"answer": (1, None)}, ttl=60)
        found = await other.lookup("key")
        assert (found.value, found.tier) == ({"answer": (1, None)}, "redis")
        assert found.ttl_left is not None
        assert 50 < found.ttl_left <= 60
        assert (await other.lookup("key")).tier == "memory"
