"""Get and set in the Redis tier at 1, 32 and 256 callers at once, on a server of this run's own on the same machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import cache
from typing import Any

from harness import Contender, Run, Scenario
from values import answer

__all__ = ["scenarios"]

KEYS = 512
TTL = 3600


def scenarios(url: str) -> list[Scenario]:
    """Two sizes, two verbs, three numbers of callers."""
    return [
        Scenario(
            f"redis {verb}, {size // 1000} kB, {at_once} at once",
            f"{verb} of a completion of {size // 1000} kB, {_callers(at_once)}",
            _all(url, verb, size, at_once),
            "aicache",
            at_once,
        )
        for size in (1_000, 16_000)
        for verb in ("get", "set")
        for at_once in (1, 32, 256)
    ]


def _callers(at_once: int) -> str:
    return "one caller" if at_once == 1 else f"{at_once} callers at once"


@cache
def _values(size: int) -> dict[str, Any]:
    return {f"k{number}": answer(size, number) for number in range(KEYS)}


def _all(url: str, verb: str, size: int, at_once: int) -> list[Contender]:
    values = _values(size)

    async def runner(
        read: Callable[[str], Awaitable[Any]], write: Callable[[str, Any], Awaitable[Any]], wanted: dict[str, Any]
    ) -> Run:
        for key, value in wanted.items():
            await write(key, value)
        for key in list(wanted)[:20]:
            assert await read(key) == wanted[key], f"{key} came back wrong"
        names = list(wanted)

        async def one(start: int, count: int, latencies: list[float]) -> None:
            for number in range(start, start + count):
                key = names[number * 7 % KEYS]
                begun = time.perf_counter()
                if verb == "get":
                    await read(key)
                else:
                    await write(key, wanted[key])
                latencies.append(time.perf_counter() - begun)

        async def run(count: int) -> list[float]:
            latencies: list[float] = []
            await asyncio.gather(*(one(caller * 31, count // at_once, latencies) for caller in range(at_once)))
            return latencies

        return run

    async def aicache() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_redis import RedisBackend

        async with TieredCache([RedisBackend(url, prefix="aicache:", timeout=10)]) as cache:
            yield await runner(cache.get, lambda key, value: cache.set(key, value, ttl=TTL), values)

    async def backend() -> AsyncGenerator[Run]:
        from aicache_redis import RedisBackend

        raw = {key: json.dumps(value).encode() for key, value in values.items()}
        one = RedisBackend(url, prefix="bytes:", timeout=10)
        yield await runner(one.get, lambda key, value: one.set(key, value, ttl=TTL), raw)
        await one.aclose()

    async def redis_json() -> AsyncGenerator[Run]:
        import redis.asyncio

        client = redis.asyncio.Redis.from_url(url, max_connections=at_once)

        async def read(key: str) -> Any:
            data = await client.get("json:" + key)
            return None if data is None else json.loads(data)

        async def write(key: str, value: Any) -> None:
            await client.set("json:" + key, json.dumps(value), ex=TTL)

        yield await runner(read, write, values)
        await client.aclose()

    async def redis_bytes() -> AsyncGenerator[Run]:
        import redis.asyncio

        raw = {"raw:" + key: json.dumps(value).encode() for key, value in values.items()}
        client = redis.asyncio.Redis.from_url(url, max_connections=at_once)
        yield await runner(client.get, lambda key, value: client.set(key, value, ex=TTL), raw)
        await client.aclose()

    async def cashews() -> AsyncGenerator[Run]:
        from cashews import Cache

        cache = Cache()
        cache.setup(url, client_side=False, max_connections=at_once)
        yield await runner(cache.get, lambda key, value: cache.set(key, value, expire=TTL), values)
        await cache.close()

    async def aiocache() -> AsyncGenerator[Run]:
        from urllib.parse import urlsplit

        from aiocache import RedisCache
        from aiocache.serializers import JsonSerializer

        async with RedisCache(
            endpoint="127.0.0.1",
            port=urlsplit(url).port,
            namespace="aio",
            serializer=JsonSerializer(),
            pool_max_size=at_once,
        ) as cache:
            yield await runner(cache.get, lambda key, value: cache.set(key, value, ttl=TTL), values)

    return [
        Contender("aicache", aicache, "msgpack, lz4, envelope bound to the key and verified, deadline of each call"),
        Contender("aicache, bytes", backend, "the backend alone: bytes as they are, with the deadline"),
        Contender(
            "redis-py + json",
            redis_json,
            "no envelope, no deadline; a connection for each caller (its default of 100 fails above that)",
        ),
        Contender("redis-py, bytes", redis_bytes, "bytes as they are, no deadline", is_floor=True),
        Contender("cashews", cashews, "pickle, unsigned by default; its middlewares"),
        Contender("aiocache", aiocache, "json, no envelope; a timeout of 5 s for each call"),
    ]
