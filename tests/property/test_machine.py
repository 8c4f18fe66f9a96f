"""Backends, and caches over them, agree with a plain dict however their verbs are called."""

from __future__ import annotations

import math
from uuid import uuid4

from aicache import SyncTieredCache, TieredCache
from aicache.testing import FakeClock, FaultyBackend, SyncFaultyBackend
from aicache.testing.machine import backend_machine, cache_machine
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend
from aicache_redis import RedisBackend, SyncRedisBackend


class DictStore:
    """The four verbs and nothing more, so a cache goes by the times in the envelope."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.entries: dict[str, tuple[bytes, float]] = {}

    async def get(self, key: str) -> bytes | None:
        value, ends = self.entries.get(key, (None, 0.0))
        return value if self.clock() < ends else None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.entries[key] = value, self.clock() + (math.inf if ttl is None else ttl)

    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None and self.entries.pop(key, None) is not None

    async def aclose(self) -> None:
        self.entries = {}


def bytes_store(clock: FakeClock) -> FaultyBackend:
    """A store of bytes with every optional verb; nothing in it fails."""
    return FaultyBackend(MemoryBackend(clock=clock))


def sync_bytes_store(clock: FakeClock) -> SyncFaultyBackend:
    return SyncFaultyBackend(SyncMemoryBackend(clock=clock))


# -- backends, each run over an empty one

TestMemory = backend_machine(lambda clock: MemoryBackend(clock=clock))
TestSyncMemory = backend_machine(lambda clock: SyncMemoryBackend(clock=clock))
TestDictStore = backend_machine(DictStore)
TestSyncFaultless = backend_machine(sync_bytes_store)

# -- caches

TestOneTier = cache_machine(lambda clock: [MemoryBackend(clock=clock)])
TestSyncOneTier = cache_machine(lambda clock: [SyncMemoryBackend(clock=clock)])
TestOneByteTier = cache_machine(lambda clock: [DictStore(clock)])
TestMemoryAndNull = cache_machine(lambda clock: [MemoryBackend(clock=clock), NullBackend()], forgetful={1})
TestMemoryOverDict = cache_machine(lambda clock: [MemoryBackend(clock=clock), DictStore(clock)])
TestSmallMemoryOverBytes = cache_machine(
    lambda clock: [MemoryBackend(max_entries=2, clock=clock), bytes_store(clock)], forgetful={0}
)
TestSyncSmallMemoryOverBytes = cache_machine(
    lambda clock: [SyncMemoryBackend(max_entries=2, clock=clock), sync_bytes_store(clock)], forgetful={0}
)
TestThreeTiers = cache_machine(lambda clock: [MemoryBackend(clock=clock), DictStore(clock), bytes_store(clock)])
TestThreeSmallTiers = cache_machine(
    lambda clock: [MemoryBackend(max_entries=size, clock=clock) for size in (1, 2, 3)], forgetful={0, 1, 2}
)
TestNested = cache_machine(
    lambda clock: [
        MemoryBackend(clock=clock),
        TieredCache([MemoryBackend(clock=clock), bytes_store(clock)], wall_clock=clock),
    ]
)
TestSyncNested = cache_machine(
    lambda clock: [
        SyncMemoryBackend(clock=clock),
        SyncTieredCache([SyncMemoryBackend(clock=clock), sync_bytes_store(clock)], wall_clock=clock),
    ]
)


# -- against a real server


def test_redis(redis_url: str, redis_prefix: str) -> None:
    def backend(_: FakeClock) -> RedisBackend:
        return RedisBackend(redis_url, prefix=f"{redis_prefix}{uuid4()}:", timeout=10)

    backend_machine(backend, fake_time=False)().runTest()


def test_sync_redis(redis_url: str, redis_prefix: str) -> None:
    def backend(_: FakeClock) -> SyncRedisBackend:
        return SyncRedisBackend(redis_url, prefix=f"{redis_prefix}{uuid4()}:", timeout=10)

    backend_machine(backend, fake_time=False)().runTest()


def test_memory_over_redis(redis_url: str, redis_prefix: str) -> None:
    case = cache_machine(
        lambda clock: [
            MemoryBackend(clock=clock),
            RedisBackend(redis_url, prefix=f"{redis_prefix}{uuid4()}:", timeout=10),
        ],
        fake_time=False,
    )
    case().runTest()
