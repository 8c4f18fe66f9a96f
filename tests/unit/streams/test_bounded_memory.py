"""A stream that many read is kept in bounded memory, however slow a reader is."""

from __future__ import annotations

from ..waiting import settle
from .joined import Reader, Upstream, read
from .streamed import never


async def test_the_upstream_runs_ahead_of_the_slowest_reader_within_bounds(cache):
    upstream = Upstream(*[b"x" * 1000] * 100)
    upstream.let(100)
    slow = cache.stream("k", upstream, max_bytes=10_000)
    assert len(await anext(slow)) == 1000
    await settle()
    assert 8 <= upstream.pulled <= 11
    for _ in range(50):
        await anext(slow)
    await settle()
    assert 58 <= upstream.pulled <= 61
    assert len([chunk async for chunk in slow]) == 49
    assert cache.stats().skips == {"size": 1}


async def test_what_all_readers_have_taken_is_let_go(cache):
    class Chunk(bytearray):
        alive = 0

        def __init__(self, *value):
            super().__init__(*value)
            Chunk.alive += 1

        def __del__(self):
            Chunk.alive -= 1

    async def upstream():
        for _ in range(200):
            yield Chunk(1000)

    most = 0
    async for _ in cache.stream("k", upstream, max_bytes=10_000):
        most = max(most, Chunk.alive)
    assert most <= 14


async def test_who_comes_too_late_for_the_beginning_gets_a_stream_of_its_own(cache):
    large, own = Upstream(*[b"x" * 1000] * 20), Upstream("own")
    large.let(15)
    early = [Reader(cache, large, max_bytes=10_000) for _ in range(2)]
    await settle()
    assert [len(reader.got) for reader in early] == [15, 15]
    own.let()
    assert await read(cache, "k", own) == ["own"]
    large.let(5)
    assert [len(await reader.task) for reader in early] == [20, 20]
    assert await read(cache) == ["own"]


async def test_a_slow_reader_of_a_large_stream_may_leave(cache):
    upstream = Upstream(*[b"x" * 1000] * 100)
    upstream.let(1)
    slow = cache.stream("k", upstream, max_bytes=10_000)
    await anext(slow)
    fast = Reader(cache, never)
    await settle()
    upstream.let(99)
    await settle()
    assert len(fast.got) < 20
    await slow.aclose()
    assert len(await fast.task) == 100
