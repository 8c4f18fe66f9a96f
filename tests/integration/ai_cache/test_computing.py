"""An answer that is missing is computed once, however many ask."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aicache import AIResponseCache, SyncAIResponseCache


async def test_a_missing_answer_is_computed_and_kept(make):
    cache, calls = make(), []
    for hit in (False, True, True):
        found = await cache.get_or_compute("text", "qa", {}, lambda: calls.append(1) or {"a": 1}, "why?")
        assert (found["a"], found["cache_hit"]) == (1, hit)
    assert (await make().get_or_compute("text", "qa", {}, list, "why?"))["cache_hit"] is True
    assert calls == [1]
    assert cache.get_cache_hit_ratio() == pytest.approx(200 / 3)


async def test_a_factory_that_fails_fails_its_caller_and_nothing_is_kept(make):
    cache = make()

    def fail():
        raise OSError("the provider is down")

    with pytest.raises(OSError, match="the provider is down"):
        await cache.get_or_compute("text", "qa", {}, fail)
    assert await cache.get_cached_response("text", "qa", {}) is None


async def test_fifty_callers_are_one_call_whoever_is_cancelled(redis_url, namespace):
    async with AIResponseCache(redis_url, namespace=namespace) as cache:
        calls, called, go_on = [], asyncio.Event(), asyncio.Event()

        async def model():
            calls.append(1)
            called.set()
            await go_on.wait()
            return {"a": 1}

        for text in ("short", "long" * 1000):
            calls.clear()
            called.clear()
            go_on.clear()
            callers = [asyncio.create_task(cache.get_or_compute(text, "qa", {}, model)) for _ in range(50)]
            await called.wait()
            callers[0].cancel()
            await asyncio.sleep(0)
            go_on.set()
            answers = await asyncio.gather(*callers, return_exceptions=True)
            assert isinstance(answers[0], asyncio.CancelledError)
            assert [answer["a"] for answer in answers[1:]] == [1] * 49
            assert calls == [1]


def test_threads_that_ask_at_once_are_one_call(redis_url, namespace):
    with SyncAIResponseCache(redis_url, namespace=namespace) as cache:
        calls, barrier, answers = [], threading.Barrier(8), []

        def ask():
            barrier.wait()
            answers.append(cache.get_or_compute("text", "qa", {}, lambda: calls.append(1) or {"a": 1})["a"])

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (answers, calls) == ([1] * 8, [1])


async def test_many_workers_at_once_get_their_own_answers(redis_url, namespace):
    async with (
        AIResponseCache(redis_url, namespace=namespace) as one,
        AIResponseCache(redis_url, namespace=namespace) as two,
    ):

        async def work(number):
            cache = (one, two)[number % 2]
            text = f"text {number % 40}" * (1 + number % 40)
            found = await cache.get_or_compute(text, "qa", {"n": number % 3}, lambda: {"for": [text, number % 3]})
            return found["for"] == [text, number % 3]

        assert all(await asyncio.gather(*(work(number) for number in range(600))))
