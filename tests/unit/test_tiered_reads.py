"""What a tiered cache reads, from which tier, and what it promotes, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Lookup, Policy, Tier

from .sealing import kept, plant, sealed


async def test_a_miss_is_the_default_and_a_stored_none_is_a_hit(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    plant(store, "none", None)
    assert await cache.get("absent") is None
    assert await cache.get("absent", 7) == 7
    assert await cache.get("none", 7) is None
    assert (await cache.lookup("none")).found


async def test_the_first_tier_that_has_it_answers_and_those_below_are_not_asked(flavour):
    log = []
    upper, lower = flavour.store(log, "upper"), flavour.store(log, "lower")
    plant(upper, "k", "from upper")
    plant(lower, "k", "from lower")
    assert await flavour.cache(upper, lower).get("k") == "from upper"
    assert log == [("upper", "get", "k")]


async def test_what_a_lower_tier_has_is_promoted_with_its_remaining_life(flavour, clock):
    lower, memory = flavour.big_store(), flavour.memory()
    plant(lower, "k", "v", ttl=100)
    clock.advance(40)
    cache = flavour.cache(memory, lower)
    assert await cache.get("k") == "v"
    entry = memory.peek("k")
    assert entry is not None
    assert entry.expires - clock() == pytest.approx(60)
    clock.advance(61)
    assert await cache.get("k") is None


async def test_a_store_that_cannot_say_the_remaining_life_goes_by_the_envelope(flavour, clock):
    lower, memory = flavour.store(), flavour.memory()
    plant(lower, "k", "v", ttl=100)
    clock.advance(40)
    assert await flavour.cache(memory, lower).get("k") == "v"
    assert memory.peek("k").expires - clock() == pytest.approx(60)


async def test_a_writers_clock_ahead_of_ours_never_lengthens_a_life(flavour, clock):
    lower, memory = flavour.store(), flavour.memory()
    lower.data["k"] = (sealed("k", "v", created=clock() + 7200, ttl=100), None)
    assert await flavour.cache(memory, lower).get("k") == "v"
    assert memory.peek("k").expires - clock() == pytest.approx(100)


async def test_a_writers_clock_behind_ours_costs_the_copy_and_not_the_hit(flavour, clock):
    clock.advance(10_000)
    lower, memory = flavour.store(), flavour.memory()
    lower.data["k"] = (sealed("k", "v", created=clock() - 7200, ttl=100), None)
    assert await flavour.cache(memory, lower).get("k") == "v"
    assert memory.peek("k") is None


async def test_a_tier_that_does_not_promote_is_left_alone(flavour):
    lower, memory = flavour.store(), flavour.memory()
    plant(lower, "k", "v")
    assert await flavour.cache(Tier(backend=memory, promote=False), lower).get("k") == "v"
    assert memory.peek("k") is None


async def test_promotion_reaches_every_tier_above(flavour):
    top, middle, last = flavour.memory(), flavour.store(), flavour.store()
    plant(last, "k", "v")
    cache = flavour.cache(top, middle, last)
    assert await cache.get("k") == "v"
    assert top.peek("k").value == "v"
    assert kept(middle, "k") == "v"
    assert [tier.promotions for tier in cache.stats().tiers] == [1, 1, 0]


async def test_a_tier_that_is_not_read_is_only_written(flavour):
    log = []
    archive, last = flavour.store(log, "archive"), flavour.store(log, "last")
    plant(archive, "k", "v")
    cache = flavour.cache(Tier(backend=archive, read=False), last)
    assert await cache.get("k") is None
    await cache.set("k", "w")
    assert kept(archive, "k") == kept(last, "k") == "w"


async def test_a_tier_that_is_not_written_is_only_read_and_cleaned(flavour):
    own, shared = flavour.store(), flavour.store()
    plant(shared, "k", "v")
    cache = flavour.cache(own, Tier(backend=shared, write=False))
    await cache.set("other", 1)
    assert list(shared.data) == ["k"]
    assert await cache.get("k") == "v"
    assert await cache.delete("k")
    assert shared.data == {}


async def test_many_keys_are_one_batch_for_each_tier(flavour):
    log = []
    upper, lower = flavour.big_store(log, "upper"), flavour.big_store(log, "lower")
    plant(upper, "b", 2)
    plant(lower, "c", 3)
    found = await flavour.cache(Tier(backend=upper, promote=False), lower).get_many(["c", "absent", "b", "c"])
    assert list(found.items()) == [("c", 3), ("b", 2)]
    assert log == [("upper", "get_many", "c", "absent", "b"), ("lower", "get_many", "c", "absent")]


async def test_many_keys_are_promoted_together(flavour, clock):
    log = []
    upper, lower = flavour.big_store(log, "upper"), flavour.big_store(log, "lower")
    plant(lower, "a", 1, ttl=10)
    plant(lower, "b", 2)
    clock.advance(4)
    assert await flavour.cache(upper, lower).get_many("ab"[i] for i in range(2)) == {"a": 1, "b": 2}
    assert log[-1] == ("upper", "set_many", "a", "b")
    assert upper.left("a") == pytest.approx(6)
    assert upper.left("b") is None


async def test_lookup_explains_a_hit(flavour, clock):
    memory, store = flavour.memory(), flavour.big_store()
    plant(store, "k", ["v"], ttl=100)
    clock.advance(30)
    cache = flavour.cache(memory, store)
    first = await cache.lookup("k")
    assert first == Lookup(found=True, value=["v"], tier=first.tier, created=0.0, age=30.0, ttl_left=70.0)
    assert first.tier.endswith("dict")
    clock.advance(5)
    second = await cache.lookup("k")
    assert second == Lookup(found=True, value=["v"], tier="memory", created=0.0, age=35.0, ttl_left=65.0)


async def test_a_ttl_that_is_over_is_a_miss_of_a_cache_of_one_memory_tier(flavour, clock):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10, stale_if_error=100))
    await cache.set("k", "value", ttl=10)
    clock.advance(10)
    assert await cache.get("k") is None
    assert (await cache.lookup("k")).reason == "memory: stale"
