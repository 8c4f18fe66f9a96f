"""Where the suites of the contract find a Redis server, a cluster or a watched master, and how they speak to it without
the backend.

`raw_get` and `raw_set` go round the backend with a client of their own; an empty value is one NUL there.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from aicache_redis import RedisBackend, SyncRedisBackend

from .capabilities import SHARED, SYNC_SHARED

__all__ = ["Async", "Place", "Sync"]


class Place:
    """A place has a URL and a client of its own."""

    max_value_bytes = 2 * 2**20

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
        return kind(self.url, prefix=prefix, timeout=10, max_value_bytes=self.max_value_bytes)


class Async(Place):
    """The hooks of `BackendContract`."""

    capabilities = SHARED

    def make_backend(self) -> RedisBackend:
        backend: RedisBackend = self.build(RedisBackend, self.prefix)
        return backend

    make_peer = make_backend

    def make_neighbour(self) -> RedisBackend:
        backend: RedisBackend = self.build(RedisBackend, self.other)
        return backend

    async def raw_get(self, backend: RedisBackend, key: str) -> bytes | None:
        return self.read(key)

    async def raw_set(self, backend: RedisBackend, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value, ttl)


class Sync(Place):
    """The hooks of `SyncBackendContract`."""

    capabilities = SYNC_SHARED

    def make_backend(self) -> SyncRedisBackend:
        backend: SyncRedisBackend = self.build(SyncRedisBackend, self.prefix)
        return backend

    make_peer = make_backend

    def make_neighbour(self) -> SyncRedisBackend:
        backend: SyncRedisBackend = self.build(SyncRedisBackend, self.other)
        return backend

    def raw_get(self, backend: SyncRedisBackend, key: str) -> bytes | None:
        return self.read(key)

    def raw_set(self, backend: SyncRedisBackend, key: str, value: bytes, ttl: float | None) -> None:
        self.write(key, value, ttl)
