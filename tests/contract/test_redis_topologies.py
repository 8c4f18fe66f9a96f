"""The Redis backend keeps the contract against a cluster, and against a master that sentinels watch over.

`raw_get` and `raw_set` go round the backend with a client of their own; an empty value is one NUL there.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster as Client
from redis.sentinel import Sentinel

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
from aicache.testing.servers import RedisCluster, RedisSentinel
from aicache_redis import RedisBackend, SyncRedisBackend

pytestmark = pytest.mark.nightly  # the same verbs over ways of their own, which tests/integration has each day

MOST = 2 * 2**20
ASYNC = (
    *(SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL),
    *(SupportsFeed, SupportsLeases, SupportsTags, SupportsReclaim),
)
SYNC = (
    *(SyncSupportsClear, SyncSupportsInfo, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL),
    *(SyncSupportsFeed, SyncSupportsLeases, SyncSupportsTags, SyncSupportsReclaim),
)


class Place:
    """Where the servers are, and how to speak to them without the backend."""

    url: str
    prefix: str  # as a pattern, it would match the other too
    other: str
    client: Any

    @pytest.fixture(autouse=True)
    def _prefixes(self, redis_prefix: str) -> None:
        self.prefix, self.other = f"{redis_prefix}*:", f"{redis_prefix}x:"

    def read(self, key: str) -> bytes | None:
        value = self.client.get(self.prefix + key)
        assert value is None or isinstance(value, bytes)
        return value

    def write(self, key: str, value: bytes, ttl: float | None) -> None:
        self.client.set(self.prefix + key, value or b"\0", px=None if ttl is None else math.ceil(ttl * 1000))

    def build(self, kind: Any, prefix: str) -> Any:
        return kind(self.url, prefix=prefix, timeout=10, max_value_bytes=MOST)


class InACluster(Place):
    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: RedisCluster) -> Any:
        self.url = redis_cluster.url
        self.client = Client(host="127.0.0.1", port=redis_cluster.nodes[0].port)
        yield
        self.client.close()


class BySentinel(Place):
    @pytest.fixture(autouse=True)
    def _place(self, redis_sentinel: RedisSentinel) -> Any:
        self.url = redis_sentinel.url
        sentinel = Sentinel([("127.0.0.1", one.port) for one in redis_sentinel.sentinels])
        self.client: redis.Redis = sentinel.master_for(redis_sentinel.name)
        yield
        self.client.close()
        for one in sentinel.sentinels:
            one.close()


class Async(Place):
    def make_backend(self) -> Any:
        return self.build(RedisBackend, self.prefix)

    make_peer = make_backend

    def make_neighbour(self) -> Any:
        return self.build(RedisBackend, self.other)

    async def raw_get(self, backend: Any, key: str) -> bytes | None:
        return self.read(key)

    async def raw_set(self, backend: Any, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value, ttl)


class Sync(Place):
    def make_backend(self) -> Any:
        return self.build(SyncRedisBackend, self.prefix)

    make_peer = make_backend

    def make_neighbour(self) -> Any:
        return self.build(SyncRedisBackend, self.other)

    def raw_get(self, backend: Any, key: str) -> bytes | None:
        return self.read(key)

    def raw_set(self, backend: Any, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value, ttl)


class TestCluster(Async, InACluster, BackendContract):
    capabilities = ASYNC


class TestSyncCluster(Sync, InACluster, SyncBackendContract):
    capabilities = SYNC


class TestSentinel(Async, BySentinel, BackendContract):
    capabilities = ASYNC


class TestSyncSentinel(Sync, BySentinel, SyncBackendContract):
    capabilities = SYNC
