"""Forgetting many keys by what they begin with, and asking whether the tiers answer."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Tier, TieredCache
from aicache.errors import ClosedError, InvalidTypeError, UnsupportedError
from aicache.testing import FakeClock
from aicache_memory import MemoryBackend


async def test_what_begins_so_is_forgotten_in_every_tier_and_nothing_else(flavour):
    memory, upper, lower = flavour.memory(), flavour.big_store(), flavour.big_store()
    cache = flavour.cache(memory, upper, lower)
    await cache.set_many({"a:1": 1, "a:2": 2, "a*": 3, "b:1": 4})
    assert await cache.delete_prefix("a:") == 2
    assert await cache.get_many(["a:1", "a:2", "a*", "b:1"]) == {"a*": 3, "b:1": 4}
    assert sorted(upper.data) == sorted(lower.data) == ["a*", "b:1"]
    assert memory.peek("a:1") is None
    assert memory.peek("b:1") is not None


async def test_each_key_counts_once_wherever_it_lies(flavour):
    upper, lower = flavour.big_store(), flavour.big_store()
    cache = flavour.cache(upper, lower)
    for store, keys in ((upper, "a b"), (lower, "b c")):
        store.data.update({f"k:{key}": (b"bytes", None) for key in keys.split()})
    assert await cache.delete_prefix("k:") == 3
    assert upper.data == lower.data == {}


async def test_a_condition_spares_the_others(flavour):
    store = flavour.big_store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set_many({"a:1": 1, "a:2": 2, "b:1": 3})
    assert await cache.delete_prefix("a:", where=lambda key: key.endswith("1")) == 1
    assert sorted(store.data) == ["a:2", "b:1"]


async def test_many_keys_go_in_slices(flavour):
    store = flavour.big_store()
    cache = flavour.cache(store)
    store.data.update({f"k:{number}": (b"bytes", None) for number in range(1200)})
    assert await cache.delete_prefix("k:") == 1200
    assert [len(call) - 1 for call in store.log if call[0] == "delete_many"] == [500, 500, 200]


async def test_only_the_tiers_of_this_process_where_asked(flavour):
    memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(memory, store)
    await cache.set_many({"a:1": 1, "a:2": 2, "b:1": 3})
    store.log.clear()
    assert await cache.delete_prefix("a:", where=lambda key: key != "a:2", in_process=True) == 1
    assert [memory.peek(key) is None for key in ("a:1", "a:2", "b:1")] == [True, False, False]
    assert store.log == []


async def test_a_tier_that_cannot_list_its_keys_is_named_and_nothing_changes(flavour):
    memory = flavour.memory()
    cache = flavour.cache(memory, Tier(backend=flavour.store(), name="plain"))
    await cache.set("a", 1)
    with pytest.raises(UnsupportedError, match="'plain' cannot forget by prefix"):
        await cache.delete_prefix("a")
    assert memory.peek("a") is not None


async def test_a_tier_that_fails_keeps_what_it_has_and_is_counted(flavour):
    memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(memory, store)
    await cache.set("a", 1)
    store.fail = OSError("gone")
    assert await cache.delete_prefix("a") == 1
    assert memory.peek("a") is None
    assert cache.stats().tiers[1].errors == 1  # it is not asked again to forget what the memory tier had


async def test_a_prefix_is_a_text(flavour):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidTypeError, match=r"prefix must be a str, got b'a'"):
        await cache.delete_prefix(b"a")
    await cache.aclose()
    with pytest.raises(ClosedError):
        await cache.delete_prefix("a")


async def test_a_cache_in_a_cache_is_reached(flavour):
    inner_memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(flavour.memory(), flavour.cache(inner_memory, store))
    await cache.set_many({"a:1": 1, "b:1": 2})
    assert await cache.delete_prefix("a:") == 1
    assert inner_memory.peek("a:1") is None
    assert list(store.data) == ["b:1"]


async def test_a_load_under_way_is_not_stored_after_its_prefix_was_forgotten():
    async with TieredCache([MemoryBackend()]) as cache:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            begun.set()
            await go_on.wait()
            return "old"

        first = asyncio.create_task(cache.get_or_set("a:1", slow))
        await begun.wait()
        assert await cache.delete_prefix("a:") == 0
        second = asyncio.create_task(cache.get_or_set("a:1", lambda: "new"))
        assert await second == "new"
        go_on.set()
        assert await first == "old"
        assert await cache.get("a:1") == "new"


async def test_health_says_which_tier_answers(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), Tier(backend=store, name="store"))
    assert await cache.health() == {"memory": True, "store": True}
    store.fail = OSError("gone")
    assert await cache.health("probe") == {"memory": True, "store": False}
    assert store.log[-1] == ("get", "probe")
    assert await flavour.cache(cache).health() == {"tieredcache": False}


async def test_lookup_or_set_says_where_the_value_came_from(flavour, clock):
    cache = flavour.cache(flavour.memory())
    made = await cache.lookup_or_set("k", lambda: ["v"], ttl=60)
    assert (made.found, made.value, made.tier, made.reason, made.ttl_left) == (False, ["v"], None, "loaded", 60)
    clock.advance(10)
    found = await cache.lookup_or_set("k", lambda: ["other"])
    assert (found.found, found.value, found.tier, found.age, found.ttl_left) == (True, ["v"], "memory", 10, 50)


async def test_lookup_or_set_says_that_it_joined():
    async with TieredCache([MemoryBackend()], wall_clock=FakeClock()) as cache:

        async def slow():
            await asyncio.sleep(0)
            return ["v"]

        first, second = await asyncio.gather(cache.lookup_or_set("k", slow), cache.lookup_or_set("k", slow))
        assert (first.reason, second.reason) == ("loaded", "joined")
        assert first.value == second.value == ["v"]
        assert first.value is not second.value


async def test_a_lookup_says_whether_the_bytes_are_compressed(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set("long", ["x" * 10_000])
    await cache.set("short", ["x"])
    assert [(await cache.lookup(key)).compressed for key in ("long", "short")] == [True, False]
    other = flavour.cache(flavour.memory(), store)
    for _ in ("from the store", "from memory"):
        assert [(await other.lookup(key)).compressed for key in ("long", "short")] == [True, False]
