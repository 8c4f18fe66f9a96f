"""A thousand callers that miss the same key at once, while its load takes 100 ms: in one process, and in four."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count

from harness import Contender, Run, Scenario, Taken, Watch

__all__ = ["scenarios"]

CALLERS = 1_000
LOAD = 0.1
FLEET = 4
TTL = 3600
FLEET_NAME = "stampede of 4 processes"

Ask = Callable[[str], Awaitable[str]]
Wrapped = Callable[[Ask], AsyncGenerator[Ask]]


def scenarios(url: str) -> list[Scenario]:
    """In one process, and in four that share the server at `url`."""
    contenders = [
        Contender("aicache", _stormed(_aicache), "get_or_set: the load is a task of its own, no caller can cancel it"),
        Contender("cashews mem://", _stormed(_cashews), "its decorator, protected as by default"),
        Contender("aiocache memory", _stormed(_aiocache), "cached_stampede with a lease of 2 s"),
        Contender("async-lru", _stormed(_async_lru), ""),
        Contender("floor: one future for all", _stormed(_floor), "stores nothing, and one failure fails all", True),
    ]
    what = f"{CALLERS:,} callers ask for one key that is not there, and its load takes {LOAD * 1e3:g} ms"
    fleet = f"the same from {FLEET} processes that share a Redis, whose commands are counted, those of scripts too"
    return [
        Scenario("stampede", what, contenders, "aicache", rounds=5),
        Scenario(
            FLEET_NAME, fleet, [Contender("aicache", partial(_fleet, url), "a lease of 1 s")], "aicache", rounds=3
        ),
    ]


async def _fleet(url: str) -> AsyncGenerator[Run]:
    from under_fault.herds import herd

    async def run(_count: int) -> Taken:
        with Watch() as watch:
            found = await herd(url, fleet=FLEET, callers=CALLERS // FLEET, takes=LOAD)
        assert not found["unanswered"]
        taken = watch.taken(1, loads=found["loads"], commands=found["commands"])
        return replace(taken, wall=found["took"])  # not the start of the processes

    yield run


def _stormed(wrapped: Wrapped) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        loads: list[str] = []

        async def load(key: str) -> str:
            loads.append(key)
            await asyncio.sleep(LOAD)
            return f"the answer to {key}"

        async with asynccontextmanager(wrapped)(load) as ask:
            turns = count()

            async def run(_count: int) -> Taken:
                key, before = f"key {next(turns)}", len(loads)
                with Watch() as watch:
                    answers = await asyncio.gather(*(ask(key) for _ in range(CALLERS)))
                assert set(answers) == {f"the answer to {key}"}
                return watch.taken(1, loads=len(loads) - before)

            await run(1)
            yield run

    return opened


async def _aicache(load: Ask) -> AsyncGenerator[Ask]:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    async with TieredCache([MemoryBackend()]) as cache:
        yield lambda key: cache.get_or_set(key, partial(load, key), ttl=TTL)


async def _cashews(load: Ask) -> AsyncGenerator[Ask]:
    from cashews import Cache

    cache = Cache()
    cache.setup("mem://")

    @cache(ttl=TTL, key="{key}")
    async def ask(key: str) -> str:
        return await load(key)

    yield ask
    await cache.close()


async def _aiocache(load: Ask) -> AsyncGenerator[Ask]:
    from aiocache import cached_stampede

    @cached_stampede(ttl=TTL, lease=2)
    async def ask(key: str) -> str:
        return await load(key)

    yield ask


async def _async_lru(load: Ask) -> AsyncGenerator[Ask]:
    from async_lru import alru_cache

    yield alru_cache(maxsize=1024, ttl=TTL)(load)


async def _floor(load: Ask) -> AsyncGenerator[Ask]:
    under_way: dict[str, asyncio.Task[str]] = {}

    async def ask(key: str) -> str:
        task = under_way.get(key)
        if task is None:
            task = under_way[key] = asyncio.ensure_future(load(key))
        return await task

    yield ask
