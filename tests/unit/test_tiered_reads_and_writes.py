"""What a tiered cache reads, promotes, stores and removes, in which order, in both flavours."""

from __future__ import annotations

import asyncio
import math

import pytest

from aicache import Codec, JsonSerializer, Lookup, Policy, Tier
from aicache.errors import (
    BackendError,
    ClosedError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidTypeError,
    SerializationError,
    UnsupportedError,
)

codec = Codec()


def sealed(key, value, *, created=0.0, ttl=None):
    return codec.seal(key, codec.pack(codec.dumps(value)), created=created, fresh_for=ttl)


def plant(store, key, value, *, ttl=None):
    """Put a valid entry into a byte store behind the cache's back."""
    expires = None if ttl is None else store.clock() + ttl
    store.data[key] = (sealed(key, value, created=store.clock(), ttl=ttl), expires)


def kept(store, key):
    return codec.open(key, store.data[key][0]).value


async def test_a_miss_is_the_default_and_a_stored_none_is_a_hit(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    plant(store, "none", None)
    assert await cache.get("absent") is None
    assert await cache.get("absent", 7) == 7
    assert await cache.get("none", 7) is None
    assert (await cache.lookup("none")).found


@pytest.mark.parametrize("value", [None, 0, False, "", b"", [], {}, ()], ids=repr)
async def test_an_empty_value_is_a_value(flavour, value):
    store = flavour.store()
    plant(store, "k", value)
    missing = object()
    got = await flavour.cache(flavour.memory(), store).get("k", missing)
    assert got == value
    assert type(got) is type(value)


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


async def test_lookup_explains_a_miss(flavour):
    damaged, failing = flavour.store(), flavour.store()
    damaged.data["k"] = (sealed("another key", "v"), None)
    failing.fail = OSError("no route")
    cache = flavour.cache(
        flavour.memory(), Tier(backend=damaged, name="damaged"), Tier(backend=failing, name="failing")
    )
    found = await cache.lookup("k")
    assert not found.found
    assert found.value is None
    assert found.reason == "memory: absent; damaged: refused (tag); failing: error (OSError)"


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", b"\x80\x04N.", sealed("another", 1), sealed("k", 1)[:-1]],
    ids=["empty", "junk", "pickle", "another key", "truncated"],
)
async def test_untrusted_bytes_are_a_counted_miss(flavour, data):
    store = flavour.store()
    store.data["k"] = (data, None)
    cache = flavour.cache(store)
    assert await cache.get("k") is None
    tier = cache.stats().tiers[0]
    assert (tier.misses, tier.errors, sum(tier.refused.values())) == (1, 0, 1)


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError(), RuntimeError("bug"), KeyError("k")])
async def test_a_failing_tier_is_a_counted_miss_and_nothing_raises(flavour, clock, error, caplog):
    memory, store = flavour.memory(), flavour.big_store()
    plant(store, "k", 1)
    store.fail = error
    cache = flavour.cache(memory, Tier(backend=store, name="store"))
    with caplog.at_level("INFO", "aicache"):
        assert await cache.get("k", "default") == "default"
        assert await cache.get_many(["k", "l"]) == {}
        await cache.set("x", 1)
        await cache.set_many({"y": 1, "z": 2})
        assert await cache.get("x") == 1
        assert await cache.get_or_set("w", lambda: 5) == 5
        assert await cache.delete("x")
        await cache.clear()
        store.fail = None
        clock.advance(1)
        assert await cache.get("absent") is None
        for _ in range(10):
            await asyncio.sleep(0)  # it forgets what it was to forget
        assert await cache.get("absent") is None
    assert store.data == {}
    tier = cache.stats().tiers[1]
    assert (tier.timeouts if isinstance(error, TimeoutError) else tier.errors) == 3
    assert tier.bypassed == 4  # the breaker had opened
    assert tier.skipped == 1  # what get_or_set loaded: its caller had waited for this tier once
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_tier_may_be_told_to_raise(flavour):
    store = flavour.store()
    store.fail = OSError("gone")
    cache = flavour.cache(Tier(backend=store, name="store", on_error="raise"))
    with pytest.raises(BackendError, match="tier 'store': gone") as caught:
        await cache.get("k")
    assert caught.value.__cause__ is store.fail
    with pytest.raises(BackendError):
        await cache.set("k", 1)
    with pytest.raises(BackendError):
        await cache.delete("k")


async def test_the_count_of_hits_and_misses(flavour):
    memory, store = flavour.memory(), flavour.store()
    plant(store, "k", {"a": 1})
    cache = flavour.cache(memory, store)
    assert cache.stats().hit_ratio is None
    for key in ("k", "k", "k", "absent"):
        await cache.get(key)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.hit_ratio) == (3, 1, 0.75)
    assert [(tier.hits, tier.misses) for tier in stats.tiers] == [(2, 2), (1, 1)]
    assert stats.to_dict()["tiers"][0]["hits"] == 2


@pytest.mark.parametrize("observed", [False, True])
async def test_the_counts_of_a_cache_of_one_memory_tier(flavour, observed):
    told = []
    cache = flavour.cache(flavour.memory(max_bytes=1000), observers=[told.append] if observed else [])
    assert await cache.get("k", "missing") == "missing"
    await cache.set("k", "value", ttl=10)
    assert await cache.get("k") == "value"
    await cache.set("k", "x" * 2000)  # too large, and the older value is not left
    assert await cache.get("k") is None
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 2)
    assert [(tier.hits, tier.misses, tier.writes, tier.skipped) for tier in stats.tiers] == [(1, 2, 1, 1)]
    assert [event.kind for event in told] == (["miss", "store", "hit", "skip", "miss"] if observed else [])
    assert await cache.lookup("k") == Lookup(found=False, reason="memory: absent")


@pytest.mark.parametrize("copy", ["isolate", "live"])
@pytest.mark.parametrize("ttl", [None, 10, 30])
@pytest.mark.parametrize("bounds", [{}, {"min_bytes": 20}, {"max_bytes": 20}, {"max_ttl": 17}], ids=repr)
@pytest.mark.parametrize("value", ["text", "x" * 40, ("a", 1.5), [1, "b"], {"k": [b"x" * 40]}], ids=repr)
async def test_one_memory_tier_keeps_of_one_value_what_it_keeps_of_each_of_many(flavour, copy, ttl, bounds, value):
    def built():
        memory = flavour.memory(copy=copy)
        policy = Policy(ttl=10, stale_if_error=7, jitter=0.5)
        tier = Tier(backend=memory, **bounds)
        return memory, flavour.cache(tier, policy=policy, codec=codec, random=lambda: 0.5)

    (memory, one), (other, many) = built(), built()
    await one.set("k", value, ttl=ttl)
    await many.set_many({"k": value}, ttl=ttl)
    assert one.stats() == many.stats()
    assert memory._info() == other._info()
    entry, expected = memory.peek("k"), other.peek("k")
    assert (entry is None) is (expected is None) is bool(one.stats().tiers[0].skipped)
    if entry is not None:
        for name in ("value", "thaw", "created", "expires", "ends", "compressed"):
            assert getattr(entry, name) == getattr(expected, name), name


@pytest.mark.parametrize("key", ["", 7, ["unhashable"]], ids=repr)
async def test_a_key_that_is_none_changes_nothing_in_one_memory_tier(flavour, key):
    cache = flavour.cache(flavour.memory())
    await cache.set("k", "value")
    with pytest.raises((InvalidArgumentError, InvalidTypeError)):
        await cache.set(key, "value")
    assert await cache.get("k") == "value"


async def test_a_value_that_its_only_tier_failed_to_overwrite_is_gone(flavour, monkeypatch):
    memory = flavour.memory()
    cache = flavour.cache(memory)
    await cache.set("k", "old")
    with monkeypatch.context() as patch:
        patch.setattr(memory, "put", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await cache.set("k", "new")
    assert await cache.get("k") is None


async def test_a_ttl_that_is_over_is_a_miss_of_a_cache_of_one_memory_tier(flavour, clock):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10, stale_if_error=100))
    await cache.set("k", "value", ttl=10)
    clock.advance(10)
    assert await cache.get("k") is None
    assert (await cache.lookup("k")).reason == "memory: stale"


async def test_the_sizes_written_are_counted_as_serialized_and_as_stored(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    await cache.set("k", "answer " * 1000)
    tier = cache.stats().tiers[0]
    assert tier.raw_bytes > 7000 > tier.stored_bytes == len(store.data["k"][0])


async def test_a_returned_value_is_the_callers_own(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, store)
    mine = {"list": [1]}
    await cache.set("k", mine)
    mine["list"].append("changed after set")
    first = await cache.get("k")
    assert first == {"list": [1]}
    first["list"].append("changed after get")
    assert await cache.get("k") == {"list": [1]}
    assert (await cache.get_many(["k"]))["k"] == {"list": [1]}
    assert (await cache.lookup("k")).value == {"list": [1]}
    (await cache.lookup("k")).value.clear()
    made = await cache.get_or_set("new", lambda: [1])
    made.append("changed")
    assert await cache.get_or_set("new", lambda: None) == [1]


async def test_immutable_values_are_shared_and_live_ones_too_where_asked(flavour):
    text, answer = "x" * 100, {"a": 1}
    cache = flavour.cache(flavour.memory())
    await cache.set("text", text)
    assert await cache.get("text") is text
    live = flavour.cache(flavour.memory(copy="live"))
    await live.set("answer", answer)
    assert await live.get("answer") is answer
    thing = object()
    await live.set("thing", thing)
    assert await live.get("thing") is thing


async def test_values_that_cannot_be_kept_are_refused_by_name(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set("k", "old")
    with pytest.raises(SerializationError, match="object") as caught:
        await cache.set("k", {"a": [object()]})
    assert caught.value.path == "['a'][0]"
    assert await cache.get("k") == "old"


async def test_the_codec_can_be_changed_under_a_running_cache(flavour):
    store = flavour.store()
    plant(store, "k", {"written": "by msgpack"})
    cache = flavour.cache(store, serializer=JsonSerializer())
    assert await cache.get("k") == {"written": "by msgpack"}
    await cache.set("k", {"written": "by json"})
    assert await flavour.cache(store).get("k") == {"written": "by json"}


@pytest.mark.parametrize("key", [7, None, b"k", ["k"], ("k",)])
async def test_a_key_that_is_no_text_is_refused_by_every_verb(flavour, key):
    cache = flavour.cache(flavour.memory(), flavour.store())
    for call in (
        lambda: cache.get(key),
        lambda: cache.lookup(key),
        lambda: cache.set(key, 1),
        lambda: cache.get_or_set(key, lambda: 1),
        lambda: cache.get_many([key]),
        lambda: cache.get_or_set_many([key], lambda keys: {}),
        lambda: cache.delete(key),
        lambda: cache.delete_many([key]),
    ):
        with pytest.raises(TypeError, match=r"key must be a str|unhashable"):
            await call()


async def test_an_empty_key_and_a_lone_text_for_keys_are_refused(flavour):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidArgumentError, match="key must not be empty"):
        await cache.get("")
    with pytest.raises(InvalidTypeError, match="keys must be several keys, got the one text 'abc'"):
        await cache.get_many("abc")


@pytest.mark.parametrize("ttl", [0, -1, -0.5, math.nan])
async def test_an_impossible_ttl_is_refused_and_nothing_changes(flavour, ttl):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set("k", "old")
    for call in (
        lambda: cache.set("k", 1, ttl=ttl),
        lambda: cache.set_many({"k": 1}, ttl=ttl),
        lambda: cache.get_or_set("k", lambda: 1, ttl=ttl),
        lambda: cache.get_or_set_many(["k"], lambda keys: {}, ttl=ttl),
    ):
        with pytest.raises(ValueError, match="ttl must be more than 0 seconds"):
            await call()
    assert await cache.get("k") == "old"
    assert kept(store, "k") == "old"


@pytest.mark.parametrize("ttl", [True, "60", [1]])
async def test_a_ttl_of_another_type_is_refused(flavour, ttl):
    with pytest.raises(InvalidTypeError, match="ttl must be seconds"):
        await flavour.cache(flavour.memory()).set("k", 1, ttl=ttl)


async def test_closing_closes_every_tier_once_and_ends_every_verb(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, store)
    await cache.set("k", 1)
    await cache.aclose()
    await cache.aclose()
    assert store.closed == 1
    for call in (
        lambda: cache.get("k"),
        lambda: cache.lookup("k"),
        lambda: cache.set("k", 1),
        lambda: cache.get_or_set("k", lambda: 1),
        lambda: cache.get_many(["k"]),
        lambda: cache.set_many({"k": 1}),
        lambda: cache.get_or_set_many(["k"], lambda keys: {}),
        lambda: cache.delete("k"),
        lambda: cache.delete_many(["k"]),
        lambda: cache.clear(),
    ):
        with pytest.raises(ClosedError, match="closed; build a new one"):
            await call()


async def test_a_cache_can_be_a_tier_of_another(flavour, clock):
    store = flavour.store()
    inner = flavour.cache(flavour.memory(), store, serializer=JsonSerializer(), policy=Policy(ttl=10))
    outer = flavour.cache(flavour.memory(), inner, policy=Policy(ttl=100))
    await outer.set("k", {"a": [1]})
    assert await inner.get("k") == {"a": [1]}
    assert store.left("k") == pytest.approx(100)
    assert await outer.delete("k")
    assert await inner.get("k") is None
    await inner.set("k", [2])
    found = await outer.lookup("k")
    assert (found.value, found.tier, found.ttl_left) == ([2], outer.stats().tiers[1].name, pytest.approx(10))
    assert await outer.get_or_set("new", lambda: {"made": True}) == {"made": True}
    assert await inner.get("new") == {"made": True}
    assert await outer.get_many(["k", "new", "absent"]) == {"k": [2], "new": {"made": True}}
    await outer.aclose()
    assert store.closed == 1


async def test_a_nested_cache_that_cannot_keep_a_value_skips_it(flavour):
    inner = flavour.cache(flavour.store(), serializer=JsonSerializer())
    outer = flavour.cache(flavour.memory(), inner)
    await outer.set("k", (1, 2))
    assert await outer.get("k") == (1, 2)
    assert await inner.get("k") is None
    assert outer.stats().tiers[1].skipped == 1


async def test_describe_says_what_each_tier_does(flavour):
    cache = flavour.cache(
        flavour.memory(), Tier(backend=flavour.store(), name="store", max_ttl=60), policy=Policy(ttl=60, jitter=0.1)
    )
    first, abandoned, memory, store = cache.describe().splitlines()
    assert first.endswith("TieredCache: values are fresh for 60 s, each for up to 10% less (jitter)")
    assert abandoned.startswith("   a load that nobody waits for is ")
    assert memory.startswith("1. memory: ")
    assert "mutable values apart" in memory
    assert store.startswith("2. store: ")
    assert "keeps a value 60 s at most" in store


def test_wrong_wiring_is_refused(flavour):
    memory, store = flavour.memory(), flavour.store()
    other = flavour.is_async
    from aicache_memory import MemoryBackend, SyncMemoryBackend

    cases = [
        ([], "give at least one backend"),
        (["redis://localhost"], "open it first"),
        ([type(memory)], "takes backend objects, got the class"),
        ([object()], "object is no backend: it has no get, set, delete"),
        ([SyncMemoryBackend() if other else MemoryBackend()], "is (a sync|an async) backend and"),
        ([store, memory], "it would never be faster; put it first"),
        ([store, store], "is there twice"),
        ([Tier(backend=memory, name="x"), Tier(backend=store, name="x")], "two tiers are named 'x'"),
        ([Tier(backend=memory, timeout=1.0)], "leave its timeout out"),
        ([Tier(backend=store, read=False)], "has none that reads"),
        ([Tier(backend=store, write=False)], "nothing would ever be stored"),
    ]
    for tiers, message in cases:
        with pytest.raises(ConfigurationError, match=message):
            flavour.cache(*tiers)
    with pytest.raises(ConfigurationError, match="no tier keeps a value longer than max_ttl=60 s"):
        flavour.cache(Tier(backend=store, max_ttl=60), policy=Policy(ttl=61))
    with pytest.raises(ConfigurationError, match="not both"):
        flavour.cache(store, codec=codec, serializer=JsonSerializer())


def test_a_cache_of_the_other_flavour_is_no_tier(flavour):
    from aicache import SyncTieredCache, TieredCache

    mine, other = (TieredCache, SyncTieredCache) if flavour.is_async else (SyncTieredCache, TieredCache)
    with pytest.raises(ConfigurationError, match="use its twin"):
        mine([other([(flavour.__class__(not flavour.is_async, flavour.clock)).memory()])])


async def test_a_part_of_a_cache_uses_only_the_tiers_it_names(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, Tier(backend=store, name="store"))
    part = flavour.part(cache, "store")
    await part.set("k", ["large"])
    assert memory.peek("k") is None
    assert kept(store, "k") == ["large"]
    assert await part.get("k") == ["large"]
    assert memory.peek("k") is None
    assert [tier.hits for tier in part.stats().tiers] == [1]
    assert await cache.get("k") == ["large"]
    assert memory.peek("k") is not None
    assert cache.stats().hits == 2


async def test_a_part_is_closed_with_its_cache_and_not_the_other_way_round(flavour):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), Tier(backend=store, name="store"))
    first, second = flavour.part(cache, "store"), flavour.part(cache, "memory")
    await first.aclose()
    assert store.closed == 0
    await first.set("k", 1)
    await cache.aclose()
    assert store.closed == 1
    for part in (first, second):
        with pytest.raises(ClosedError):
            await part.get("k")
        with pytest.raises(ClosedError):
            await part.set("k", 1)


def test_a_part_of_tiers_that_are_not_there_is_refused(flavour):
    cache = flavour.cache(flavour.memory(), Tier(backend=flavour.store(), name="archive", read=False))
    with pytest.raises(ConfigurationError, match="no tier is named 'disk'; there are memory, archive"):
        flavour.part(cache, "disk")
    with pytest.raises(ConfigurationError, match="none of the tiers"):
        flavour.part(cache, "archive")
