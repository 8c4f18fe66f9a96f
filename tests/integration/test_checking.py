"""`check` against real servers: what it finds where all is well, and of servers that refuse."""

from __future__ import annotations

from aicache import SyncTieredCache, TieredCache
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

ALL = ["set", "get", "invalidate", "lease", "tags", "evict"]


async def in_both_flavours(url, **options):
    async with TieredCache([MemoryBackend(), RedisBackend(url, **options)]) as cache:
        yield await cache.check(), cache.describe()
    with SyncTieredCache([SyncMemoryBackend(), SyncRedisBackend(url, **options)]) as cache:
        yield cache.check(), cache.describe()


async def test_a_server_that_is_well_holds_every_step(redis_url, redis_prefix, raw):
    async for checkup, said in in_both_flavours(redis_url, prefix=redis_prefix, timeout=5.0):
        assert checkup.ok, checkup.steps
        assert list(checkup.steps) == ALL
        assert "set, get, invalidate, lease, tags, evict hold" in said
    left = [name for name in raw.scan_iter(match=f"{redis_prefix}*", count=1000) if b"check:" in name]
    assert [raw.pttl(name) for name in left if not 0 < raw.pttl(name) <= 30 * 86_400_000] == []


async def test_a_cluster_holds_every_step(redis_cluster, redis_prefix):
    async for checkup, _ in in_both_flavours(redis_cluster.url, prefix=redis_prefix, timeout=5.0):
        assert checkup.ok, checkup.steps
        assert list(checkup.steps) == ALL


async def test_a_user_who_may_not_follow_the_feed_is_told_of(redis_url, redis_prefix, raw):
    raw.acl_setuser("deaf", enabled=True, nopass=True, commands=["+@all", "-xread"], keys=["*"])
    try:
        url = redis_url.replace("redis://", "redis://deaf:any@")
        async for checkup, said in in_both_flavours(url, prefix=redis_prefix, timeout=5.0):
            assert list(checkup.steps) == ALL
            assert not checkup.ok
            assert "evict does not hold: " in said
    finally:
        raw.acl_deluser("deaf")


async def test_a_server_that_is_away_is_told_of_in_its_own_time(redis_prefix):
    async for checkup, _ in in_both_flavours("redis://127.0.0.1:1/0", prefix=redis_prefix, timeout=0.25):
        assert list(checkup.steps) == ["set"]
        assert "BackendUnavailableError" in (checkup.steps["set"] or "")
        assert checkup.seconds < 2
