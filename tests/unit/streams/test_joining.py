"""One stream, many readers: each gets all of it, with one call of its factory. Threads have their own file."""

from __future__ import annotations

import asyncio
import gc
import weakref

from aicache import Tier, TieredCache

from ..waiting import SlowStore, settle
from .joined import Reader, Upstream, read
from .streamed import never


async def test_fifty_readers_are_one_upstream_and_the_first_is_cancelled(cache):
    upstream = Upstream(*"abcdef")
    readers = [Reader(cache, upstream) for _ in range(50)]
    await settle()
    upstream.let(2)
    await settle()
    assert [reader.got for reader in readers] == [["a", "b"]] * 50
    readers[0].task.cancel()
    await settle()
    upstream.let(4)
    answers = await asyncio.gather(*[reader.task for reader in readers], return_exceptions=True)
    assert isinstance(answers.pop(0), asyncio.CancelledError)
    assert answers == [list("abcdef")] * 49
    stats = cache.stats()
    assert (upstream.calls, stats.loads, stats.joins, stats.skips) == (1, 1, 49, {})
    assert await read(cache) == list("abcdef")


async def test_who_joins_while_a_stream_is_stored_gets_all_of_it():
    store = SlowStore()
    arrived, gate = store.hold("set", "before")
    async with TieredCache([Tier(backend=store, timeout=None)]) as cache:
        upstream = Upstream(*"ab")
        first = Reader(cache, upstream)
        upstream.let(2)
        await arrived.wait()
        late = Reader(cache, never)
        await settle()
        assert (late.got, late.task.done()) == (["a", "b"], False)
        first.task.cancel()
        await settle()
        gate.set()
        assert await late.task == await read(cache) == ["a", "b"]
        assert upstream.calls == 1


async def test_a_stream_that_is_over_leaves_nothing_to_the_collector(cache):
    upstream = Upstream(*"ab")
    gc.collect()
    gc.disable()
    try:
        reader = Reader(cache, upstream)
        await settle()
        (stream,) = cache._running.table.values()
        tape = weakref.ref(stream.tape)
        del stream
        upstream.let(2)
        assert await reader.task == ["a", "b"]
        await settle()
        assert tape() is None
    finally:
        gc.enable()


async def test_who_joins_gets_what_has_passed_at_once_and_then_lives_with_it(cache):
    upstream = Upstream(*"abc")
    first = Reader(cache, upstream)
    upstream.let(2)
    await settle()
    late = Reader(cache, never)
    await settle()
    assert late.got == ["a", "b"]
    upstream.let()
    assert await late.task == await first.task == ["a", "b", "c"]


async def test_a_reader_that_does_not_move_delays_nobody(cache):
    upstream = Upstream(*"abc")
    slow = cache.stream("k", upstream)
    upstream.let(3)
    assert await anext(slow) == "a"
    assert await read(cache) == ["a", "b", "c"]
    assert await read(cache) == ["a", "b", "c"]  # stored, while the slow one still reads
    assert [chunk async for chunk in slow] == ["b", "c"]


async def test_each_reader_has_chunks_of_its_own(cache):
    upstream = Upstream({"n": [1]}, {"n": [2]})
    readers = [cache.stream("k", upstream) for _ in range(3)]
    upstream.let(2)
    for reader in readers:
        async for chunk in reader:
            assert chunk["n"] in ([1], [2])
            chunk["n"].append("mine")
    assert await read(cache) == [{"n": [1]}, {"n": [2]}]


async def test_an_exception_reaches_each_reader_where_it_was_raised(cache):
    upstream = Upstream("a", "b", error=ConnectionError("reset"))
    readers = [Reader(cache, upstream) for _ in range(3)]
    upstream.let(2)
    answers = await asyncio.gather(*[reader.task for reader in readers], return_exceptions=True)
    assert answers == [upstream.error] * 3
    assert [reader.got for reader in readers] == [["a", "b"]] * 3
    assert await cache.get("k") is None
