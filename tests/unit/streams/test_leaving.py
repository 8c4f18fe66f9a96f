"""Readers that leave, are cancelled or are forgotten, and what becomes of the stream."""

from __future__ import annotations

import asyncio
import gc

import pytest

from aicache import Policy, Tier, TieredCache
from aicache.errors import LoadCancelledError

from ..waiting import SlowStore, settle
from .joined import Reader, Upstream, read
from .streamed import never


@pytest.mark.parametrize("passed", range(3))
async def test_the_first_reader_may_be_cancelled_wherever_it_waits(cache, passed):
    upstream = Upstream(*"abc")
    first = Reader(cache, upstream)
    await settle()
    late = Reader(cache, never)
    upstream.let(passed)
    await settle()
    first.task.cancel()
    await settle()
    upstream.let(3 - passed)
    assert await late.task == list("abc")
    assert (first.got, upstream.calls, upstream.open) == (list("abc")[:passed], 1, 0)
    assert await read(cache) == list("abc")


async def test_a_stream_that_is_cancelled_before_it_begins_asks_for_nothing(cache):
    reader = Reader(cache, never)
    await asyncio.sleep(0)
    (pump,) = cache._running.pumps
    pump.cancel()
    with pytest.raises(LoadCancelledError):
        await reader.task


async def test_when_the_last_reader_has_left_the_upstream_has_been_closed(cache):
    upstream = Upstream(*"abc")
    readers = [cache.stream("k", upstream) for _ in range(2)]
    upstream.let()
    assert [await anext(reader) for reader in readers] == ["a", "a"]
    await readers[0].aclose()
    assert upstream.open == 1
    await readers[1].aclose()
    assert upstream.open == 0
    assert cache.stats().skips == {"abandoned": 1}


async def test_a_cancelled_last_reader_has_closed_the_upstream_too(cache):
    upstream = Upstream(*"abc")
    reader = Reader(cache, upstream)
    upstream.let()
    await settle()
    reader.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader.task
    assert upstream.open == 0


async def test_a_reader_that_is_forgotten_has_left(cache):
    upstream = Upstream(*"abc")
    reader = cache.stream("k", upstream)
    upstream.let()
    assert await anext(reader) == "a"
    del reader
    gc.collect()
    await settle()
    assert upstream.open == 0
    assert await cache.get("k") is None


async def test_who_asks_while_an_abandoned_stream_is_closed_starts_afresh(cache):
    abandoned = Upstream(*"abc")
    reader = Reader(cache, abandoned)
    await settle()
    reader.task.cancel()
    await asyncio.sleep(0)
    fresh = Upstream("fresh")
    fresh.let()
    assert await read(cache, "k", fresh) == ["fresh"]


async def test_a_completed_stream_is_joined_after_its_first_reader_has_left(cache):
    upstream = Upstream(*"abc")
    first = cache.stream("k", upstream, policy=Policy(abandoned="complete"))
    upstream.let()
    assert await anext(first) == "a"
    await first.aclose()
    late = Reader(cache, never)
    upstream.let(2)
    assert await late.task == ["a", "b", "c"]


async def test_who_leaves_after_a_good_end_does_not_undo_it():
    store = SlowStore()
    _, gate = store.hold("set", "before")
    async with TieredCache([Tier(backend=store, timeout=None)]) as cache:
        upstream = Upstream("a")
        reader = Reader(cache, upstream)
        upstream.let()
        await settle()
        assert (reader.got, reader.task.done(), upstream.open) == (["a"], False, 0)
        reader.task.cancel()
        gate.set()
        await settle()
        assert await read(cache) == ["a"]
