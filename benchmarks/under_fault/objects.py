"""One cache object used by everybody: changed answers, several event loops, threads, and a twin inside a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from aicache.testing.servers import RedisServer
from under_fault.rows import Figures, Row, Scale, most
from under_fault.subjects import OURS, SUBJECTS

__all__ = ["ROWS"]

VALUE: dict[str, Any] = {"list": [1, {"deep": [2]}], "bytes": "text", "dict": {"a": 1}}


def _spoil(value: Any) -> None:
    if isinstance(value, dict):
        for inner in list(value.values()):
            _spoil(inner)
        value["changed"] = True
    elif isinstance(value, list):
        for inner in value:
            _spoil(inner)
        value.append("changed")
    elif isinstance(value, bytearray):
        value[:] = b"changed"


def _fresh(name: str) -> dict[str, Any]:
    from copy import deepcopy

    return {**deepcopy(VALUE), **({"array": bytearray(b"bytes")} if name == OURS else {})}


def _places(name: str, url: str) -> dict[str, Any]:
    """Caches in each place where a subject keeps values."""
    if name == OURS:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend
        from aicache_redis import RedisBackend

        def over(*tiers: Any) -> Any:
            return TieredCache(tiers)

        return {
            "memory": over(MemoryBackend()),
            "redis": over(RedisBackend(url)),
            "memory over redis": over(MemoryBackend(), RedisBackend(url)),
            "a cache in a cache": over(MemoryBackend(), TieredCache([MemoryBackend(), RedisBackend(url)])),
        }
    if name == "cashews":
        from cashews import Cache

        cache = Cache()
        cache.setup("mem://")
        return {"memory": cache}
    if name == "aiocache":
        from aiocache import SimpleMemoryCache

        return {"memory": SimpleMemoryCache()}
    if name != "py-key-value":
        raise NotImplementedError(f"{name} keeps nothing in memory")
    from key_value.aio.stores.memory import MemoryStore

    return {"memory": MemoryStore()}


async def _changed(name: str, _scale: Scale) -> Figures:
    figures: Figures = {"looks": 0, "changes_seen": 0}

    def look(value: Any) -> None:
        figures["looks"] += 1
        figures["changes_seen"] += value != _fresh(name)
        _spoil(value)

    with RedisServer() as server:
        for place, cache in _places(name, server.url).items():
            store = cache.put if hasattr(cache, "put") else cache.set
            own = _fresh(name)
            await store(f"stored-{place}", own)
            _spoil(own)
            for _ in range(3):
                look(await cache.get(f"stored-{place}"))
            if name == OURS:
                made = _fresh(name)
                look(await cache.get_or_set(f"made-{place}", lambda made=made: made))
                _spoil(made)
                for said in await asyncio.gather(*(cache.get_or_set(f"made-{place}", dict) for _ in range(3))):
                    look(said)
                joined = [cache.get_or_set(f"joined-{place}", lambda: _fresh(name)) for _ in range(3)]
                for said in await asyncio.gather(*joined):
                    look(said)
                look((await cache.get_many([f"made-{place}"]))[f"made-{place}"])
                look((await cache.lookup(f"made-{place}")).value)
                await cache.aclose()
    return figures


class _Uses:
    """Counts what goes wrong in uses of one subject."""

    def __init__(self) -> None:
        self.figures: Figures = {"uses": 0, "errors": 0, "wrong": 0, "hung": 0}

    async def some(self, subject: Any, who: int) -> None:
        async def one(number: int) -> None:
            self.figures["uses"] += 1
            try:
                async with asyncio.timeout(10):
                    await subject.set(f"loop-{who}-{number}", {"key": number})
                    said = await subject.get(f"loop-{who}-{number}")
            except Exception:
                self.figures["errors"] += 1
                return
            self.figures["wrong"] += said is not None and said["key"] != number

        await asyncio.gather(*(one(number) for number in range(30)))


async def _loops_in_a_row(name: str, _scale: Scale) -> Figures:
    uses = _Uses()
    with RedisServer() as server:
        subject = SUBJECTS[name](server.url)
        for turn in range(3):
            thread = threading.Thread(target=lambda turn=turn: asyncio.run(uses.some(subject, turn)), daemon=True)
            thread.start()
            await asyncio.to_thread(thread.join, 30)
            uses.figures["hung"] += thread.is_alive()
    return uses.figures


async def _loops_at_once(name: str, _scale: Scale) -> Figures:
    uses = _Uses()
    with RedisServer() as server:
        subject = SUBJECTS[name](server.url)
        threads = [
            threading.Thread(target=lambda who=who: asyncio.run(uses.some(subject, who)), daemon=True)
            for who in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join, 30)
            uses.figures["hung"] += thread.is_alive()
    return uses.figures


async def _twin_in_a_loop(_name: str, _scale: Scale) -> Figures:
    """The sync twin called from a coroutine: it holds the loop up for a round trip, and works."""
    from aicache import SyncTieredCache
    from aicache.errors import AICacheError
    from aicache_memory import SyncMemoryBackend
    from aicache_redis import SyncRedisBackend

    figures: Figures = {"uses": 0, "errors": 0, "wrong": 0, "hung": 0}
    with RedisServer() as server, SyncTieredCache([SyncMemoryBackend(), SyncRedisBackend(server.url)]) as cache:
        for number in range(30):
            figures["uses"] += 1
            try:
                cache.set(f"twin-{number}", number)
                figures["wrong"] += cache.get(f"twin-{number}") != number
                figures["wrong"] += cache.get_or_set(f"made-{number}", lambda number=number: number) != number
            except AICacheError:
                figures["errors"] += 1

        async def later() -> int:
            return 1

        try:
            cache.get_or_set("coroutine", later)
            figures["wrong"] += 1
        except AICacheError as error:
            figures["documented"] = type(error).__name__
    return figures


_SHOWN = {"uses": "uses", "errors": "errors to callers", "wrong": "wrong answers", "hung": "hung"}
_GOAL = "0 errors, 0 wrong, 0 hung"
_HELD = most(errors=0, wrong=0, hung=0)

ROWS = [
    Row(
        name="stored and returned objects are changed",
        goal="0 changes seen by others, in memory, Redis, both, and a cache in a cache",
        measure=_changed,
        held=most(changes_seen=0),
        shown={"looks": "looks", "changes_seen": "changes seen by others"},
    ),
    Row(name="three loops in a row", goal=_GOAL, measure=_loops_in_a_row, held=_HELD, shown=_SHOWN),
    Row(name="four threads, each with a loop", goal=_GOAL, measure=_loops_at_once, held=_HELD, shown=_SHOWN),
    Row(
        name="the sync twin inside a running loop",
        goal="0 hung; a coroutine for a factory is one documented error",
        measure=_twin_in_a_loop,
        held=_HELD,
    ),
]
