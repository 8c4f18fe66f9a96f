"""A server that answers and refuses, and more callers than there are connections."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from aicache.testing.servers import RedisServer
from under_fault.rows import Figures, Row, Scale
from under_fault.subjects import OURS, Aicache, opened

__all__ = ["ROWS"]

KEYS = 50
Refusal = Callable[[RedisServer, Any], Awaitable[Any]]


async def _full(_server: RedisServer, admin: Any) -> None:
    await admin.config_set("maxmemory-policy", "noeviction")
    await admin.config_set("maxmemory", "1mb")


async def _readonly(_server: RedisServer, admin: Any) -> None:
    await admin.execute_command("REPLICAOF", "127.0.0.1", "1")


async def _crowded(_server: RedisServer, admin: Any) -> None:
    await admin.config_set("maxclients", 2)
    await admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def _locked(_server: RedisServer, admin: Any) -> None:
    await admin.config_set("requirepass", "x" * 20)
    await admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@asynccontextmanager
async def _loading() -> AsyncGenerator[str]:
    """A server that is never done loading: no real one can be held there."""
    import hiredis

    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        asked = hiredis.Reader()
        while data := await reader.read(65536):
            asked.feed(data)
            for _ in iter(asked.gets, False):
                writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        for writer in writers:
            writer.close()


async def _asked(subject: Any) -> Figures:
    """Reads and writes of keys that are there, two at a time, and how long the slowest took; 10 s are an error."""
    figures: Figures = {"operations": 0, "errors": 0, "wrong": 0, "read": 0, "slowest": 0.0}

    async def one(number: int, verb: str) -> None:
        begun = time.monotonic()
        try:
            if verb == "set":
                async with asyncio.timeout(10):
                    await subject.set(f"new-{number}", {"key": number, "filler": "x" * 1000})
            else:
                async with asyncio.timeout(10):
                    said = await subject.get(f"key-{number}")
                figures["read"] += said is not None
                figures["wrong"] += said is not None and said["key"] != number
        except Exception:
            figures["errors"] += 1
        figures["operations"] += 1
        figures["slowest"] = round(max(figures["slowest"], time.monotonic() - begun), 3)

    until = time.monotonic() + 30
    for number in range(KEYS):
        if time.monotonic() < until:  # else it would take minutes to say the same
            await asyncio.gather(one(number, "set"), one(number, "get"))
    return figures


def _refused(refuse: Refusal) -> Callable[[str, Scale], Awaitable[Figures]]:
    async def measure(name: str, _scale: Scale) -> Figures:
        from redis.asyncio import Redis

        with RedisServer() as server:
            async with opened(name, server.url) as subject, Redis.from_url(server.url) as admin:
                for number in range(KEYS):
                    await subject.set(f"key-{number}", {"key": number})
                await admin.ping()
                async with Redis.from_url(server.url, password=None) as other:  # it takes a place
                    await other.ping()
                    await refuse(server, admin)
                    return await _asked(subject)

    return measure


async def _while_loading(name: str, _scale: Scale) -> Figures:
    async with _loading() as url, opened(name, url) as subject:
        return await _asked(subject)


async def _many_gets(name: str, scale: Scale) -> Figures:
    """All at once, with ten connections where the subject lets us say so."""
    from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis

    with RedisServer() as server:
        if name == OURS:
            from aicache_redis import RedisBackend

            pool = ConnectionPool.from_url(server.url, max_connections=10)
            subject: Any = Aicache(server.url, RedisBackend(client=Redis(connection_pool=pool), max_connections=10))
            figures = await _gathered(subject, scale.gets)
            await subject.close()
            await pool.disconnect()  # a client that is passed in stays open
            return figures
        async with opened(name, server.url) as subject:
            if name == "redis-py":
                blocking = BlockingConnectionPool.from_url(server.url, max_connections=10)
                subject._client = Redis(connection_pool=blocking)  # noqa: SLF001 ours
            return await _gathered(subject, scale.gets)


async def _gathered(subject: Any, count: int) -> Figures:
    for number in range(KEYS):
        await subject.set(f"key-{number}", {"key": number})
    said = await asyncio.gather(*(subject.get(f"key-{n % KEYS}") for n in range(count)), return_exceptions=True)
    right = sum(isinstance(each, dict) and each["key"] == n % KEYS for n, each in enumerate(said))
    errors = sum(isinstance(each, BaseException) for each in said)
    misses = sum(each is None for each in said)
    return {"gets": count, "errors": errors, "read": right, "misses": misses, "wrong": count - right - errors - misses}


async def _many_threads(_name: str, scale: Scale) -> Figures:
    """The same from threads, on ten sockets."""
    from aicache import SyncTieredCache
    from aicache_redis import SyncRedisBackend

    with RedisServer() as server, SyncTieredCache([SyncRedisBackend(server.url, max_connections=10)]) as cache:
        for number in range(KEYS):
            cache.set(f"key-{number}", {"key": number})
        started = threading.Barrier(100)

        def some(thread: int) -> list[Any]:
            started.wait()
            return [cache.get(f"key-{(thread + n) % KEYS}") for n in range(scale.gets // 100)]

        with ThreadPoolExecutor(100) as threads:
            said = await asyncio.gather(
                *(asyncio.get_running_loop().run_in_executor(threads, some, n) for n in range(100)),
                return_exceptions=True,
            )
    errors = sum(isinstance(each, BaseException) for each in said)
    answers = [(t, n, each) for t, own in enumerate(said) if isinstance(own, list) for n, each in enumerate(own)]
    right = sum(each is not None and each["key"] == (t + n) % KEYS for t, n, each in answers)
    misses = sum(each is None for _, _, each in answers)
    wrong = len(answers) - right - misses
    return {"gets": len(answers), "errors": errors, "read": right, "misses": misses, "wrong": wrong}


def _never_raises(*, reads: int = 0) -> Callable[[Figures], list[str]]:
    def held(figures: Figures) -> list[str]:
        broken = [f"{figures[name]} {name}" for name in ("errors", "wrong") if figures[name]]
        return broken + ([f"{figures['read']} of {reads} reads went on"] if figures["read"] < reads else [])

    return held


_SHOWN = {"errors": "errors to callers", "read": "reads answered", "slowest": "slowest operation, s"}
_CROWD = {"gets": "gets", "errors": "errors to callers", "read": "answered", "wrong": "wrong answers"}
_GOES_ON = "0 errors, reads go on"

ROWS = [
    Row(name="server full", goal=_GOES_ON, measure=_refused(_full), held=_never_raises(reads=KEYS), shown=_SHOWN),
    Row(name="READONLY", goal=_GOES_ON, measure=_refused(_readonly), held=_never_raises(reads=KEYS), shown=_SHOWN),
    Row(name="maxclients", goal="0 errors", measure=_refused(_crowded), held=_never_raises(), shown=_SHOWN),
    Row(name="NOAUTH", goal="0 errors", measure=_refused(_locked), held=_never_raises(), shown=_SHOWN),
    Row(name="LOADING", goal="0 errors", measure=_while_loading, held=_never_raises(), shown=_SHOWN),
    Row(
        name="10,000 gets at once, a pool of 10",
        goal="0 errors, 0 wrong",
        measure=_many_gets,
        held=_never_raises(reads=1),
        shown=_CROWD,
    ),
    Row(
        name="10,000 gets of threads, a pool of 10",
        goal="0 errors, 0 wrong",
        measure=_many_threads,
        held=_never_raises(reads=1),
    ),
]
