"""The Redis backend keeps the contract against a cluster, and against a master that sentinels watch over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis.cluster import RedisCluster as Client
from redis.sentinel import Sentinel

from aicache.testing import BackendContract, SyncBackendContract
from aicache.testing.servers import RedisCluster, RedisSentinel

from .redis_places import Async, Place, Sync

pytestmark = pytest.mark.nightly  # the same verbs over ways of their own, which tests/integration has each day


class InACluster(Place):
    @pytest.fixture(autouse=True)
    def _place(self, redis_cluster: RedisCluster) -> Iterator[None]:
        self.url = redis_cluster.url
        self.client = Client(host="127.0.0.1", port=redis_cluster.nodes[0].port)
        yield
        self.client.close()


class BySentinel(Place):
    @pytest.fixture(autouse=True)
    def _place(self, redis_sentinel: RedisSentinel) -> Iterator[None]:
        self.url = redis_sentinel.url
        sentinel = Sentinel([("127.0.0.1", one.port) for one in redis_sentinel.sentinels])
        self.client = sentinel.master_for(redis_sentinel.name)
        yield
        self.client.close()
        for one in sentinel.sentinels:
            one.close()


class TestCluster(Async, InACluster, BackendContract):
    pass


class TestSyncCluster(Sync, InACluster, SyncBackendContract):
    pass


class TestSentinel(Async, BySentinel, BackendContract):
    pass


class TestSyncSentinel(Sync, BySentinel, SyncBackendContract):
    pass
