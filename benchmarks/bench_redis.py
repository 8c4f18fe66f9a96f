"""Get and set in the Redis tier at 1, 32 and 256 callers at once, on a server of this run's own on the same machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from harness import Contender, Run, Scenario
from pipelining import Pipelining
from values import answer

__all__ = ["scenarios"]

KEYS = 512
TTL = 3600

Verbs = tuple[Callable[[str], Awaitable[Any]], Callable[[str, Any], Awaitable[Any]]]
"""`read(key)` and `write(key, value)`."""
Opened = Callable[[], AsyncGenerator[Verbs]]


def scenarios(url: str) -> list[Scenario]:
    """Two sizes, two verbs, three numbers of callers."""
    return [
        Scenario(
            f"redis {verb}, {size // 1000} kB, {at_once} at once",
            f"{verb} of a completion of {size // 1000} kB, {_callers(at_once)}",
            [
                Contender(name, _verified(opened, verb, _values(size, kind), at_once), note, kind == "floor")
                for name, opened, note, kind in _all(url, at_once)
            ],
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
def _values(size: int, kind: str) -> dict[str, Any]:
    values = {f"k{number}": answer(size, number) for number in range(KEYS)}
    return values if kind == "values" else {key: json.dumps(value).encode() for key, value in values.items()}


def _verified(opened: Opened, verb: str, wanted: dict[str, Any], at_once: int) -> Callable[[], AsyncGenerator[Run]]:
    """The contender's run; a get that misses fails it at once, a set that did not reach the server at its end."""
    turns = [list(wanted)[number * 7 % KEYS] for number in range(KEYS)]

    async def run_of_contender() -> AsyncGenerator[Run]:
        done = KEYS if verb == "get" else 0
        async with asynccontextmanager(opened)() as (read, write):
            for key, value in wanted.items():
                await write(key, value if verb == "get" else wanted["k0"])

            async def one(start: int, count: int, latencies: list[float]) -> None:
                for number in range(start, start + count):
                    key = turns[number % KEYS]
                    begun = time.perf_counter()
                    if verb == "set":
                        await write(key, wanted[key])
                    elif await read(key) is None:
                        raise AssertionError(f"{key} is stored, and was not found")
                    latencies.append(time.perf_counter() - begun)

            async def run(count: int) -> list[float]:
                nonlocal done
                latencies: list[float] = []
                await asyncio.gather(*(one(caller * 31, count // at_once, latencies) for caller in range(at_once)))
                done = max(done, count // at_once)
                return latencies

            yield run
            for key in turns[:done]:
                assert await read(key) == wanted[key], f"{key} came back wrong"

    return run_of_contender


def _all(url: str, at_once: int) -> Sequence[tuple[str, Opened, str, str]]:
    """Name, verbs, what it does, and what it is given: values, bytes, or bytes as the floor."""

    async def aicache() -> AsyncGenerator[Verbs]:
        from aicache import TieredCache
        from aicache_redis import RedisBackend

        # Not its 0.25 s: on a machine that is busy elsewhere a late answer must take its time and not be a miss.
        async with TieredCache([RedisBackend(url, prefix="aicache:", timeout=10)]) as cache:
            yield cache.get, lambda key, value: cache.set(key, value, ttl=TTL)

    async def backend() -> AsyncGenerator[Verbs]:
        from aicache_redis import RedisBackend

        one = RedisBackend(url, prefix="bytes:", timeout=10)
        yield one.get, lambda key, value: one.set(key, value, ttl=TTL)
        await one.aclose()

    def redis_py(kind: str, *, blocking: bool = False) -> Opened:
        async def opened() -> AsyncGenerator[Verbs]:
            from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis

            if blocking:
                pool: ConnectionPool = BlockingConnectionPool.from_url(url, max_connections=64, timeout=None)
            else:
                pool = ConnectionPool.from_url(url, max_connections=at_once)
            client = Redis(connection_pool=pool)

            async def read(key: str) -> Any:
                data = await client.get("json:" + key)
                return None if data is None else json.loads(data)

            async def write(key: str, value: Any) -> None:
                await client.set("json:" + key, json.dumps(value), ex=TTL)

            if kind == "json":
                yield read, write
            else:
                yield lambda key: client.get("raw:" + key), lambda key, data: client.set("raw:" + key, data, ex=TTL)
            await client.aclose(close_connection_pool=True)

        return opened

    async def cashews() -> AsyncGenerator[Verbs]:
        from cashews import Cache

        cache = Cache()
        cache.setup(url, client_side=False, max_connections=at_once)
        yield lambda key: cache.get("cashews:" + key), lambda key, value: cache.set("cashews:" + key, value, expire=TTL)
        await cache.close()

    async def aiocache() -> AsyncGenerator[Verbs]:
        from aiocache import RedisCache
        from aiocache.serializers import JsonSerializer

        place = urlsplit(url)
        async with RedisCache(
            endpoint=place.hostname,
            port=place.port,
            namespace="aio",
            serializer=JsonSerializer(),
            pool_max_size=at_once,
        ) as cache:
            yield cache.get, lambda key, value: cache.set(key, value, ttl=TTL)

    async def pipelining() -> AsyncGenerator[Verbs]:
        link = await Pipelining.to(url)
        yield (
            lambda key: link.execute("GET", "bare:" + key),
            lambda key, data: link.execute("SET", "bare:" + key, data, "EX", TTL),
        )
        link.transport.close()

    contenders = [
        ("aicache", aicache, "msgpack, lz4, envelope bound to the key and verified, a deadline", "values"),
        ("aicache RedisBackend", backend, "the backend alone: bytes as they are, a deadline", "bytes"),
        ("redis-py + json", redis_py("json"), "a connection for each caller; no envelope, no deadline", "values"),
        ("redis-py, bytes", redis_py("bytes"), "a connection for each caller; no deadline", "bytes"),
        ("cashews", cashews, "a connection for each caller; pickle, unsigned as by default; no deadline", "values"),
        ("aiocache", aiocache, "a connection for each caller; json, no envelope; 5 s for each call", "values"),
        ("floor: bare pipelining", pipelining, "one socket, bytes as they are, no deadline, no recovery", "floor"),
    ]
    if at_once > 64:
        note = "64 connections for which callers wait; no envelope, no deadline"
        contenders.insert(3, ("redis-py + json, blocking pool", redis_py("json", blocking=True), note, "values"))
    return contenders
