"""What a factory may return, and what its stream may do to its readers."""

from __future__ import annotations

import asyncio
import types

import pytest

from aicache.errors import LoadCancelledError, ReentrantLoadError

from ..waiting import settle
from .joined import read


@pytest.mark.parametrize("make", ["list", "generator", "coroutine of a generator", "coroutine of an async generator"])
async def test_a_factory_may_return_any_iterator(cache, make):
    def generator():
        yield from "ab"

    async def generate():
        for chunk in "ab":
            yield chunk

    async def coroutine():
        return generator() if make == "coroutine of a generator" else generate()

    factory = {"list": lambda: ["a", "b"], "generator": generator}.get(make, coroutine)
    assert await read(cache, "k", factory) == ["a", "b"]
    assert await read(cache) == ["a", "b"]


async def test_an_iterator_that_has_whatever_it_is_asked_for_is_not_awaited(cache):
    class Proxy:
        def __init__(self):
            self.chunks = iter("ab")

        def __getattr__(self, name):
            return lambda: None

        def __aiter__(self):
            return self

        async def __anext__(self):
            try:
                return next(self.chunks)
            except StopIteration:
                raise StopAsyncIteration from None

    assert await read(cache, "k", Proxy) == ["a", "b"]


@types.coroutine
def of_old():
    yield
    return ["a", "b"]


async def test_a_factory_may_be_a_coroutine_of_the_old_kind(cache):
    assert await read(cache, "k", of_old) == ["a", "b"]
    assert await cache.get_or_set("other", of_old) == ["a", "b"]


@pytest.mark.parametrize("name", ["aclose", "close"])
async def test_an_iterator_of_another_library_is_closed_its_own_way(cache, name):
    class Chunks:
        closed = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            await asyncio.sleep(0)
            return "a"

    async def close(self):
        await asyncio.sleep(0)
        Chunks.closed += 1

    setattr(Chunks, name, close)
    chunks = cache.stream("k", Chunks)
    assert await anext(chunks) == "a"
    await chunks.aclose()
    assert Chunks.closed == 1


async def test_two_streams_that_want_each_other_are_refused(cache):
    async def through(other, factory):
        await settle()  # both are under way now
        async for chunk in cache.stream(other, factory):
            yield chunk

    def first():
        return through("b", second)

    def second():
        return through("a", first)

    async with asyncio.timeout(5):
        answers = await asyncio.gather(read(cache, "a", first), read(cache, "b", second), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ReentrantLoadError, ReentrantLoadError]


async def test_a_load_and_a_stream_that_want_each_other_are_refused(cache):
    async def load():
        return await read(cache, "stream", stream)

    async def stream():
        yield await cache.get_or_set("load", load)

    async with asyncio.timeout(5):
        with pytest.raises(ReentrantLoadError):
            await cache.get_or_set("load", load)


async def test_an_upstream_that_cancels_itself_does_not_cancel_its_readers(cache):
    async def upstream():
        yield "a"
        raise asyncio.CancelledError

    with pytest.raises(LoadCancelledError):
        await read(cache, "k", upstream)
