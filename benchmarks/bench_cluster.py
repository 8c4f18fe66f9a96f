"""A hundred keys of a cluster of three nodes in one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack
from harness import Contender, Run, Scenario, repeated
from values import answer

__all__ = ["scenarios"]

KEYS = [f"many {number}" for number in range(100)]
TTL = 3600

Verbs = tuple[Callable[[], Awaitable[Any]], Callable[[str, Any], Awaitable[Any]]]
"""Read all keys, in their order or by name; write one."""
Opened = Callable[[], AsyncGenerator[Verbs]]


def scenarios(url: str) -> list[Scenario]:
    """One, on the cluster at `url`."""
    every: list[tuple[str, Opened, str]] = [
        ("aicache", _aicache(url), "get_many of a cache: msgpack, lz4, envelope verified, a deadline"),
        ("redis-py mget_nonatomic + msgpack", _redis_py(url), "an MGET for each slot; no envelope, no deadline"),
    ]
    contenders = [Contender(name, _verified(opened), note) for name, opened, note in every]
    what = "100 completions of 1.5 kB in one call by one caller, over 3 nodes"
    return [Scenario("cluster get_many of 100", what, contenders, "aicache")]


def _verified(opened: Opened) -> Callable[[], AsyncGenerator[Run]]:
    async def run_of_contender() -> AsyncGenerator[Run]:
        wanted = {key: answer(1_500, number) for number, key in enumerate(KEYS)}
        async with asynccontextmanager(opened)() as (read, write):
            for key, value in wanted.items():
                await write(key, value)
            found = await read()
            assert list(found.values() if isinstance(found, dict) else found) == list(wanted.values())
            yield repeated(read)

    return run_of_contender


def _aicache(url: str) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from aicache import TieredCache
        from aicache_redis import RedisBackend

        async with TieredCache([RedisBackend(url, prefix="aicache:", timeout=10)]) as cache:
            yield lambda: cache.get_many(KEYS), lambda key, value: cache.set(key, value, ttl=TTL)

    return opened


def _redis_py(url: str) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from redis.asyncio.cluster import RedisCluster

        first = url.partition("://")[2].partition(",")[0]
        async with RedisCluster.from_url(f"redis://{first}") as client:

            async def read() -> list[Any]:
                return [msgpack.unpackb(data) for data in await client.mget_nonatomic(KEYS)]

            yield read, lambda key, value: client.set(key, msgpack.packb(value), ex=TTL)

    return opened
