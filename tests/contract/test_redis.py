"""The Redis backend keeps the contract against a real server, in both flavours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from aicache.testing import BackendContract, SyncBackendContract

from .redis_places import Async, Place, Sync


class OnAServer(Place):
    @pytest.fixture(autouse=True)
    def _place(self, redis_url: str) -> Iterator[None]:
        self.url = redis_url
        with redis.Redis.from_url(redis_url) as self.client:
            yield


class TestRedis(Async, OnAServer, BackendContract):
    pass


class TestSyncRedis(Sync, OnAServer, SyncBackendContract):
    pass
