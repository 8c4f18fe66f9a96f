"""The caches that are put to the faults, behind a few common verbs. Peers are used at their defaults."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

__all__ = ["OURS", "PEERS", "SUBJECTS", "Aicache", "Subject", "opened"]

OURS = "aicache"


class Subject(Protocol):
    """A cache of values over one Redis server."""

    async def get(self, key: str) -> Any:
        """The value, or None."""

    async def set(self, key: str, value: Any) -> Any:
        """Store a value for an hour."""

    async def close(self) -> None:
        """Let go of its connections."""


class Aicache:
    """Ours: one Redis tier, no memory before it, so that each call meets the fault. `told`: its events."""

    def __init__(self, url: str, backend: Any = None, policy: Any = None) -> None:
        from aicache import Policy, TieredCache
        from aicache_redis import RedisBackend

        self.told: list[Any] = []
        self.cache = TieredCache(
            [RedisBackend(url) if backend is None else backend],
            policy=policy or Policy(ttl=3600),
            observers=[self._hear],
        )
        self.get = self.cache.get
        self.set = self.cache.set
        self.close = self.cache.aclose

    def _hear(self, event: Any) -> None:
        if event.kind in ("tier_down", "tier_up"):
            self.told.append((time.monotonic(), event.kind))

    @property
    def refused(self) -> int:
        """Stored bytes that were not believed."""
        return sum(sum(tier.refused.values()) for tier in self.cache.stats().tiers)


class RedisPy:
    """The client alone, with msgpack."""

    def __init__(self, url: str) -> None:
        import msgpack
        from redis.asyncio import Redis

        self._client = Redis.from_url(url)
        self._pack, self._unpack = msgpack.packb, msgpack.unpackb

    async def get(self, key: str) -> Any:
        data = await self._client.get(key)
        return None if data is None else self._unpack(data)

    async def set(self, key: str, value: Any) -> Any:
        return await self._client.set(key, self._pack(value), ex=3600)

    async def close(self) -> None:
        await self._client.aclose(close_connection_pool=True)


class Cashews:
    """With its errors suppressed, as by default."""

    def __init__(self, url: str) -> None:
        from cashews import Cache

        self._cache = Cache()
        self._cache.setup(url, client_side=False)

    async def get(self, key: str) -> Any:
        return await self._cache.get(key)

    async def set(self, key: str, value: Any) -> Any:
        return await self._cache.set(key, value, expire=3600)

    async def close(self) -> None:
        await self._cache.close()


class Aiocache:
    """With JSON."""

    def __init__(self, url: str) -> None:
        from aiocache import RedisCache
        from aiocache.serializers import JsonSerializer

        place = urlsplit(url)
        self._cache = RedisCache(endpoint=place.hostname, port=place.port, serializer=JsonSerializer())

    async def get(self, key: str) -> Any:
        return await self._cache.get(key)

    async def set(self, key: str, value: Any) -> Any:
        return await self._cache.set(key, value, ttl=3600)

    async def close(self) -> None:
        await self._cache.close()


class PyKeyValue:
    """Its Redis store."""

    def __init__(self, url: str) -> None:
        from key_value.aio.stores.redis import RedisStore

        self._store: Any = RedisStore(url=url)

    async def get(self, key: str) -> Any:
        return await self._store.get(key)

    async def set(self, key: str, value: Any) -> Any:
        return await self._store.put(key, value, ttl=3600)

    async def close(self) -> None:
        await self._store._client.aclose(close_connection_pool=True)  # noqa: SLF001 it has no verb for it


SUBJECTS: dict[str, Callable[[str], Subject]] = {
    OURS: Aicache,
    "redis-py": RedisPy,
    "cashews": Cashews,
    "aiocache": Aiocache,
    "py-key-value": PyKeyValue,
}
PEERS = [name for name in SUBJECTS if name != OURS]


@asynccontextmanager
async def opened(name: str, url: str) -> AsyncGenerator[Any]:
    """The subject of that name, closed at the end whatever closing raises."""
    subject = SUBJECTS[name](url)
    try:
        yield subject
    finally:
        try:
            await subject.close()
        except Exception as error:
            print(f"{name} could not be closed: {type(error).__name__}")
