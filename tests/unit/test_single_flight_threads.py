"""One load of a key at a time, for threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aicache import SyncTieredCache
from aicache.errors import ReentrantLoadError
from aicache_memory import SyncMemoryBackend
from aicache_null import SyncNullBackend


@pytest.fixture
def cache():
    with SyncTieredCache([SyncMemoryBackend(), SyncNullBackend()]) as made:
        yield made


def waiting(cache, callers):
    """Return once `callers` threads wait for the load that is under way."""
    polls = threading.Event()
    for _ in range(5000):
        if cache.stats().joins >= callers:
            return
        polls.wait(0.002)
    raise AssertionError(f"only {cache.stats().joins} of {callers} joined")


def test_many_threads_are_one_call(cache):
    gate, calls = threading.Event(), []

    def factory():
        calls.append(1)
        assert gate.wait(30)
        return {"made": True}

    with ThreadPoolExecutor(32) as pool:
        answers = [pool.submit(cache.get_or_set, "k", factory) for _ in range(32)]
        waiting(cache, 31)
        gate.set()
        values = [answer.result(30) for answer in answers]
    assert values == [{"made": True}] * 32
    assert calls == [1]
    assert len({id(value) for value in values}) == 32


def test_a_failing_factory_fails_all_who_wait_and_only_them(cache):
    gate, error = threading.Event(), ConnectionError("provider down")

    def factory():
        assert gate.wait(30)
        raise error

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(cache.get_or_set, "k", factory) for _ in range(8)]
        waiting(cache, 7)
        gate.set()
        assert [answer.exception(30) for answer in answers] == [error] * 8
    assert cache.stats().loads == 1
    assert cache.get_or_set("k", lambda: "well again") == "well again"


def test_an_interrupt_of_the_loading_thread_is_its_own(cache):
    gate, calls = threading.Event(), []

    def factory():
        calls.append(1)
        if len(calls) == 1:
            assert gate.wait(30)
            raise KeyboardInterrupt
        return "made"

    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(cache.get_or_set, "k", factory) for _ in range(5)]
        waiting(cache, 4)
        gate.set()
        outcomes = [answer.exception(30) or answer.result() for answer in answers]
    assert sorted(map(repr, outcomes)) == sorted(["KeyboardInterrupt()", *["'made'"] * 4])
    assert len(calls) == 2


def test_a_factory_that_wants_its_own_key_is_refused(cache):
    def factory():
        return cache.get_or_set("k", factory)

    with pytest.raises(ReentrantLoadError, match="'k'"):
        cache.get_or_set("k", factory)
    assert cache.get_or_set("k", lambda: 1) == 1


def test_two_threads_that_want_each_others_key_do_not_wait_for_ever(cache):
    both = threading.Barrier(2, timeout=30)

    def load(mine, other):
        def factory():
            both.wait()
            return cache.get_or_set(other, lambda: "never called")

        try:
            return cache.get_or_set(mine, factory)
        except ReentrantLoadError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(load, "a", "b"), pool.submit(load, "b", "a")]
        outcomes = [answer.result(30) for answer in answers]
    assert all(isinstance(outcome, ReentrantLoadError) for outcome in outcomes)


def test_a_load_that_began_before_an_invalidation_is_not_stored_after_it(cache):
    begun, gate = threading.Event(), threading.Event()

    def factory():
        begun.set()
        assert gate.wait(30)
        return "before"

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(cache.get_or_set, "k", factory)
        assert begun.wait(30)
        cache.delete("k")
        assert cache.get_or_set("k", lambda: "after") == "after"
        gate.set()
        assert early.result(30) == "before"
    assert cache.get("k") == "after"


def test_many_keys_join_single_ones(cache):
    begun, gate = threading.Event(), threading.Event()

    def single():
        begun.set()
        assert gate.wait(30)
        return "single"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(cache.get_or_set, "a", single)
        assert begun.wait(30)
        batch = pool.submit(cache.get_or_set_many, ["a", "b"], lambda keys: dict.fromkeys(keys, "many"))
        waiting(cache, 1)
        gate.set()
        assert one.result(30) == "single"
        assert batch.result(30) == {"a": "single", "b": "many"}


def test_an_async_factory_is_refused_with_the_cure(cache):
    async def factory():
        return 1

    with pytest.raises(TypeError, match="use TieredCache for async factories"):
        cache.get_or_set("k", factory)


def test_threads_that_read_and_write_see_whole_values(cache):
    def work(number):
        for at in range(300):
            cache.set(f"k{at % 7}", {"number": number, "same": number})
            got = cache.get(f"k{(at + number) % 7}")
            assert got is None or got["number"] == got["same"]
            if at % 50 == 0:
                cache.delete(f"k{at % 7}")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result(60)
    assert cache._chain.fence._out == {}
