"""One load of a key at a time, whoever is cancelled, whatever fails: the async flavour. Threads have their own file."""

from __future__ import annotations

import asyncio

import pytest

from aicache import TieredCache
from aicache.errors import LoadCancelledError, ReentrantLoadError, SerializationError
from aicache_memory import MemoryBackend
from aicache_null import NullBackend

from .waiting import settle


class Factory:
    """A factory that counts its calls and returns when it is told to."""

    def __init__(self, value=None, error=None):
        self.value = {"made": True} if value is None else value
        self.error = error
        self.calls = 0
        self.ended = 0
        self.gate = asyncio.Event()

    async def __call__(self, *keys):
        self.calls += 1
        try:
            await self.gate.wait()
        finally:
            self.ended += 1
        if self.error is not None:
            raise self.error
        return self.value


@pytest.fixture
async def cache():
    async with TieredCache([MemoryBackend()]) as made:
        yield made


async def started(cache, factory, callers, key="k"):
    tasks = [asyncio.create_task(cache.get_or_set(key, factory)) for _ in range(callers)]
    await settle()
    assert factory.calls == 1
    return tasks


async def test_a_thousand_callers_are_one_call(cache):
    factory = Factory()
    tasks = await started(cache, factory, 1000)
    factory.gate.set()
    assert await asyncio.gather(*tasks) == [{"made": True}] * 1000
    stats = cache.stats()
    assert (factory.calls, stats.loads, stats.joins) == (1, 1, 999)


async def test_each_caller_gets_a_value_of_its_own(cache):
    factory = Factory()
    tasks = await started(cache, factory, 3)
    factory.gate.set()
    answers = await asyncio.gather(*tasks)
    answers[0]["made"] = answers[1]["made"] = "changed"
    assert answers[2] == {"made": True}
    assert await cache.get("k") == {"made": True}


@pytest.mark.parametrize("victim", [0, 1, 49])
async def test_a_callers_cancellation_is_its_own(cache, victim):
    factory = Factory()
    tasks = await started(cache, factory, 50)
    tasks[victim].cancel()
    await settle()
    factory.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers.pop(victim), asyncio.CancelledError)
    assert answers == [{"made": True}] * 49
    assert factory.calls == 1
    assert await cache.get("k") == {"made": True}


async def test_when_the_last_caller_leaves_the_load_is_cancelled_and_nothing_is_stored(cache):
    factory = Factory()
    tasks = await started(cache, factory, 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await settle()
    assert (factory.calls, factory.ended) == (1, 1)
    assert await cache.get("k") is None
    assert cache._flights._table == {}


async def test_who_asks_while_an_abandoned_load_ends_starts_afresh(cache):
    abandoned = Factory()
    (task,) = await started(cache, abandoned, 1)
    task.cancel()
    await asyncio.sleep(0)
    fresh = Factory("fresh")
    fresh.gate.set()
    assert await cache.get_or_set("k", fresh) == "fresh"


async def test_a_failing_factory_fails_all_who_wait_with_its_own_error_and_only_them(cache):
    factory = Factory(error=ConnectionError("provider down"))
    tasks = await started(cache, factory, 50)
    factory.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(answer is factory.error for answer in answers)
    stats = cache.stats()
    assert (factory.calls, stats.loads, stats.load_errors) == (1, 1, 1)
    assert await cache.get_or_set("k", lambda: "well again") == "well again"


async def test_a_factory_that_cancels_itself_does_not_cancel_its_callers(cache):
    async def factory():
        raise asyncio.CancelledError

    with pytest.raises(LoadCancelledError):
        await cache.get_or_set("k", factory)


async def test_a_factory_may_be_a_plain_function(cache):
    assert await cache.get_or_set("k", lambda: 7) == 7


async def test_a_stored_none_is_not_made_again(cache):
    calls = []
    for _ in range(2):
        assert await cache.get_or_set("k", lambda: calls.append(1)) is None
    assert calls == [1]


async def test_a_value_that_cannot_be_kept_reaches_its_callers_all_the_same(cache):
    thing = object()
    factory = Factory(thing)
    tasks = await started(cache, factory, 2)
    factory.gate.set()
    assert await asyncio.gather(*tasks) == [thing, thing]
    assert cache.stats().unserializable == 1
    assert await cache.get("k") is None
    with pytest.raises(SerializationError):
        await cache.set("k", thing)


async def test_a_factory_that_wants_its_own_key_is_refused(cache):
    async def factory():
        return await cache.get_or_set("k", factory)

    async with asyncio.timeout(5):
        with pytest.raises(ReentrantLoadError, match="'k'"):
            await cache.get_or_set("k", factory)
    assert await cache.get_or_set("k", lambda: 1) == 1


async def test_two_factories_that_want_each_others_key_are_refused(cache):
    async def first():
        return await cache.get_or_set("b", second)

    async def second():
        await settle()  # both loads are under way now
        return await cache.get_or_set("a", first)

    async with asyncio.timeout(5):
        answers = await asyncio.gather(
            cache.get_or_set("a", first), cache.get_or_set("b", second), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [ReentrantLoadError, ReentrantLoadError]


async def test_a_factory_may_use_other_keys(cache):
    async def outer():
        return ["outer", await cache.get_or_set("inner", lambda: "inner")]

    assert await cache.get_or_set("outer", outer) == ["outer", "inner"]


async def test_what_a_factory_starts_and_leaves_behind_may_ask_for_its_key(cache):
    later = []

    async def factory():
        later.append(asyncio.create_task(asleep()))
        return "made"

    async def asleep():
        await settle()
        return await cache.get_or_set("k", lambda: "again")

    assert await cache.get_or_set("k", factory) == "made"
    assert await later[0] == "made"


@pytest.mark.parametrize("invalidate", ["delete", "clear", "set"])
async def test_a_load_that_began_before_an_invalidation_is_not_joined_after_it_nor_stored(cache, invalidate):
    before, after = Factory("before"), Factory("after")
    (early,) = await started(cache, before, 1)
    await {"delete": lambda: cache.delete("k"), "clear": cache.clear, "set": lambda: cache.set("k", "set")}[
        invalidate
    ]()
    before.gate.set()
    if invalidate == "set":
        assert await cache.get("k") == "set"
        assert await early == "before"
        assert await cache.get("k") == "set"
    else:
        (late,) = await started(cache, after, 1)
        assert await early == "before"
        assert await cache.get("k") is None
        after.gate.set()
        assert await late == "after"
        assert await cache.get("k") == "after"
    assert cache.stats().overtaken == 1


async def test_nothing_is_kept_for_keys_that_nobody_is_busy_with(cache):
    for at in range(100):
        await cache.get_or_set(f"k{at}", lambda: 1)
        await cache.get(f"absent{at}")
    assert cache._flights._table == {}
    assert cache._chain.fence._out == {}


async def test_closing_cancels_the_loads_under_way():
    cache = TieredCache([MemoryBackend()])
    factory = Factory()
    (task,) = await started(cache, factory, 1)
    await cache.aclose()
    assert factory.ended == 1
    with pytest.raises(LoadCancelledError):
        await task


async def test_many_keys_are_loaded_in_one_call_for_the_missing_ones(cache):
    asked = []

    async def factory(keys):
        asked.append(keys)
        return {key: [key] for key in keys} | {"not asked": 1}

    await cache.set("b", "kept")
    answers = await cache.get_or_set_many(["c", "b", "a", "c"], factory)
    assert list(answers.items()) == [("c", ["c"]), ("b", "kept"), ("a", ["a"])]
    assert asked == [["c", "a"]]
    assert await cache.get("a") == ["a"]
    assert await cache.get("not asked") is None


async def test_many_keys_join_the_loads_of_single_ones_and_the_other_way_round(cache):
    single = Factory("single")
    (one,) = await started(cache, single, 1, "a")
    many = Factory({"b": "many", "c": "many"})
    batch = asyncio.create_task(cache.get_or_set_many(["a", "b", "c"], many))
    await settle()
    joiner = asyncio.create_task(cache.get_or_set("b", Factory("never called")))
    await settle()
    single.gate.set()
    many.gate.set()
    assert await one == "single"
    assert await batch == {"a": "single", "b": "many", "c": "many"}
    assert await joiner == "many"
    assert (single.calls, many.calls) == (1, 1)


async def test_a_key_that_the_batch_did_not_bring_is_loaded_by_who_waited_for_it(cache):
    many = Factory({"a": 1})
    batch = asyncio.create_task(cache.get_or_set_many(["a", "b"], many))
    await settle()
    own = Factory("own")
    own.gate.set()
    waiting = asyncio.create_task(cache.get_or_set("b", own))
    await settle()
    many.gate.set()
    assert await batch == {"a": 1}
    assert await waiting == "own"


async def test_a_batch_that_fails_or_is_cancelled_leaves_nothing_behind(cache):
    failing = Factory(error=ValueError("no"))
    failing.gate.set()
    with pytest.raises(ValueError, match="no"):
        await cache.get_or_set_many(["a", "b"], failing)
    hanging = Factory({})
    task = asyncio.create_task(cache.get_or_set_many(["a", "b"], hanging))
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await settle()
    assert hanging.ended == 1
    assert cache._flights._table == {}
    with pytest.raises(TypeError, match="factory must return a mapping"):
        await cache.get_or_set_many(["a"], lambda keys: ["a"])


async def test_a_factory_that_is_none_is_refused(cache):
    with pytest.raises(TypeError, match="factory must be callable"):
        await cache.get_or_set("k", "value")
    with pytest.raises(TypeError, match="factory must be callable"):
        await cache.get_or_set_many(["k"], {"k": 1})


def test_one_cache_serves_event_loops_in_a_row():
    cache = TieredCache([MemoryBackend(), NullBackend()])

    async def once():
        return await asyncio.gather(*[cache.get_or_set("k", lambda: [1]) for _ in range(3)])

    assert [asyncio.run(once()) for _ in range(3)] == [[[1]] * 3] * 3
    assert cache._flights._table == {}
