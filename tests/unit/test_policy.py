"""What a policy has done when there is no fresh value, and what a factory may say of its answer; in both flavours."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aicache import NotModified, Policy, Skip, Store, SyncTieredCache, TieredCache, previous
from aicache.errors import ConfigurationError, LoadTimeoutError
from aicache.testing import virtual_time
from aicache_memory import MemoryBackend, SyncMemoryBackend


class DownError(Exception):
    """The provider is down."""


class Provider:
    """A factory that counts its calls; it raises while `down`."""

    def __init__(self):
        self.calls = 0
        self.down = False

    def __call__(self):
        self.calls += 1
        if self.down:
            raise DownError
        return [self.calls]


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture(params=["memory", "store", "big_store", "memory over big_store"])
def made(request, flavour):
    """Makes a cache with one policy over one kind of tier or two."""

    def make(policy):
        kinds = request.param.split(" over ")
        return flavour.cache(*[getattr(flavour, kind)() for kind in kinds], policy=policy)

    return make


async def settled(cache, calls, provider):
    """Return once what runs in the background has made so many calls and stored what they brought."""
    for _ in range(2000):
        if provider.calls >= calls and not background(cache):
            return
        await asyncio.sleep(0)
        threading.Event().wait(0.0005)
    raise AssertionError(f"{provider.calls} calls")


def background(cache):
    inner = getattr(cache, "inner", cache)
    return inner._flights._table


async def test_a_stale_value_stands_in_for_a_factory_that_raises(made, clock, provider):
    cache = made(Policy(ttl=60, stale_if_error=600))
    assert await cache.get_or_set("k", provider) == [1]
    provider.down = True
    clock.advance(61)
    assert await cache.get("k", "miss") == "miss"
    said = await cache.lookup_or_set("k", provider)
    assert (said.found, said.value, said.stale, said.reason) == (True, [1], True, None)
    assert said.ttl_left == pytest.approx(-1)
    stats = cache.stats()
    assert (stats.stale, stats.load_errors, provider.calls) == (1, 1, 2)
    clock.advance(600)
    with pytest.raises(DownError):
        await cache.get_or_set("k", provider)


async def test_what_was_deleted_is_not_served_stale(made, clock, provider):
    cache = made(Policy(ttl=60, stale_if_error=600))
    await cache.get_or_set("k", provider)
    clock.advance(61)
    await cache.delete("k")
    provider.down = True
    with pytest.raises(DownError):
        await cache.get_or_set("k", provider)


async def test_after_a_failure_the_factory_is_left_alone_for_a_while(made, clock, provider):
    cache = made(Policy(ttl=60, stale_if_error=600, throttle=5))
    await cache.get_or_set("k", provider)
    clock.advance(61)
    provider.down = True
    for _ in range(3):
        assert await cache.get_or_set("k", provider) == [1]
    assert provider.calls == 2
    clock.advance(5)
    provider.down = False
    assert await cache.get_or_set("k", provider) == [3]


async def test_a_value_past_its_ttl_is_served_at_once_while_one_load_makes_a_new_one(made, clock, provider):
    cache = made(Policy(ttl=60, stale_while_revalidate=30))
    await cache.get_or_set("k", provider)
    clock.advance(61)
    said = await cache.lookup_or_set("k", provider)
    assert (said.value, said.stale) == ([1], True)
    await settled(cache, 2, provider)
    assert await cache.get("k") == [2]
    stats = cache.stats()
    assert (stats.stale, stats.refreshes, stats.loads) == (1, 1, 2)
    clock.advance(60 + 31)
    assert await cache.get_or_set("k", provider) == [3]  # too old: waited for


async def test_a_hit_near_its_end_has_a_new_value_made(made, clock, provider):
    cache = made(Policy(ttl=100, refresh_ahead=0.8))
    await cache.get_or_set("k", provider)
    clock.advance(79)
    assert await cache.get_or_set("k", provider) == [1]
    assert provider.calls == 1
    clock.advance(2)
    assert await cache.get_or_set("k", provider) == [1]
    await settled(cache, 2, provider)
    clock.advance(50)
    assert await cache.get_or_set("k", provider) == [2]  # fresh, by the new ttl
    assert (provider.calls, cache.stats().refreshes) == (2, 1)


async def test_a_refresh_that_fails_harms_nobody_and_is_not_tried_again_at_once(made, clock, provider):
    cache = made(Policy(ttl=100, refresh_ahead=0.5, throttle=10))
    await cache.get_or_set("k", provider)
    clock.advance(60)
    provider.down = True
    assert await cache.get_or_set("k", provider) == [1]
    await settled(cache, 2, provider)
    for _ in range(5):
        assert await cache.get_or_set("k", provider) == [1]
    assert provider.calls == 2
    clock.advance(11)
    assert await cache.get_or_set("k", provider) == [1]
    await settled(cache, 3, provider)


async def test_none_lives_as_long_as_the_policy_says_of_it(made, clock):
    calls = []
    cache = made(Policy(ttl=600, negative_ttl=10))
    for wait in (0, 9, 2):
        clock.advance(wait)
        assert await cache.get_or_set("k", lambda: calls.append(1)) is None
    assert len(calls) == 2
    never = made(Policy(ttl=600, negative_ttl=0))
    for _ in range(2):
        assert await never.get_or_set("k", lambda: calls.append(1)) is None
    assert (len(calls), never.stats().skips) == (4, {"negative": 2})


async def test_what_the_policy_does_not_want_is_returned_and_not_stored(made):
    cache = made(Policy(ttl=600, store_if=lambda value: value != "truncated"))
    assert await cache.get_or_set("k", lambda: "truncated") == "truncated"
    assert await cache.get_or_set("k", lambda: "whole") == "whole"
    assert await cache.get("k") == "whole"
    assert cache.stats().skips == {"store_if": 1}


async def test_a_factory_says_how_its_answer_is_kept(made, clock):
    cache = made(Policy(ttl=600))
    assert await cache.get_or_set("short", lambda: Store({"a": 1}, ttl=5)) == {"a": 1}
    assert await cache.get_or_set("not", lambda: Skip("partial", "truncated")) == "partial"
    assert await cache.get("not", "miss") == "miss"
    got = await cache.get_or_set_many(["x", "y"], lambda keys: {"x": Store(1, ttl=5), "y": Skip(2)})
    assert got == {"x": 1, "y": 2}
    clock.advance(6)
    assert await cache.get_many(["short", "x", "y"]) == {}
    assert cache.stats().skips == {"truncated": 1, "skipped": 1}


async def test_a_factory_sees_the_value_it_replaces_and_may_say_that_it_is_still_right(made, clock):
    seen = []

    def conditional():
        old = previous()
        seen.append(old and (old.value, old.stale, old.age))
        return {"etag": "a"} if old is None else NotModified()

    cache = made(Policy(ttl=60, stale_if_error=600))
    assert await cache.get_or_set("k", conditional) == {"etag": "a"}
    clock.advance(70)
    assert await cache.get_or_set("k", conditional) == {"etag": "a"}
    assert seen == [None, ({"etag": "a"}, True, 70)]
    assert previous() is None
    clock.advance(59)
    assert await cache.get("k") == {"etag": "a"}
    with pytest.raises(ConfigurationError, match="there is no earlier value"):
        await cache.get_or_set("other", NotModified)


async def test_a_policy_of_one_call_stands_for_that_call(made, clock, provider):
    cache = made(Policy(ttl=60))
    patient = Policy(ttl=10, stale_if_error=600)
    await cache.get_or_set("k", provider, policy=patient)
    clock.advance(11)
    provider.down = True
    assert await cache.get_or_set("k", provider, policy=patient) == [1]
    with pytest.raises(DownError):
        await cache.get_or_set("k", provider, policy=Policy(ttl=60, throttle=0))


async def test_many_keys_are_served_stale_each_by_its_own_age(made, clock):
    calls = []

    def factory(keys):
        calls.append(list(keys))
        if len(calls) > 2:
            raise DownError
        return {key: [key] for key in keys}

    cache = made(Policy(ttl=60, stale_if_error=600))
    await cache.get_or_set_many(["a", "b"], factory)
    clock.advance(61)
    await cache.get_or_set_many(["b"], factory)
    assert await cache.get_or_set_many(["a", "b"], factory) == {"a": ["a"], "b": ["b"]}  # a is stale, b is not
    assert calls == [["a", "b"], ["b"], ["a"]]
    with pytest.raises(DownError):
        await cache.get_or_set_many(["b", "new"], factory)


# How long a caller waits: with the clocks of the event loop and of threads.


async def test_a_caller_leaves_a_slow_load_with_the_stale_value_and_the_load_is_stored(clock):
    gate, calls = asyncio.Event(), []

    async def slow():
        calls.append(1)
        if len(calls) > 1:
            await gate.wait()
        return [len(calls)]

    policy = Policy(ttl=60, stale_if_error=600, soft_timeout=0.01)
    async with TieredCache([MemoryBackend(clock=clock)], policy=policy, wall_clock=clock, clock=clock) as cache:
        await cache.get_or_set("k", slow)
        clock.advance(61)
        assert await asyncio.gather(*(cache.get_or_set("k", slow) for _ in range(10))) == [[1]] * 10
        assert await cache.get_or_set("k", slow) == [1]  # at once: it is known that the load is slow
        gate.set()
        while background(cache):  # noqa: ASYNC110 it is over when the table is empty
            await asyncio.sleep(0)
        assert await cache.get("k") == [2]
        assert cache.stats().stale == 11


async def test_a_load_is_given_up_at_the_hard_timeout(clock):
    async def endless():
        await asyncio.Event().wait()

    policy = Policy(ttl=60, stale_if_error=600, hard_timeout=0.01)
    async with TieredCache([MemoryBackend(clock=clock)], policy=policy, wall_clock=clock, clock=clock) as cache:
        with pytest.raises(LoadTimeoutError, match=r"hard_timeout=0\.01"):
            await cache.get_or_set("k", endless)
        await cache.set("k", "old")
        clock.advance(61)
        assert await cache.get_or_set("k", endless) == "old"
        assert cache.stats().load_timeouts == 2
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_factorys_own_timeout_is_its_own(clock):
    async def late():
        raise TimeoutError("mine")

    async with TieredCache([MemoryBackend()], policy=Policy(ttl=60, hard_timeout=5)) as cache:
        with pytest.raises(TimeoutError, match="mine"):
            await cache.get_or_set("k", late)
        assert cache.stats().load_timeouts == 0


def test_a_thread_leaves_a_slow_load_and_the_load_is_stored(clock):
    gate, calls = threading.Event(), []

    def slow():
        calls.append(1)
        if len(calls) > 1:
            assert gate.wait(30)
        return [len(calls)]

    for policy in (
        Policy(ttl=60, stale_if_error=600, soft_timeout=0.01),
        Policy(ttl=60, stale_if_error=600, hard_timeout=0.01),
    ):
        calls.clear()
        gate.clear()
        with SyncTieredCache([SyncMemoryBackend(clock=clock)], policy=policy, wall_clock=clock, clock=clock) as cache:
            cache.get_or_set("k", slow, policy=Policy(ttl=60, stale_if_error=600))  # its thread may begin late
            clock.advance(61)
            assert cache.get_or_set("k", slow) == [1]
            assert cache.get_or_set("k", slow) == [1]
            gate.set()
            for thread in tuple(cache._flights._threads):
                thread.join(30)
            assert cache.get("k") == [2]
            assert (cache.stats().stale, len(calls)) == (2, 2)


def test_a_thread_gives_up_at_the_hard_timeout_where_nothing_is_stale():
    gate = threading.Event()
    with SyncTieredCache([SyncMemoryBackend()], policy=Policy(ttl=60, hard_timeout=0.01)) as cache:
        with pytest.raises(LoadTimeoutError, match=r"hard_timeout=0\.01"):
            cache.get_or_set("k", lambda: gate.wait(30))
        gate.set()


def test_what_is_invalidated_while_a_load_is_slow_is_not_served_stale(clock):
    async def body():
        started, gate = asyncio.Event(), asyncio.Event()

        async def slow():
            started.set()
            await gate.wait()
            return "new"

        policy = Policy(ttl=60, stale_if_error=600, soft_timeout=0.02)
        async with TieredCache([MemoryBackend(clock=clock)], policy=policy, wall_clock=clock, clock=clock) as cache:
            await cache.set("k", "old")
            clock.advance(61)
            waiting = asyncio.create_task(cache.get_or_set("k", slow))
            await started.wait()
            await cache.delete("k")
            await asyncio.wait([waiting], timeout=0.05)
            assert not waiting.done()
            gate.set()
            assert await waiting == "new"
            assert await cache.get("k", "miss") == "miss"  # it began before the key was invalidated

    virtual_time.run(body())  # or a busy machine is late with the invalidation


async def test_a_load_that_nobody_waits_for_ends_or_completes_as_the_policy_says(clock):
    for abandoned, kept in (("cancel", "miss"), ("complete", "made")):
        started, gate = asyncio.Event(), asyncio.Event()

        async def slow(started=started, gate=gate):
            started.set()
            await gate.wait()
            return "made"

        async with TieredCache([MemoryBackend()], policy=Policy(ttl=60, abandoned=abandoned)) as cache:
            waiting = asyncio.create_task(cache.get_or_set("k", slow))
            await started.wait()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            gate.set()
            while background(cache):  # noqa: ASYNC110 it is over when the table is empty
                await asyncio.sleep(0)
            assert await cache.get("k", "miss") == kept


async def test_closing_ends_what_runs_in_the_background(clock):
    started = asyncio.Event()

    async def endless():
        started.set()
        await asyncio.Event().wait()

    policy = Policy(ttl=60, stale_while_revalidate=600)
    cache = TieredCache([MemoryBackend(clock=clock)], policy=policy, wall_clock=clock, clock=clock)
    await cache.set("k", "old")
    clock.advance(61)
    assert await cache.get_or_set("k", endless) == "old"
    await started.wait()
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("skew", [-7200, 7200])
async def test_two_hours_between_the_clocks_of_two_processes_change_nothing(flavour, clock, provider, skew):
    """The store's clock decides how long what it holds is fresh, and how long stale."""
    store = flavour.big_store()
    policy = Policy(ttl=60, stale_if_error=600, refresh_ahead=0.5)
    writer = flavour.cache(store, policy=policy, wall_clock=lambda: clock() + 100_000 + skew)
    reader = flavour.cache(flavour.memory(), store, policy=policy, wall_clock=lambda: clock() + 100_000)
    await writer.set("k", "old")
    clock.advance(29)
    assert await reader.get_or_set("k", provider) == "old"
    assert (provider.calls, reader.stats().refreshes) == (0, 0)
    await writer.set("k", "old")
    await reader.delete("k")
    await writer.set("k", "old")
    clock.advance(59)
    assert await reader.get("k") == "old"
    clock.advance(2)
    assert await reader.get("k") is None
    provider.down = True
    assert await reader.get_or_set("k", provider) == "old"
    clock.advance(598)
    said = await reader.lookup_or_set("k", provider)
    assert (said.value, said.stale, said.ttl_left) == ("old", True, pytest.approx(-599, abs=0.01))
    clock.advance(2)
    with pytest.raises(DownError):
        await reader.get_or_set("k", provider)


async def test_a_decorated_function_is_refreshed_ahead_too(made, clock, provider):
    cache = made(Policy(ttl=100, refresh_ahead=0.8))
    ask = getattr(cache, "inner", cache).cached()(lambda prompt: provider())

    async def asked():
        answer = ask("a prompt")
        return await answer if hasattr(answer, "__await__") else answer

    assert await asked() == [1]
    clock.advance(81)
    assert await asked() == [1]
    await settled(cache, 2, provider)
    assert await asked() == [2]
