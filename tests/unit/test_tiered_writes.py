"""What a tiered cache stores and removes, in which order and for how long, in both flavours."""

from __future__ import annotations

import math

import pytest

from aicache import Policy, Tier
from aicache.errors import SerializationError, UnsupportedError

from .sealing import kept, plant


async def test_a_write_goes_to_the_last_tier_first(flavour):
    log = []
    cache = flavour.cache(*(flavour.store(log, name) for name in ("one", "two", "three")))
    await cache.set("k", "v")
    assert log == [("three", "set", "k"), ("two", "set", "k"), ("one", "set", "k")]


async def test_an_invalidation_goes_to_the_last_tier_first(flavour):
    log = []
    cache = flavour.cache(*(flavour.store(log, name) for name in ("one", "two")))
    assert not await cache.delete("k")
    assert log == [("two", "delete", "k"), ("one", "delete", "k")]


async def test_each_tier_keeps_a_value_for_its_own_time_at_most(flavour):
    short, long = flavour.store(), flavour.store()
    await flavour.cache(Tier(backend=short, max_ttl=60), long).set("k", "v", ttl=3600)
    assert short.left("k") == pytest.approx(60)
    assert long.left("k") == pytest.approx(3600)
    await flavour.cache(Tier(backend=short, max_ttl=60), long).set("k", "v")
    assert short.left("k") == pytest.approx(60)
    assert long.left("k") is None


async def test_each_tier_takes_the_sizes_it_was_given(flavour):
    small, big = flavour.memory(), flavour.store()
    cache = flavour.cache(Tier(backend=small, max_bytes=100), Tier(backend=big, min_bytes=50))
    await cache.set("tiny", "x")
    await cache.set("fits both", "x" * 60)
    await cache.set("huge", "x" * 200)
    assert [key for key in ("tiny", "fits both", "huge") if small.peek(key)] == ["tiny", "fits both"]
    assert sorted(big.data) == ["fits both", "huge"]
    assert [tier.skipped for tier in cache.stats().tiers] == [1, 1]


async def test_a_value_too_large_for_a_tier_leaves_no_older_one_there(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(Tier(backend=memory, max_bytes=100), store)
    await cache.set("k", "small")
    await cache.set("k", "x" * 200)
    assert memory.peek("k") is None
    assert await cache.get("k") == "x" * 200


async def test_a_value_too_large_for_a_byte_tier_leaves_no_older_one_there(flavour):
    upper, lower = flavour.store(), flavour.store()
    cache = flavour.cache(Tier(backend=upper, max_bytes=100), lower)
    await cache.set("k", "small")
    await cache.set("k", "x" * 200)
    assert upper.data == {}
    assert await cache.get("k") == "x" * 200


async def test_the_ttl_is_the_policys_unless_the_call_says_otherwise(flavour):
    store = flavour.store()
    cache = flavour.cache(store, policy=Policy(ttl=100))
    await cache.set("policy", 1)
    await cache.set("own", 1, ttl=5)
    await cache.set("none", 1, ttl=None)
    await cache.set("infinite", 1, ttl=math.inf)
    assert store.left("policy") == pytest.approx(100)
    assert store.left("own") == pytest.approx(5)
    assert store.left("none") is None
    assert store.left("infinite") is None


@pytest.mark.parametrize(("chance", "ttl"), [(0.0, 100), (0.5, 90), (1.0, 80)])
async def test_jitter_only_shortens(flavour, chance, ttl):
    one, two = flavour.store(), flavour.store()
    cache = flavour.cache(one, two, policy=Policy(ttl=100, jitter=0.2), random=lambda: chance)
    await cache.set("k", 1)
    assert one.left("k") == two.left("k") == pytest.approx(ttl)


async def test_set_many_stores_all_or_nothing(flavour):
    store = flavour.big_store()
    cache = flavour.cache(store)
    with pytest.raises(SerializationError):
        await cache.set_many({"good": 1, "bad": object()})
    assert store.log == []
    await cache.set_many({"a": 1, "b": [2]}, ttl=9)
    assert kept(store, "a") == 1
    assert kept(store, "b") == [2]
    assert store.left("b") == pytest.approx(9)
    assert store.log == [("set_many", "a", "b")]


async def test_many_keys_work_where_the_backend_has_no_batches(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    await cache.set_many({"a": 1, "b": 2})
    assert await cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert await cache.delete_many(["a", "c"]) == 1
    assert list(store.data) == ["b"]


async def test_nothing_asked_is_nothing_done(flavour):
    store = flavour.big_store()
    cache = flavour.cache(store)
    assert await cache.get_many([]) == {}
    assert await cache.delete_many([]) == 0
    await cache.set_many({})
    assert await cache.get_or_set_many([], lambda keys: {}) == {}
    assert store.log == []


async def test_delete_reaches_every_tier_and_says_whether_one_had_it(flavour):
    memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(memory, store)
    for key in "abc":
        plant(store, key, key)
    await cache.get("a")
    assert await cache.delete("a")
    assert memory.peek("a") is None
    assert await cache.delete_many(["a", "b", "c", "b"]) == 2
    assert store.data == {}


async def test_clear_empties_every_tier(flavour):
    memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(memory, store)
    await cache.set("k", 1)
    await cache.clear()
    assert memory.peek("k") is None
    assert store.data == {}


async def test_clear_changes_nothing_where_a_tier_cannot(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, store)
    await cache.set("k", 1)
    with pytest.raises(UnsupportedError, match=r"'(sync)?dict' cannot clear"):
        await cache.clear()
    assert await cache.get("k") == 1
