"""One stream, many readers: the async flavour. Threads have their own file."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from copy import deepcopy

import pytest

from aicache import Policy, Tier, TieredCache
from aicache.errors import LoadCancelledError, LoadTimeoutError, ReentrantLoadError
from aicache.testing import virtual_time
from aicache_memory import MemoryBackend
from aicache_null import NullBackend

from .waiting import SlowStore, settle


class Upstream:
    """A factory of streams whose chunks come when they are told to, and that knows how many of it are open."""

    def __init__(self, *chunks, error=None):
        self.chunks = chunks
        self.error = error
        self.gate = asyncio.Semaphore(0)
        self.calls = 0
        self.open = 0
        self.pulled = 0

    def let(self, chunks=1):
        for _ in range(chunks):
            self.gate.release()

    async def __call__(self):
        self.calls += 1
        self.open += 1
        try:
            for chunk in self.chunks:
                await self.gate.acquire()
                self.pulled += 1
                yield chunk
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)  # to close takes its time
            self.open -= 1


class Reader:
    """A task that reads a stream and keeps what it got."""

    def __init__(self, cache, upstream, key="k", **options):
        self.got = []
        self.task = asyncio.create_task(self.read(cache, upstream, key, options))

    async def read(self, cache, upstream, key, options):
        async for chunk in cache.stream(key, upstream, **options):
            self.got.append(chunk)
        return self.got


def never():
    raise AssertionError("the factory was called")


async def read(cache, key="k", upstream=never):
    return [chunk async for chunk in cache.stream(key, upstream)]


@pytest.fixture
async def cache():
    async with TieredCache([MemoryBackend()]) as made:
        yield made
        await settle()
        assert made._running.table == {}
        assert made._running.pumps == set()
        assert made._chain.fence._slots == {}


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


async def test_a_stream_that_is_cancelled_before_it_begins_asks_for_nothing(cache):
    reader = Reader(cache, never)
    await asyncio.sleep(0)
    (pump,) = cache._running.pumps
    pump.cancel()
    with pytest.raises(LoadCancelledError):
        await reader.task


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


# -- bounded memory


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


# -- the rest


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
            assert recording["at"] == [1.0, 101.0, 101.0]

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


# -- every order of events


async def chaos(seed):
    """Readers that join, dawdle, leave and are cancelled, of a stream that may fail; checked against what it sends."""
    chance = random.Random(seed)
    sent = [chance.choice(["", None, b"b", {"n": [at]}, f"chunk {at}"]) for at in range(chance.randrange(12))]
    fails = chance.random() < 0.2
    large = chance.random() < 0.2
    policy = Policy(abandoned=chance.choice(["cancel", "complete"]))
    cache = TieredCache([MemoryBackend()], policy=policy)
    open_now = calls = 0
    invalidated = chance.random() < 0.2

    async def upstream():
        nonlocal open_now, calls
        calls += 1
        open_now += 1
        try:
            for chunk in sent:
                await asyncio.sleep(chance.choice([0, 0, 0.01, 0.1]))
                yield deepcopy(chunk)
            if fails:
                raise ConnectionError
        finally:
            try:
                await asyncio.sleep(chance.choice([0, 0.01]))  # a cancellation may come here too
            finally:
                open_now -= 1

    async def reader():
        await asyncio.sleep(chance.choice([0, 0, 0.01, 0.05, 0.3]))
        leaves = chance.choice([None, None, 0, 1, 3])
        got = []
        chunks = cache.stream("k", upstream, max_bytes=300 if large else 10_000)
        try:
            async for chunk in chunks:
                got.append(chunk)
                assert got == sent[: len(got)]
                if isinstance(chunk, dict):
                    got[-1] = {"n": [*chunk["n"]]}
                    chunk["n"].append("mine")
                if len(got) == leaves:
                    return
                await asyncio.sleep(chance.choice([0, 0, 0, 0.01, 0.2]))
        except ConnectionError:
            assert fails
            assert got == sent
        else:
            assert not fails
            assert got == sent
        finally:
            await chunks.aclose()

    async def murderer(tasks):
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
            chance.choice(tasks).cancel()

    async def forgetter():
        await asyncio.sleep(chance.choice([0, 0.05, 0.2]))
        if invalidated:
            await cache.delete("k")

    tasks = [asyncio.create_task(reader()) for _ in range(chance.randrange(1, 7))]
    for answer in await asyncio.gather(murderer(tasks), forgetter(), *tasks, return_exceptions=True):
        if isinstance(answer, Exception):
            raise answer
    await asyncio.sleep(10)
    assert open_now == 0
    assert cache._running.table == {}
    assert cache._running.pumps == set()
    assert cache._chain.fence._slots == {}
    kept = await cache.get("k")
    if kept is not None:
        assert not fails
        assert kept["chunks"] == sent
    stats = cache.stats()
    assert stats.loads == calls
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("block", [0, *[pytest.param(block, marks=pytest.mark.nightly) for block in range(1, 8)]])
def test_every_order_of_events(block):
    for seed in range(block * 320, (block + 1) * 320):
        virtual_time.explore(lambda seed=seed: chaos(seed), [seed])


async def steady(seed):
    """While one reader stays, there is one upstream, whatever the others do."""
    chance = random.Random(seed)
    calls = 0

    async def upstream():
        nonlocal calls
        calls += 1
        for at in range(8):
            await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
            yield at

    async def guest():
        await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
        async for _ in cache.stream("k", upstream):
            await asyncio.sleep(chance.choice([0, 0.01, 1]))
            if chance.random() < 0.2:
                break

    async with TieredCache([MemoryBackend()]) as cache:
        tasks = [Reader(cache, upstream).task, *[asyncio.create_task(guest()) for _ in range(4)]]
        await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
        chance.choice(tasks[1:]).cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[0] == list(range(8))
        assert calls == 1
        assert await read(cache) == list(range(8))


@pytest.mark.parametrize("block", [0, *[pytest.param(block, marks=pytest.mark.nightly) for block in range(1, 4)]])
def test_there_is_one_upstream_while_anyone_is_there(block):
    for seed in range(block * 100, (block + 1) * 100):
        virtual_time.explore(lambda seed=seed: steady(seed), [seed])
