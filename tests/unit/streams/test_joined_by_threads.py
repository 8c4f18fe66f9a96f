"""One stream, many readers: the flavour for threads."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aicache import Policy, SyncTieredCache
from aicache.errors import InvalidTypeError, LoadCancelledError, ReentrantLoadError
from aicache_memory import SyncMemoryBackend
from aicache_null import SyncNullBackend

from .streamed import never


class Upstream:
    """A factory of streams whose chunks come when they are told to."""

    def __init__(self, *chunks, error=None):
        self.chunks = chunks
        self.error = error
        self.gate = threading.Semaphore(0)
        self.begun = threading.Event()
        self.pulled = 0
        self.calls = 0
        self.closed = 0

    def let(self, chunks=1):
        self.gate.release(chunks)

    def __call__(self):
        self.calls += 1
        self.begun.set()
        try:
            for chunk in self.chunks:
                assert self.gate.acquire(timeout=30)
                self.pulled += 1
                yield chunk
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


def is_idle(cache):
    return not (cache._running.table or cache._running.threads or cache._chain.fence._out)


@pytest.fixture
def cache():
    with SyncTieredCache([SyncMemoryBackend()]) as made:
        yield made
    assert is_idle(made)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as made:
        yield made


def until(condition):
    """Return once it is true."""
    polls = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        polls.wait(0.002)
    raise AssertionError("it never came true")


def read(cache, upstream=never, key="k", **options):
    return list(cache.stream(key, upstream, **options))


def read_into(got, chunks):
    for chunk in chunks:
        got.append(chunk)


def test_many_threads_are_one_upstream(cache, pool):
    upstream = Upstream(*"abcdef", {"n": [1]})
    answers = [pool.submit(read, cache, upstream) for _ in range(16)]
    until(lambda: cache.stats().joins == 15)
    upstream.let(7)
    values = [answer.result(30) for answer in answers]
    assert values == [[*"abcdef", {"n": [1]}]] * 16
    assert len({id(value[-1]) for value in values}) == 16
    assert (upstream.calls, upstream.closed, cache.stats().loads) == (1, 1, 1)
    assert read(cache) == [*"abcdef", {"n": [1]}]


def test_who_joins_gets_what_has_passed_and_pulls_on_where_the_first_does_not_move(cache):
    upstream = Upstream(*"abc")
    upstream.let(3)
    slow = cache.stream("k", upstream)
    assert next(slow) == "a"
    assert read(cache) == ["a", "b", "c"]
    assert list(slow) == ["b", "c"]
    assert (cache.stats().joins, cache.stats().hits) == (1, 0)
    assert read(cache) == ["a", "b", "c"]


def test_the_first_reader_hands_over(cache):
    upstream = Upstream(*"abc")
    upstream.let(3)
    first, second = cache.stream("k", upstream), cache.stream("k", never)
    assert [next(first), next(second)] == ["a", "a"]
    first.close()
    assert upstream.closed == 0
    assert list(second) == ["b", "c"]
    assert read(cache) == ["a", "b", "c"]


def test_when_the_last_reader_has_left_the_upstream_has_been_closed(cache):
    upstream = Upstream(*"abc")
    upstream.let(3)
    readers = [cache.stream("k", upstream) for _ in range(2)]
    assert [next(reader) for reader in readers] == ["a", "a"]
    readers[0].close()
    assert upstream.closed == 0
    del readers[1]
    gc.collect()
    assert upstream.closed == 1
    assert cache.get("k") is None
    assert cache.stats().skips == {"abandoned": 1}
    fresh = Upstream("fresh")
    fresh.let()
    assert read(cache, fresh) == ["fresh"]


def test_an_exception_reaches_each_reader_where_it_was_raised(cache, pool):
    upstream = Upstream("a", "b", error=ConnectionError("reset"))

    def reader():
        got = []
        with pytest.raises(ConnectionError) as raised:
            read_into(got, cache.stream("k", upstream))
        assert raised.value is upstream.error
        return got

    answers = [pool.submit(reader) for _ in range(4)]
    until(lambda: cache.stats().joins == 3)
    upstream.let(2)
    assert [answer.result(30) for answer in answers] == [["a", "b"]] * 4
    assert cache.get("k") is None


def test_a_reader_may_be_closed_by_the_collector_in_the_middle_of_the_fence(cache):
    upstream = Upstream(*"abc")
    upstream.let()
    reader = cache.stream("k", upstream)
    assert next(reader) == "a"
    with cache._chain.fence._lock:  # this thread was taking a pass when it was collected
        del reader
        gc.collect()
    assert upstream.closed == 1
    assert "k" in cache._chain.fence._out
    other = Upstream("b")
    other.let()
    assert read(cache, other, "other") == ["b"]
    assert cache._chain.fence._out == {}


def test_an_interrupt_between_two_pulls_is_the_threads_own(cache, monkeypatch):
    upstream = Upstream(*"abc")
    upstream.let(3)
    first, second = cache.stream("k", upstream), cache.stream("k", never)
    assert [next(first), next(second)] == ["a", "a"]

    def interrupted(stream):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(cache._streams, "_pull", interrupted)
        with pytest.raises(Interrupted):
            next(first)
    assert list(second) == ["b", "c"]
    assert read(cache) == ["a", "b", "c"]


class Interrupted(BaseException):
    """What Ctrl-C raises, for a thread of a test."""


def test_an_interrupt_before_the_first_chunk_is_the_threads_own(cache, pool):
    gate, calls = threading.Event(), []

    def upstream():
        calls.append(1)
        if len(calls) == 1:
            assert gate.wait(30)
            raise Interrupted
        yield "a"

    answers = [pool.submit(read, cache, upstream) for _ in range(5)]
    until(lambda: cache.stats().joins == 4)
    gate.set()
    outcomes = [repr(answer.exception(30) or answer.result()) for answer in answers]
    assert sorted(outcomes) == sorted(["Interrupted()", *["['a']"] * 4])
    assert len(calls) == 2


def test_an_interrupt_later_cuts_the_stream_for_all_and_is_no_good_end(cache, pool):
    gate = threading.Event()

    def upstream():
        yield "a"
        assert gate.wait(30)
        raise Interrupted

    answers = [pool.submit(read, cache, upstream) for _ in range(5)]
    until(lambda: cache.stats().joins == 4)
    gate.set()
    kinds = [type(answer.exception(30)) for answer in answers]
    assert (kinds.count(Interrupted), kinds.count(LoadCancelledError)) == (1, 4)
    assert cache.get("k") is None


def test_the_rest_is_read_in_the_background_where_the_policy_says_so(cache, pool):
    upstream = Upstream(*"abc")
    upstream.let()
    first = cache.stream("k", upstream, policy=Policy(abandoned="complete"))
    assert next(first) == "a"
    first.close()
    late = pool.submit(read, cache)
    until(lambda: cache.stats().joins == 1)
    upstream.let(2)
    assert late.result(30) == ["a", "b", "c"]
    until(lambda: is_idle(cache))
    assert read(cache) == ["a", "b", "c"]


def test_closing_stores_nothing_more_and_waits_for_what_is_read_in_the_background(pool):
    cache = SyncTieredCache([SyncMemoryBackend()])
    upstream = Upstream(*"abc")
    upstream.let()
    first = cache.stream("k", upstream, policy=Policy(abandoned="complete"))
    assert next(first) == "a"
    first.close()
    stream = cache._running.table["k"]
    let = pool.submit(lambda: (until(lambda: stream.tape.refused), upstream.let()))
    cache.close()
    let.result(30)
    assert (upstream.closed, upstream.pulled) == (1, 2)
    assert cache.stats().skips == {"closed": 1}
    assert is_idle(cache)


def test_the_fastest_waits_for_the_slowest_within_bounds(cache, pool):
    upstream = Upstream(*[b"x" * 1000] * 100)
    upstream.let(100)
    slow = cache.stream("k", upstream, max_bytes=10_000)
    next(slow)
    fast = pool.submit(read, cache, never, max_bytes=10_000)
    until(lambda: upstream.pulled >= 8)
    assert not fast.done()
    assert upstream.pulled <= 11
    assert len(list(slow)) == 99
    assert len(fast.result(30)) == 100
    assert cache.stats().skips == {"size": 1}


def test_who_comes_too_late_for_the_beginning_gets_a_stream_of_its_own(cache):
    large, own = Upstream(*[b"x" * 1000] * 20), Upstream("own")
    large.let(20)
    own.let()
    early = cache.stream("k", large, max_bytes=10_000)
    for _ in range(15):
        next(early)
    assert read(cache, own) == ["own"]
    assert len(list(early)) == 5
    assert read(cache) == ["own"]


def test_an_async_upstream_is_refused_with_the_cure(cache):
    async def generate():
        yield "a"

    async def coroutine():
        return ["a"]

    with pytest.raises(InvalidTypeError, match="use TieredCache for async ones"):
        read(cache, generate)
    with pytest.raises(InvalidTypeError, match="use TieredCache for async factories"):
        read(cache, coroutine)


def test_two_threads_that_want_each_others_stream_do_not_wait_for_ever(cache, pool):
    both = threading.Barrier(2, timeout=30)

    def through(mine, other):
        def factory():
            both.wait()
            yield from cache.stream(other, never)

        try:
            return read(cache, factory, mine)
        except ReentrantLoadError as error:
            return error

    answers = [pool.submit(through, "a", "b"), pool.submit(through, "b", "a")]
    assert [type(answer.result(30)) for answer in answers] == [ReentrantLoadError] * 2


def test_a_load_and_a_stream_that_want_each_other_are_refused(cache):
    def load():
        return read(cache, stream, "stream")

    def stream():
        yield cache.get_or_set("load", load)

    with pytest.raises(ReentrantLoadError):
        cache.get_or_set("load", load)


def test_threads_that_join_leave_fail_and_forget_see_whole_streams():
    cache = SyncTieredCache([SyncMemoryBackend(), SyncNullBackend()])
    lock, state = threading.Lock(), {"open": 0}
    sent = ["", None, b"b", {"n": [1]}, "z", *range(20)]

    def upstream(fails):
        with lock:
            state["open"] += 1
        try:
            for chunk in sent:
                yield {"n": [1]} if isinstance(chunk, dict) else chunk
            if fails:
                raise ConnectionError
        finally:
            with lock:
                state["open"] -= 1

    def work(number):
        chance = random.Random(number)
        for _ in range(150):
            key = f"k{chance.randrange(3)}"
            policy = Policy(abandoned=chance.choice(["cancel", "complete"]))
            most = chance.choice([300, 100_000])
            fails = chance.random() < 0.1
            chunks = cache.stream(key, lambda fails=fails: upstream(fails), policy=policy, max_bytes=most)
            got, leaves = [], chance.choice([None, None, 1, 5])
            try:
                for chunk in chunks:
                    got.append(chunk)
                    if len(got) == leaves:
                        break
                else:
                    assert got == sent
            except ConnectionError:
                assert got == sent
            chunks.close()
            assert got == sent[: len(got)]
            if chance.random() < 0.2:
                cache.delete(key)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result(60)
    until(lambda: is_idle(cache))
    assert state == {"open": 0}
    assert all(cache.get(f"k{at}", {"chunks": sent})["chunks"] == sent for at in range(3))
    cache.close()
