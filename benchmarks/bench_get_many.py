"""A hundred keys of the Redis tier in one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgpack
from harness import Contender, Run, Scenario, repeated
from values import answer

__all__ = ["KEYS", "TTL", "Opened", "Verbs", "aicache", "scenarios", "verified"]

KEYS = [f"many {number}" for number in range(100)]
TTL = 3600

Verbs = tuple[Callable[[], Awaitable[Any]], Callable[[str, Any], Awaitable[Any]]]
"""Read all keys, in their order or by name; write one."""
Opened = Callable[[], AsyncGenerator[Verbs]]


def scenarios(url: str) -> list[Scenario]:
    """One."""
    every: list[tuple[str, Opened, str]] = [
        ("aicache", aicache(url), "get_many of a cache: msgpack, lz4, envelope verified, a deadline"),
        ("redis-py MGET + msgpack", _redis_py(url), "no envelope, no deadline"),
        ("redis-py pipeline + msgpack", _redis_py(url, is_pipeline=True), "a GET each; no envelope, no deadline"),
        ("cashews", _cashews(url), "get_many; pickle, unsigned as by default"),
        ("aiocache", _aiocache(url), "multi_get; json; 5 s for each call"),
    ]
    contenders = [Contender(name, verified(opened), note) for name, opened, note in every]
    what = "100 completions of 1.5 kB in one call by one caller"
    return [Scenario("redis get_many of 100", what, contenders, "aicache")]


def verified(opened: Opened) -> Callable[[], AsyncGenerator[Run]]:
    """A run that first sees that what comes back is what was written."""

    async def run_of_contender() -> AsyncGenerator[Run]:
        wanted = {key: answer(1_500, number) for number, key in enumerate(KEYS)}
        async with asynccontextmanager(opened)() as (read, write):
            for key, value in wanted.items():
                await write(key, value)
            found = await read()
            assert list(found.values() if isinstance(found, dict) else found) == list(wanted.values())
            yield repeated(read)

    return run_of_contender


def aicache(url: str) -> Opened:
    """Our cache over one Redis tier."""

    async def opened() -> AsyncGenerator[Verbs]:
        from aicache import TieredCache
        from aicache_redis import RedisBackend

        async with TieredCache([RedisBackend(url, prefix="aicache:", timeout=10)]) as cache:
            yield lambda: cache.get_many(KEYS), lambda key, value: cache.set(key, value, ttl=TTL)

    return opened


def _redis_py(url: str, *, is_pipeline: bool = False) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from redis.asyncio import Redis

        async with Redis.from_url(url) as client:

            async def read() -> list[Any]:
                if is_pipeline:
                    async with client.pipeline(transaction=False) as pipeline:
                        for key in KEYS:
                            pipeline.get(key)
                        return [msgpack.unpackb(data) for data in await pipeline.execute()]
                return [msgpack.unpackb(data) for data in await client.mget(KEYS)]

            yield read, lambda key, value: client.set(key, msgpack.packb(value), ex=TTL)

    return opened


def _cashews(url: str) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from cashews import Cache

        cache = Cache()
        cache.setup(url, client_side=False)
        keys = ["cashews:" + key for key in KEYS]
        yield lambda: cache.get_many(*keys), lambda key, value: cache.set("cashews:" + key, value, expire=TTL)
        await cache.close()

    return opened


def _aiocache(url: str) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from aiocache import RedisCache
        from aiocache.serializers import JsonSerializer

        place = urlsplit(url)
        async with RedisCache(
            endpoint=place.hostname, port=place.port, namespace="aio", serializer=JsonSerializer()
        ) as cache:
            yield lambda: cache.multi_get(KEYS), lambda key, value: cache.set(key, value, ttl=TTL)

    return opened
