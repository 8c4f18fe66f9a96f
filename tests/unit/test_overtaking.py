"""A slow read, load or write never brings back what was written or invalidated meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Tier, TieredCache
from aicache_memory import MemoryBackend

from .waiting import SlowStore


@pytest.fixture
def memory():
    return MemoryBackend()


@pytest.fixture
def store():
    return SlowStore()


@pytest.fixture
async def cache(memory, store):
    async with TieredCache([memory, Tier(backend=store, timeout=None)]) as made:
        yield made


@pytest.mark.parametrize("read", ["get", "lookup", "get_many", "get_or_set"])
@pytest.mark.parametrize("change", ["delete", "set"])
async def test_a_read_that_began_before_a_change_promotes_nothing_after_it(cache, memory, store, read, change):
    store.plant("k", "old")
    arrived, gate = store.hold("get", "after")
    reading = asyncio.create_task(
        {
            "get": lambda: cache.get("k"),
            "lookup": lambda: cache.lookup("k"),
            "get_many": lambda: cache.get_many(["k"]),
            "get_or_set": lambda: cache.get_or_set("k", lambda: "made"),
        }[read]()
    )
    await arrived.wait()
    await (cache.delete("k") if change == "delete" else cache.set("k", "new"))
    gate.set()
    await reading
    assert await cache.get("k") == (None if change == "delete" else "new")
    entry = memory.peek("k")
    assert (entry and entry.value) == (None if change == "delete" else "new")


async def test_a_read_between_the_tiers_of_a_write_promotes_nothing(cache, memory, store):
    store.plant("k", "old")
    read_arrived, read_gate = store.hold("get", "after")
    write_arrived, write_gate = store.hold("set", "before")
    writing = asyncio.create_task(cache.set("k", "new"))
    await write_arrived.wait()
    reading = asyncio.create_task(cache.get("k"))
    await read_arrived.wait()
    write_gate.set()
    await writing
    read_gate.set()
    assert await reading == "old"  # it began before the write was done
    assert memory.peek("k").value == "new"


async def test_a_fill_that_lands_after_an_invalidation_is_taken_out_again(cache, store):
    arrived, gate = store.hold("set", "before")
    loading = asyncio.create_task(cache.get_or_set("k", lambda: "loaded before"))
    await arrived.wait()
    await cache.delete("k")
    gate.set()
    assert await loading == "loaded before"
    assert store.kept("k") is None
    assert await cache.get("k") is None
    assert cache.stats().overtaken == 1


async def test_of_two_writes_the_later_one_stays_in_every_tier(cache, memory, store):
    arrived, gate = store.hold("set", "after")
    first = asyncio.create_task(cache.set("k", "first"))
    await arrived.wait()
    await cache.set("k", "second")
    gate.set()
    await first
    assert store.kept("k") == "second"
    assert await cache.get("k") == "second"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_cancelled_write_leaves_no_older_value_above(cache, memory, store, when):
    await cache.set("k", "old")
    arrived, _ = store.hold("set", when)
    writing = asyncio.create_task(cache.set("k", "new"))
    await arrived.wait()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert memory.peek("k") is None
    assert await cache.get("k") == store.kept("k") == ("old" if when == "before" else "new")


async def test_clear_reaches_what_is_under_way(memory):
    from aicache_null import NullBackend

    begun, gate = asyncio.Event(), asyncio.Event()

    async def factory():
        begun.set()
        await gate.wait()
        return "before"

    cache = TieredCache([memory, NullBackend()])
    loading = asyncio.create_task(cache.get_or_set("k", factory))
    await begun.wait()
    await cache.clear()
    gate.set()
    assert await loading == "before"
    assert memory.peek("k") is None


async def test_a_slow_tier_is_a_counted_miss_within_its_timeout(memory, store):
    store.plant("k", "v")
    cache = TieredCache([memory, Tier(backend=store, timeout=0.02)])
    for verb in ("get", "set", "delete"):
        store.hold(verb, "before")
    async with asyncio.timeout(10):
        assert (await cache.lookup("k")).reason == "memory: absent; slowstore: timeout"
        await cache.set("k", "new")
        await cache.delete("k")
    assert cache.stats().tiers[1].timeouts == 3
    assert cache.stats().tiers[1].errors == 0
