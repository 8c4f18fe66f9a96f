"""Streams while a cache closes, in parts of it, over several event loops, and in time."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Policy, TieredCache
from aicache.errors import LoadCancelledError, LoadTimeoutError
from aicache.testing import virtual_time
from aicache_memory import MemoryBackend
from aicache_null import NullBackend

from ..waiting import settle
from .joined import Reader, Upstream, read
from .streamed import never


async def test_closing_cancels_the_streams_under_way_and_waits_for_them():
    cache = TieredCache([MemoryBackend()])
    before, after = Upstream(*"abc"), Upstream(*"abc")
    readers = [Reader(cache, before)]
    await settle()
    await cache.delete("k")
    readers.append(Reader(cache, after))
    await settle()
    assert (before.open, after.open) == (1, 1)
    await cache.aclose()
    assert (before.open, after.open) == (0, 0)
    answers = await asyncio.gather(*[reader.task for reader in readers], return_exceptions=True)
    assert [type(answer) for answer in answers] == [LoadCancelledError] * 2


async def test_a_part_of_a_cache_joins_the_streams_of_the_whole():
    async with TieredCache([MemoryBackend(), NullBackend()]) as cache:
        upstream = Upstream("a")
        whole = Reader(cache, upstream)
        await settle()
        part = Reader(cache.only("memory"), never)
        upstream.let()
        assert await asyncio.gather(whole.task, part.task) == [["a"], ["a"]]


def test_one_cache_serves_event_loops_in_a_row():
    cache = TieredCache([MemoryBackend(), NullBackend()])

    async def upstream():
        yield "a"

    async def once(key):
        return await asyncio.gather(*[read(cache, key, upstream) for _ in range(3)])

    assert [asyncio.run(once(key)) for key in "ab"] == [[["a"]] * 3] * 2
    assert cache._running.table == {}


def test_hard_timeout_bounds_the_wait_for_the_first_chunk():
    async def upstream(first, second):
        await asyncio.sleep(first)
        yield "a"
        await asyncio.sleep(second)
        yield "b"

    async def main():
        loop = asyncio.get_running_loop()
        async with TieredCache([MemoryBackend()], policy=Policy(hard_timeout=2), clock=loop.time) as cache:
            assert await read(cache, "slow end", lambda: upstream(1, 100)) == ["a", "b"]
            with pytest.raises(LoadTimeoutError, match="no first chunk came within hard_timeout=2 s"):
                await read(cache, "slow beginning", lambda: upstream(3, 0))
            assert loop.time() == 103
            assert (cache.stats().load_errors, cache.stats().load_timeouts) == (1, 1)
            recording = await cache.get("slow end")
            assert recording["at"] == [1_000_000, 101_000_000, 101_000_000]

    virtual_time.run(main())


def test_the_first_chunk_is_not_delayed_by_the_second():
    async def upstream():
        yield "first"
        await asyncio.sleep(100)
        yield "second"

    async def main():
        loop = asyncio.get_running_loop()
        async with TieredCache([MemoryBackend()]) as cache:
            chunks = cache.stream("k", upstream)
            assert (await anext(chunks), loop.time()) == ("first", 0)
            assert (await anext(chunks), loop.time()) == ("second", 100)
            await chunks.aclose()

    virtual_time.run(main())
