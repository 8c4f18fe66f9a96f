"""What a call has made is freed as it ends: nothing is left to the collector, whose pauses grow with what waits."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from aicache import Policy, SyncTieredCache, TieredCache
from aicache_memory import MemoryBackend, SyncMemoryBackend

CALLS = 20


async def one():
    return {"n": 1}


async def many(keys):
    return dict.fromkeys(keys, "v")


async def fails():
    raise ValueError("no answer")


async def never():
    await asyncio.Event().wait()


async def chunks():
    yield "a"
    await asyncio.sleep(0)
    yield {"n": 1}


async def a_load_that_fails(cache, key):
    with contextlib.suppress(ValueError):
        await cache.get_or_set(key, fails)


async def a_load_that_is_given_up(cache, key):
    waiting = asyncio.create_task(cache.get_or_set(key, never))
    for _ in range(3):
        await asyncio.sleep(0)
    waiting.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert waiting.cancelled()


async def a_stream(cache, key):
    for _ in range(2):
        assert [chunk async for chunk in cache.stream(key, chunks)] == ["a", {"n": 1}]


async def a_stream_that_is_left(cache, key):
    left = cache.stream(key, chunks)
    assert await anext(left) == "a"
    await left.aclose()


ASYNC = {
    "a miss": lambda cache, key: cache.get(key),
    "a set": lambda cache, key: cache.set(key, {"n": 1}),
    "a load": lambda cache, key: cache.get_or_set(key, one),
    "a load by many": lambda cache, key: asyncio.gather(*[cache.get_or_set(key, one) for _ in range(5)]),
    "a load of many": lambda cache, key: cache.get_or_set_many([key, f"{key}'"], many),
    "a load that fails": a_load_that_fails,
    "a load that is given up": a_load_that_is_given_up,
    "a stream": a_stream,
    "a stream that is left": a_stream_that_is_left,
}

SYNC = {
    "a miss": lambda cache, key: cache.get(key),
    "a set": lambda cache, key: cache.set(key, {"n": 1}),
    "a load": lambda cache, key: cache.get_or_set(key, lambda: {"n": 1}),
    "a load of many": lambda cache, key: cache.get_or_set_many([key, f"{key}'"], lambda keys: dict.fromkeys(keys, "v")),
    "a stream": lambda cache, key: [list(cache.stream(key, lambda: iter(["a", {"n": 1}]))) for _ in range(2)],
}


@contextlib.contextmanager
def no_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("what", ASYNC)
async def test_nothing_of_it_is_left_to_the_collector(what):
    async with TieredCache([MemoryBackend()], policy=Policy(ttl=60)) as cache:
        await ASYNC[what](cache, "first")  # what is made once is not of each call
        await asyncio.sleep(0)
        with no_collector():
            for number in range(CALLS):
                await ASYNC[what](cache, f"k{number}")
            await asyncio.sleep(0)
            assert gc.collect() < CALLS


@pytest.mark.parametrize("what", SYNC)
def test_nothing_of_it_is_left_to_the_collector_by_threads(what):
    with SyncTieredCache([SyncMemoryBackend()], policy=Policy(ttl=60)) as cache:
        SYNC[what](cache, "first")
        with no_collector():
            for number in range(CALLS):
                SYNC[what](cache, f"k{number}")
            assert gc.collect() < CALLS
