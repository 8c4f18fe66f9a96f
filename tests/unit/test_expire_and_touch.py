"""`expire` ends a value's freshness and keeps it for when it may be served stale; `touch` gives it a new life."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Policy, Tier, TieredCache
from aicache.errors import ClosedError, InvalidArgumentError, InvalidTypeError
from aicache.testing import FaultyBackend
from aicache.testing.faults import Fail
from aicache_memory import MemoryBackend

from .waiting import SlowStore

POLICY = Policy(ttl=60, stale_if_error=600, throttle=0)
KINDS = ["memory", "store", "big_store", "memory over store", "memory over big_store", "nested", "nested over store"]


class DownError(Exception):
    """The provider is down."""


def down():
    raise DownError


@pytest.fixture(params=KINDS)
def made(request, flavour):
    """Makes a cache with one policy over one kind of tier or two."""

    def make(policy=POLICY):
        kinds = {"nested": lambda: flavour.cache(flavour.memory(), flavour.big_store(), policy=policy)}
        tiers = [kinds.get(kind, getattr(flavour, kind, None))() for kind in request.param.split(" over ")]
        return flavour.cache(*tiers, policy=policy)

    return make


async def test_what_was_expired_is_a_miss_and_may_be_served_stale(made, clock):
    cache = made()
    await cache.set("k", ["old"])
    clock.advance(10)
    assert await cache.expire("k") is True
    assert await cache.get("k", "miss") == "miss"
    assert await cache.get_many(["k"]) == {}
    said = await cache.lookup_or_set("k", down)
    assert (said.value, said.stale) == (["old"], True)
    assert said.ttl_left == pytest.approx(0, abs=0.01)
    clock.advance(599)
    assert (await cache.lookup_or_set("k", down)).value == ["old"]
    clock.advance(2)
    with pytest.raises(DownError):
        await cache.get_or_set("k", down)


async def test_a_load_after_it_is_fresh(made):
    cache = made()
    await cache.set("k", ["old"])
    await cache.expire("k")
    assert await cache.get_or_set("k", lambda: ["new"]) == ["new"]
    assert await cache.get("k") == ["new"]


async def test_what_has_no_time_to_be_stale_is_forgotten(made):
    cache = made(Policy(ttl=60))
    await cache.set("k", 1)
    assert await cache.expire("k") is True
    assert await cache.get("k", "miss") == "miss"
    with pytest.raises(DownError):
        await cache.get_or_set("k", down)


async def test_what_has_no_expiry_is_kept_for_as_long_as_the_policy_says(made, clock):
    cache = made()
    await cache.set("k", 1, ttl=None)
    clock.advance(10_000)
    assert await cache.expire("k") is True
    assert (await cache.lookup_or_set("k", down)).stale
    clock.advance(601)
    with pytest.raises(DownError):
        await cache.get_or_set("k", down)


async def test_it_says_whether_there_was_something_fresh(made, clock):
    cache = made()
    assert await cache.expire("absent") is False
    await cache.set("k", 1)
    assert await cache.expire("k") is True
    assert await cache.expire("k") is False
    await cache.set("l", 1)
    clock.advance(61)
    assert await cache.expire("l") is False
    clock.advance(500)
    assert (await cache.lookup_or_set("l", down)).stale  # its time to be stale has not begun anew
    clock.advance(100)
    with pytest.raises(DownError):
        await cache.get_or_set("l", down)


async def test_it_does_not_count_as_a_look_up(made):
    cache = made()
    await cache.set("k", 1)
    await cache.touch("k")
    await cache.expire("k")
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.invalidations) == (0, 0, 1)


async def test_a_value_is_touched_in_every_tier_that_has_it(made, clock):
    cache = made()
    await cache.set("k", ["v"])
    clock.advance(59)
    assert await cache.touch("k", 100) is True
    clock.advance(99)
    found = await cache.lookup("k")
    assert (found.value, found.ttl_left) == (["v"], pytest.approx(1))
    assert found.age == pytest.approx(158, abs=0.01)
    clock.advance(2)
    assert await cache.get("k", "miss") == "miss"
    assert (await cache.lookup_or_set("k", down)).stale


async def test_a_touch_without_a_ttl_takes_the_policys_and_none_is_no_expiry(made, clock):
    cache = made()
    await cache.set("k", 1)
    clock.advance(59)
    assert await cache.touch("k")
    clock.advance(59)
    assert await cache.get("k") == 1
    assert await cache.touch("k", None)
    clock.advance(10**6)
    assert await cache.get("k") == 1


async def test_what_is_absent_or_stale_is_not_touched(made, clock):
    cache = made()
    assert await cache.touch("absent", 60) is False
    await cache.set("k", 1)
    clock.advance(61)
    assert await cache.touch("k", 60) is False
    assert await cache.get("k", "miss") == "miss"
    await cache.set("l", 1)
    await cache.expire("l")
    assert await cache.touch("l", 60) is False
    assert await cache.get("l", "miss") == "miss"


async def test_a_touch_promotes_nothing_and_takes_the_last_tiers_word(flavour, clock):
    memory, store = flavour.memory(), flavour.big_store()
    cache = flavour.cache(memory, store, policy=POLICY)
    await flavour.cache(store).set("k", "theirs", ttl=60)  # as another process does
    assert await cache.touch("k", 100)
    assert memory.peek("k") is None
    await cache.get("k")
    assert memory.peek("k").value == "theirs"
    await flavour.cache(store).set("k", "newer", ttl=60)
    assert await cache.touch("k", 100)
    assert memory.peek("k").value == "newer"


async def test_a_tier_that_is_not_written_is_expired_by_deletion_and_not_touched(flavour, clock):
    store = flavour.store()
    await flavour.cache(store).set("k", 1, ttl=60)
    cache = flavour.cache(flavour.memory(), Tier(backend=store, write=False), policy=POLICY)
    assert await cache.touch("k", 100)
    assert store.left("k") == 60
    assert await cache.expire("k")
    assert store.data == {}


async def test_what_cannot_be_expired_is_forgotten_once_the_tier_is_back(flavour, clock):
    inner = flavour.big_store()
    store = FaultyBackend(inner, lambda *_: fault[0]) if flavour.is_async else None
    fault = [None]
    if store is None:
        from aicache.testing import SyncFaultyBackend

        store = SyncFaultyBackend(inner, lambda *_: fault[0])
    cache = flavour.cache(store, policy=POLICY)
    await cache.set("k", 1)
    fault[0] = Fail(ConnectionError("away"))
    assert await cache.expire("k") is False
    fault[0] = None
    assert await cache.get("k", "miss") == "miss"  # not believed
    for _ in range(100):
        await cache.get("other")
        await asyncio.sleep(0)
    assert (inner.data, cache.stats().tiers[0].pending) == ({}, 0)


async def test_it_is_told(flavour):
    heard = []
    cache = flavour.cache(flavour.memory(), policy=POLICY, observers=[heard.append])
    await cache.set("k", 1)
    heard.clear()
    await cache.touch("k")
    await cache.expire("k")
    assert [(event.kind, event.key, event.reason) for event in heard] == [
        ("store", "k", "touch"),
        ("invalidate", "k", "expire"),
    ]


@pytest.mark.parametrize("verb", ["expire", "touch"])
async def test_bad_keys_and_ttls_are_refused_and_so_is_a_closed_cache(flavour, verb):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidTypeError):
        await getattr(cache, verb)(3)
    with pytest.raises(InvalidArgumentError):
        await getattr(cache, verb)("")
    with pytest.raises(InvalidArgumentError):
        await cache.touch("k", 0)
    await cache.aclose()
    with pytest.raises(ClosedError):
        await getattr(cache, verb)("k")


# -- nothing overtakes it


@pytest.fixture
async def slow():
    store = SlowStore()
    async with TieredCache([MemoryBackend(), Tier(backend=store, timeout=None)], policy=POLICY) as cache:
        yield cache, store


async def test_a_load_that_began_before_an_expiry_is_not_stored_after_it(slow):
    cache, _ = slow
    begun, gate = asyncio.Event(), asyncio.Event()

    async def factory():
        begun.set()
        await gate.wait()
        return "loaded before"

    loading = asyncio.create_task(cache.get_or_set("k", factory))
    await begun.wait()
    await cache.expire("k")
    gate.set()
    assert await loading == "loaded before"
    assert await cache.get("k", "miss") == "miss"


async def test_a_read_that_began_before_an_expiry_promotes_nothing_fresh_after_it(slow):
    cache, store = slow
    await cache.set("k", "old")
    cache._chain.drop(["k"])
    arrived, gate = store.hold("get", "after")
    reading = asyncio.create_task(cache.get("k"))
    await arrived.wait()
    await cache.expire("k")
    gate.set()
    assert await reading == "old"
    assert await cache.get("k", "miss") == "miss"


@pytest.mark.parametrize("verb", ["expire", "touch"])
@pytest.mark.parametrize("change", ["set", "delete"])
@pytest.mark.parametrize("when", [("get", "after"), ("set", "before"), ("set", "after")], ids=" ".join)
async def test_what_is_written_or_forgotten_meanwhile_is_not_undone(slow, verb, change, when):
    cache, store = slow
    await cache.set("k", "old")
    arrived, gate = store.hold(*when)
    acting = asyncio.create_task(getattr(cache, verb)("k"))
    await arrived.wait()
    changing = asyncio.create_task(cache.set("k", "new") if change == "set" else cache.delete("k"))
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(acting, changing)
    assert await cache.get("k") in (("new", None) if change == "set" else (None,))  # a miss is no wrong answer
    kept = await cache.lookup_or_set("k", lambda: "made anew")
    assert kept.value in ("new", "made anew")


@pytest.mark.parametrize("when", [("get", "before"), ("set", "before"), ("set", "after")], ids=" ".join)
async def test_a_cancelled_expiry_leaves_nothing_fresh(slow, when):
    cache, store = slow
    await cache.set("k", "old")
    arrived, _ = store.hold(*when)
    expiring = asyncio.create_task(cache.expire("k"))
    await arrived.wait()
    expiring.cancel()
    await asyncio.gather(expiring, return_exceptions=True)
    assert await cache.get("k", "miss") == "miss"


async def test_a_newer_value_is_never_held_back_by_a_touch(slow):
    cache, store = slow
    await cache.set("k", "old")
    arrived, gate = store.hold("get", "after")
    touching = asyncio.create_task(cache.touch("k", 1000))
    await arrived.wait()
    await cache.set("k", "new")
    gate.set()
    assert await touching is False
    assert await cache.get("k") == "new"
    assert store.kept("k") == "new"
