"""Get and set in the Redis tier at 1 to 1,024 callers at once, on a server of this run's own on the same machine."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import msgpack
from harness import Contender, Run, Scenario, Taken, Watch
from pipelining import Pipelining
from values import answer

__all__ = ["scenarios"]

KEYS = 512
TTL = 3600
POOL = 64
C_BENCHMARK = shutil.which("valkey-benchmark") or shutil.which("redis-benchmark")

Verbs = tuple[Callable[[str], Awaitable[Any]], Callable[[str, Any], Awaitable[Any]]]
"""`read(key)` and `write(key, value)`."""
Opened = Callable[[], AsyncGenerator[Verbs]]


def scenarios(url: str, *, is_short: bool = False, is_for_many: bool = True) -> list[Scenario]:
    """Two sizes, two verbs, up to 1,024 callers, or 256 where this system allows too few connections for more; and how
    late the latest answers are, in longer runs: a pool that is unfair takes its time to show it. `is_short`: the
    smaller size only, by one caller and by 256.
    """
    sizes: tuple[tuple[int, tuple[int, ...]], ...] = ((1_500, (1, 32, 256, 1_024)), (16_000, (1, 32, 256)))
    if is_short:
        sizes = ((1_500, (1, 256)),)
    throughput = [
        Scenario(
            f"redis {verb}, {size / 1000:g} kB, {at_once:,} at once",
            f"{verb} of a completion of {size / 1000:g} kB, {_callers(at_once)}",
            [
                Contender(name, _verified(url, opened, verb, _values(size, kind), at_once), note, kind == "floor")
                for name, opened, note, kind in _all(url, at_once)
            ]
            + ([Contender(*_in_c(url, verb, size), is_floor=True)] if at_once == 1 and C_BENCHMARK else []),
            "aicache",
            at_once,
            rounds=None if at_once == 1 else 11,
            seconds=None if at_once == 1 else 0.2,  # many callers take their time to begin
        )
        for size, callers in sizes
        for verb in ("get", "set")
        for at_once in callers
        if at_once < 1_000 or is_for_many
    ]
    tails = [
        Contender(name, _verified(url, opened, "get", _values(1_500, kind), 256), note, kind == "floor")
        for name, opened, note, kind in _all(url, 256)
        if kind == "values"
    ]
    what = "get of a completion of 1.5 kB, 256 callers at once, for three quarters of a second at a time"
    return [*throughput, Scenario("redis get, tail", what, tails, "aicache", 256, rounds=3, seconds=0.75)]


def _callers(at_once: int) -> str:
    return "one caller" if at_once == 1 else f"{at_once:,} callers at once"


@cache
def _values(size: int, kind: str) -> dict[str, Any]:
    values = {f"k{number}": answer(size, number) for number in range(KEYS)}
    return values if kind == "values" else {key: msgpack.packb(value) for key, value in values.items()}


def _verified(
    url: str, opened: Opened, verb: str, wanted: dict[str, Any], at_once: int
) -> Callable[[], AsyncGenerator[Run]]:
    """The contender's run; a get that misses fails it at once, a set that did not reach the server at its end."""
    turns = [list(wanted)[number * 7 % KEYS] for number in range(KEYS)]

    async def run_of_contender() -> AsyncGenerator[Run]:
        done = KEYS if verb == "get" else 0
        before = await _connected(url)
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

            async def run(count: int) -> Taken:
                nonlocal done
                latencies: list[float] = []
                with Watch() as watch:
                    await asyncio.gather(*(one(caller * 31, count // at_once, latencies) for caller in range(at_once)))
                done = max(done, count // at_once)
                return watch.taken(count, latencies, connections=connections)

            connections = 0
            await run(at_once)
            connections = await _connected(url) - before

            yield run
            for key in turns[:done]:
                assert await read(key) == wanted[key], f"{key} came back wrong"

    return run_of_contender


async def _connected(url: str) -> int:
    """Connections that the server has, but for the one that asks."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as observer:
        return len(await observer.client_list()) - 1


def _in_c(url: str, verb: str, size: int) -> tuple[str, Callable[[], AsyncGenerator[Run]], str]:
    """The server's own benchmark, with one connection that waits for each answer."""
    place = urlsplit(url)
    data = msgpack.packb(answer(size))
    key = ("SET", "c", "x" * len(data)) if verb == "set" else ("GET", "c")  # an argument can hold no NUL

    async def opened() -> AsyncGenerator[Run]:
        from redis.asyncio import Redis

        async with Redis.from_url(url) as client:
            await client.set("c", data)

        async def run(count: int) -> Taken:
            process = await asyncio.create_subprocess_exec(
                *(C_BENCHMARK, "-h", place.hostname, "-p", str(place.port), "-c", "1", "-n", str(count), "--csv", *key),
                stdout=asyncio.subprocess.PIPE,
            )
            said = (await process.communicate())[0].decode("latin-1").splitlines()[-1]
            return Taken(1 / float(said.rsplit('","', 7)[1].strip('"')))

        yield run

    return "floor: the server's benchmark in C", opened, "one connection, no pipelining, decodes nothing"


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
                pool: ConnectionPool = BlockingConnectionPool.from_url(url, max_connections=POOL, timeout=None)
            else:
                pool = ConnectionPool.from_url(url, max_connections=at_once)
            client = Redis(connection_pool=pool)

            async def read(key: str) -> Any:
                data = await client.get("msgpack:" + key)
                return None if data is None else msgpack.unpackb(data)

            async def write(key: str, value: Any) -> None:
                await client.set("msgpack:" + key, msgpack.packb(value), ex=TTL)

            if kind == "values":
                yield read, write
            else:
                yield lambda key: client.get("raw:" + key), lambda key, data: client.set("raw:" + key, data, ex=TTL)
            await client.aclose(close_connection_pool=True)

        return opened

    async def glide() -> AsyncGenerator[Verbs]:
        from glide import ExpirySet, ExpiryType, GlideClient, GlideClientConfiguration, NodeAddress

        place = urlsplit(url)
        client = await GlideClient.create(
            GlideClientConfiguration(
                [NodeAddress(place.hostname, place.port)],
                request_timeout=10_000,
                inflight_requests_limit=2 * at_once + 1_000,
            )
        )
        life = ExpirySet(ExpiryType.SEC, TTL)

        async def read(key: str) -> Any:
            data = await client.get("glide:" + key)
            return None if data is None else msgpack.unpackb(data)

        async def write(key: str, value: Any) -> None:
            await client.set("glide:" + key, msgpack.packb(value), expiry=life)

        yield read, write
        await client.close()

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
        ("redis-py + msgpack", redis_py("values"), "a connection for each caller; no envelope, no deadline", "values"),
        (
            "redis-py + msgpack, blocking pool",
            redis_py("values", blocking=True),
            f"{POOL} connections at most, for which callers wait; no envelope, no deadline",
            "values",
        ),
        ("redis-py, bytes", redis_py("bytes"), "a connection for each caller; no deadline", "bytes"),
        ("valkey-glide + msgpack", glide, "one connection, in Rust; no envelope, a deadline", "values"),
        ("cashews", cashews, "a connection for each caller; pickle, unsigned as by default; no deadline", "values"),
        ("aiocache", aiocache, "a connection for each caller; json, no envelope; 5 s for each call", "values"),
        ("floor: bare pipelining", pipelining, "one socket, bytes as they are, no deadline, no recovery", "floor"),
    ]
    if find_spec("glide") is None:  # it has no release for some systems
        contenders = [contender for contender in contenders if not contender[0].startswith("valkey-glide")]
    return contenders
