"""The Redis backend keeps the contract against a real server, in both flavours.

`raw_get` and `raw_set` go round the backend with a client of their own; an empty value is one NUL there.
"""

from __future__ import annotations

import math

import pytest
import redis

from aicache.protocols import (
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsFeed,
    SyncSupportsInfo,
    SyncSupportsLeases,
    SyncSupportsMany,
    SyncSupportsReclaim,
    SyncSupportsScan,
    SyncSupportsTags,
    SyncSupportsTTL,
)
from aicache.testing import BackendContract, SyncBackendContract
from aicache_redis import RedisBackend, SyncRedisBackend


class Place:
    """Where the server is, and how to speak to it without the backend."""

    max_value_bytes = 2 * 2**20

    url: str
    prefix: str  # as a pattern, it would match the other too
    other: str

    @pytest.fixture(autouse=True)
    def _place(self, redis_url: str, redis_prefix: str) -> None:
        self.url, self.prefix, self.other = redis_url, f"{redis_prefix}*:", f"{redis_prefix}x:"

    def read(self, key: str) -> bytes | None:
        with redis.Redis.from_url(self.url) as client:
            value = client.get(self.prefix + key)
        assert value is None or isinstance(value, bytes)
        return value

    def write(self, key: str, value: bytes, ttl: float | None) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.set(self.prefix + key, value, px=None if ttl is None else math.ceil(ttl * 1000))


class TestRedis(Place, BackendContract):
    capabilities = (
        *(SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL),
        *(SupportsLeases, SupportsFeed, SupportsTags, SupportsReclaim),
    )

    def make_backend(self) -> RedisBackend:
        return RedisBackend(self.url, prefix=self.prefix, timeout=10, max_value_bytes=self.max_value_bytes)

    make_peer = make_backend

    def make_neighbour(self) -> RedisBackend:
        return RedisBackend(self.url, prefix=self.other, timeout=10, max_value_bytes=self.max_value_bytes)

    async def raw_get(self, backend: RedisBackend, key: str) -> bytes | None:
        return self.read(key)

    async def raw_set(self, backend: RedisBackend, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value or b"\0", ttl)


class TestSyncRedis(Place, SyncBackendContract):
    capabilities = (
        *(SyncSupportsClear, SyncSupportsInfo, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL),
        *(SyncSupportsLeases, SyncSupportsFeed, SyncSupportsTags, SyncSupportsReclaim),
    )

    def make_backend(self) -> SyncRedisBackend:
        return SyncRedisBackend(self.url, prefix=self.prefix, timeout=10, max_value_bytes=self.max_value_bytes)

    make_peer = make_backend

    def make_neighbour(self) -> SyncRedisBackend:
        return SyncRedisBackend(self.url, prefix=self.other, timeout=10, max_value_bytes=self.max_value_bytes)

    def raw_get(self, backend: SyncRedisBackend, key: str) -> bytes | None:
        return self.read(key)

    def raw_set(self, backend: SyncRedisBackend, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value or b"\0", ttl)
