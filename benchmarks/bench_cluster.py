"""A hundred keys of a cluster of three nodes in one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgpack
from bench_get_many import KEYS, TTL, Opened, Verbs, aicache, verified
from harness import Contender, Scenario

__all__ = ["scenarios"]


def scenarios(url: str) -> list[Scenario]:
    """One, on the cluster at `url`."""
    every: list[tuple[str, Opened, str]] = [
        ("aicache", aicache(url), "get_many of a cache: msgpack, lz4, envelope verified, a deadline"),
        ("redis-py mget_nonatomic + msgpack", _redis_py(url), "an MGET for each slot; no envelope, no deadline"),
    ]
    contenders = [Contender(name, verified(opened), note) for name, opened, note in every]
    what = "100 completions of 1.5 kB in one call by one caller, over 3 nodes"
    return [Scenario("cluster get_many of 100", what, contenders, "aicache")]


def _redis_py(url: str) -> Opened:
    async def opened() -> AsyncGenerator[Verbs]:
        from redis.asyncio.cluster import RedisCluster

        first = url.partition("://")[2].partition(",")[0]
        async with RedisCluster.from_url(f"redis://{first}") as client:

            async def read() -> list[Any]:
                return [msgpack.unpackb(data) for data in await client.mget_nonatomic(KEYS)]

            yield read, lambda key, value: client.set(key, msgpack.packb(value), ex=TTL)

    return opened
