"""A tier that reads replicas hands out what they have, and nothing keeps it or is made of it."""

from __future__ import annotations

import pytest

from aicache import NotModified, Policy, Tier, TieredCache, previous
from aicache.errors import BackendUnavailableError
from aicache.protocols import ReadsReplicas, supports
from aicache.testing import FakeClock, SharedStore
from aicache_memory import MemoryBackend

from .waiting import settle


class Replicated(SharedStore):
    """A master, and a replica that may be `behind`: as it was when `part` was called."""

    reads_replicas = True
    behind = None
    fail = None
    reads = 0

    def part(self):
        self.behind = self.shelf.found(self.shelf.listed())

    async def get_with_ttl(self, keys, *, from_master=False):
        if from_master or self.behind is None:
            return await super().get_with_ttl(keys)
        self.reads += 1
        if self.fail is not None:
            raise self.fail
        return {key: self.behind[key] for key in keys if key in self.behind}

    async def lease(self, keys, **options):
        if self.fail is not None:
            raise self.fail
        return await super().lease(keys, **options)


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def store(clock):
    return Replicated(clock=clock)


@pytest.fixture
def memory(clock):
    return MemoryBackend(clock=clock)


@pytest.fixture
def policy():
    return Policy(ttl=100)


@pytest.fixture
async def cache(store, memory, clock, policy):
    """Memory above the store."""
    async with TieredCache([memory, store], policy=policy, clock=clock, wall_clock=clock) as made:
        yield made


@pytest.fixture
async def alone(store, clock, policy):
    """The store alone."""
    async with TieredCache([store], policy=policy, clock=clock, wall_clock=clock) as made:
        yield made


@pytest.fixture
async def other(store, clock, policy):
    """Another process, which reads the master."""
    shared = SharedStore(clock=clock, shelf=store.shelf)
    async with TieredCache([shared], policy=policy, clock=clock, wall_clock=clock) as made:
        yield made


def fails():
    raise RuntimeError("no provider")


def never():
    raise AssertionError("there is a value")


def test_it_is_a_capability_that_needs_leases(store, clock):
    assert supports(store, ReadsReplicas)
    assert not supports(SharedStore(clock=clock), ReadsReplicas)


@pytest.mark.parametrize("read", ["get", "lookup", "get_many"])
async def test_memory_keeps_nothing_that_a_replica_has_said(cache, other, store, memory, read):
    await other.set("k", "old")
    store.part()
    await other.set("k", "new")
    found = await {
        "get": lambda: cache.get("k"),
        "lookup": lambda: cache.lookup("k"),
        "get_many": lambda: cache.get_many(["k"]),
    }[read]()
    assert found in ("old", {"k": "old"}) or found.value == "old"
    assert memory.peek("k") is None
    store.behind = None
    assert await cache.get("k") == "new"
    assert cache.stats().tiers[1].promotions == 0


@pytest.mark.parametrize("many", [False, True])
async def test_what_memory_may_keep_is_asked_of_the_master(cache, other, store, memory, many):
    await other.set("k", "old")
    store.part()
    await other.set("k", "new")
    found = await (cache.get_or_set_many(["k"], never) if many else cache.get_or_set("k", never))
    assert found in ("new", {"k": "new"})
    assert store.reads == 0
    assert memory.peek("k").value == "new"


async def test_a_cache_among_the_tiers_that_reads_replicas_is_not_copied_from(alone, other, store, memory, clock):
    async with TieredCache([memory, alone], clock=clock, wall_clock=clock) as outer:
        await other.set("k", "old")
        store.part()
        assert await outer.get("k") == "old"
        assert memory.peek("k") is None


@pytest.mark.parametrize("policy", [Policy(ttl=10, stale_if_error=100)])
async def test_nor_does_what_it_has_of_a_replica_stand_in_for_a_load(alone, other, store, clock, policy):
    async with TieredCache([alone], policy=policy, clock=clock, wall_clock=clock) as outer:
        await other.set("k", "old")
        store.part()
        clock.advance(11)
        store.behind = {"k": (store.behind["k"][0], 99.0)}
        with pytest.raises(RuntimeError, match="no provider"):
            await outer.get_or_set("k", fails)


@pytest.mark.parametrize("many", [False, True])
async def test_where_nothing_is_above_replicas_are_asked_first_and_their_answer_counts_once(alone, other, store, many):
    await other.set("k", "old")
    store.part()
    await other.set("k", "new")
    found = await (alone.get_or_set_many(["k"], never) if many else alone.get_or_set("k", never))
    assert found in ("old", {"k": "old"})
    stats = alone.stats()
    assert (stats.hits, stats.misses, stats.tiers[0].hits, stats.tiers[0].misses) == (1, 0, 1, 0)


@pytest.mark.parametrize("many", [False, True])
async def test_what_a_replica_has_not_heard_of_costs_no_load(alone, other, store, many):
    store.part()
    await other.set("k", "new")
    found = await (alone.get_or_set_many(["k"], never) if many else alone.get_or_set("k", never))
    assert found in ("new", {"k": "new"})
    stats = alone.stats()
    assert (stats.hits, stats.misses, stats.tiers[0].hits, stats.tiers[0].misses) == (1, 0, 1, 0)


async def test_a_load_is_stored_under_a_lease_as_ever(alone, other, store):
    store.part()

    async def overtaken():
        await other.delete("k")
        return "old"

    assert await alone.get_or_set("k", overtaken) == "old"
    assert await other.get("k") is None
    assert alone.stats().overtaken == 1


async def test_an_invalidated_tag_is_over_whatever_replicas_have(alone, other, store):
    await other.set("k", "old", tags=["t"])
    store.part()
    assert await alone.get("k") == "old"
    await other.invalidate_tags("t")
    assert await alone.get("k") is None
    assert await alone.get_many(["k"]) == {}
    assert await alone.get_or_set("k", lambda: "made", tags=["t"]) == "made"


@pytest.mark.parametrize("policy", [Policy(ttl=10, stale_if_error=100)])
async def test_what_stands_in_for_a_load_that_failed_is_the_masters(alone, other, store, clock):
    await other.set("k", "old")
    store.part()
    clock.advance(11)
    store.behind = {"k": (store.behind["k"][0], 99.0)}
    await other.delete("k")
    with pytest.raises(RuntimeError, match="no provider"):
        await alone.get_or_set("k", fails)


@pytest.mark.parametrize("policy", [Policy(ttl=100, refresh_ahead=0.1)])
async def test_what_is_made_anew_ahead_of_its_end_is_made_from_what_the_master_has(alone, other, store, clock):
    await other.set("k", "old")
    clock.advance(50)
    store.part()
    await other.set("k", "new")
    seen = []

    def again():
        seen.append(previous().value)
        return NotModified()

    assert await alone.get_or_set("k", again) == "old"
    await settle()
    assert seen == ["new"]
    assert await other.get("k") == "new"


@pytest.mark.parametrize("policy", [Policy(ttl=100, stale_if_error=100)])
@pytest.mark.parametrize("verb", ["expire", "touch"])
async def test_a_new_life_is_given_to_what_the_master_has(alone, other, store, verb):
    await other.set("k", "old")
    store.part()
    await other.set("k", "new")
    assert await (alone.expire("k") if verb == "expire" else alone.touch("k", 50))
    store.behind = None
    assert await alone.get_or_set("k", fails) == "new"


async def test_a_store_that_is_away_is_waited_for_once(alone, store):
    store.part()
    store.fail = BackendUnavailableError("gone")
    assert await alone.get_or_set("k", lambda: "made") == "made"
    assert (store.reads, alone.stats().tiers[0].errors) == (1, 1)
    assert await store.get_with_ttl(["k"], from_master=True) == {}


async def test_it_is_said_and_can_be_checked(cache, store):
    assert "reads replicas, of which the tiers above keep no copies" in cache.describe()
    store.part()  # which then knows of nothing that is stored
    assert (await cache.check()).ok
    assert await cache.health() == {"memory": True, "replicated": True}
    store.fail = BackendUnavailableError("no replica answers")
    assert "no replica answers" in (await cache.check()).steps["get"]


async def test_one_that_could_but_does_not_is_as_any_other(store, other, memory, clock):
    store.reads_replicas = False
    async with TieredCache([Tier(backend=memory), store], clock=clock, wall_clock=clock) as cache:
        await other.set("k", "v")
        assert await cache.get("k") == "v"
        assert memory.peek("k").value == "v"
        assert "replicas" not in cache.describe()
