"""What an observer is told, in both flavours."""

from __future__ import annotations

import threading

import pytest

from aicache import Policy, Skip, SyncTieredCache, Tier
from aicache.options import Breaker
from aicache_memory import SyncMemoryBackend


class Heard(list):
    """An observer that keeps what it is told."""

    def __call__(self, event):
        self.append(event)

    def kinds(self):
        return [event.kind for event in self]

    def of(self, kind):
        return [event for event in self if event.kind == kind]

    def taken(self):
        """What was heard since the last time, as short texts."""
        said = [" ".join(str(part) for part in event[:4] if part is not None) for event in self]
        self.clear()
        return said


@pytest.fixture
def heard():
    return Heard()


async def test_a_key_is_followed_from_its_load_to_its_end(flavour, heard):
    cache = flavour.cache(flavour.memory(), flavour.big_store(), observers=[heard], policy=Policy(ttl=60))
    memory, store = [tier.name for tier in cache.stats().tiers]
    assert await cache.get_or_set("k", lambda: [1]) == [1]
    assert heard[-3].seconds >= 0
    assert heard.taken() == [
        f"miss k {memory}: absent; {store}: absent",
        "load k",
        f"store k {store}",
        f"store k {memory}",
    ]
    await cache.get("k")
    await cache.lookup("k")
    await cache.get_or_set("k", lambda: [2])
    assert heard.taken() == [f"hit k {memory}"] * 3
    await cache.delete("k")
    await cache.get("k")
    assert heard.taken() == ["invalidate k", f"miss k {memory}: absent; {store}: absent"]
    assert cache.stats().invalidations == 1


async def test_a_promotion_is_told_as_one(flavour, heard):
    memory, store = flavour.memory(), flavour.big_store()
    await flavour.cache(store).set("k", 1)
    cache = flavour.cache(memory, store, observers=[heard])
    await cache.get("k")
    first, second = [tier.name for tier in cache.stats().tiers]
    assert heard.taken() == [f"hit k {second}", f"store k {first} promotion"]


async def test_many_keys_are_one_event_for_each_kind_and_tier(flavour, heard):
    cache = flavour.cache(flavour.memory(), observers=[heard])
    await cache.set_many({"a": 1, "b": 2})
    await cache.get_many(["a", "b", "c"])
    await cache.delete_many(["a", "b"])
    assert [(event.kind, event.key, event.number) for event in heard] == [
        ("store", None, 2),
        ("hit", None, 2),
        ("miss", "c", 1),
        ("invalidate", None, 2),
    ]
    heard.clear()
    await cache.delete_prefix("a")
    await cache.clear()
    assert [(event.kind, event.key, event.reason) for event in heard] == [
        ("invalidate", "a", "prefix"),
        ("invalidate", "", "clear"),
    ]


async def test_what_is_stale_skipped_evicted_and_raised_is_told(flavour, clock, heard):
    memory = flavour.memory(max_entries=2)
    cache = flavour.cache(memory, observers=[heard], policy=Policy(ttl=60, stale_if_error=600))
    name = cache.stats().tiers[0].name
    await cache.set("k", "old")
    clock.advance(61)
    heard.clear()

    def down():
        raise ConnectionError

    await cache.get_or_set("k", down)
    (load,), (stale,) = heard.of("load"), heard.of("stale")
    assert (load.reason, stale.tier, stale.seconds) == ("ConnectionError", name, pytest.approx(1))
    heard.clear()
    await cache.get_or_set("partial", lambda: Skip("cut", "truncated"))
    assert [event.reason for event in heard.of("skip")] == ["truncated"]
    for number in range(5):
        await cache.set(f"k{number}", number)
    assert len(heard.of("evict")) == cache.stats().tiers[0].evictions == 4
    assert heard.of("evict")[0].tier == name


async def test_a_tier_that_goes_and_comes_is_told(flavour, clock, heard):
    store = flavour.big_store()
    tier = Tier(backend=store, name="store", breaker=Breaker(failures=2, backoff=0.5))
    cache = flavour.cache(tier, observers=[heard])
    store.fail = ConnectionError("gone")
    for _ in range(3):
        await cache.get("k")
    assert [event.kind for event in heard if event.tier == "store"] == ["error", "error", "tier_down"]
    store.fail = None
    clock.advance(60)
    heard.clear()
    await cache.get("k")
    assert heard.kinds()[0] == "tier_up"


async def test_bytes_that_are_refused_are_told_with_the_reason(flavour, heard):
    store = flavour.store()
    cache = flavour.cache(Tier(backend=store, name="store"), observers=[heard])
    store.data["k"] = (b"no envelope", None)
    await cache.get("k")
    assert heard.taken() == ["refused k store truncated", "miss k store: refused (truncated)"]


async def test_an_observer_that_raises_harms_nobody_and_is_logged_once(flavour, heard, caplog):
    def broken(event):
        raise ValueError("an observer's own mistake")

    cache = flavour.cache(flavour.memory(), observers=[broken, heard])
    await cache.set("k", 1)
    assert await cache.get("k") == 1
    assert heard.kinds() == ["store", "hit"]
    assert len([record for record in caplog.records if "observer" in record.message]) == 1


async def test_an_observer_may_use_the_cache_when_something_is_evicted(flavour):
    done = []

    def reading(event):
        if event.kind == "evict":
            inner = memory._store
            done.append(inner._lock.acquire(timeout=0) and (inner._lock.release(), event.key)[1])

    memory = flavour.memory(max_entries=1)
    cache = flavour.cache(memory, observers=[reading])
    for number in range(3):
        await cache.set(f"k{number}", number)
    assert done == ["k0", "k1"]


def test_joins_and_refreshes_are_told(clock, heard):
    gate = threading.Event()
    policy = Policy(ttl=60, refresh_ahead=0.5)
    cache = SyncTieredCache([SyncMemoryBackend(clock=clock)], observers=[heard], policy=policy, clock=clock)
    threads = [
        threading.Thread(target=cache.get_or_set, args=("k", lambda: gate.wait(30) and "value")) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while cache.stats().joins < 2:
        gate.wait(0.001)
    gate.set()
    for thread in threads:
        thread.join(30)
    assert len(heard.of("join")) == 2
    clock.advance(40)
    cache.get_or_set("k", lambda: "new")
    for thread in tuple(cache._flights._threads):
        thread.join(30)
    assert len(heard.of("refresh")) == 1


async def test_whatever_is_told_is_counted_too(flavour, clock, heard):
    """The sums of what an observer hears are those of `stats()`, kind by kind; no kind is told and not counted."""
    store = flavour.big_store()
    breaker = Breaker(failures=2, backoff=0.5)
    cache = flavour.cache(
        flavour.memory(max_entries=3),
        Tier(backend=store, name="store", breaker=breaker, max_bytes=1000),
        observers=[heard],
        policy=Policy(ttl=60, stale_if_error=600, stale_while_revalidate=30, throttle=0),
    )

    def down():
        raise ConnectionError

    for number in range(5):
        await cache.get_or_set(f"k{number}", lambda: 1)
    await cache.get_many([f"k{number}" for number in range(9)])
    await cache.set("large", "x" * 2000)
    await cache.get_or_set("partial", lambda: Skip("cut", "truncated"))
    await cache.get_or_set("odd", object)
    clock.advance(100)
    await cache.get_or_set("k4", down)  # stale, as the load fails
    await cache.touch("k4")
    await cache.set("k4", 2)
    await cache.expire("k4")
    await cache.delete_many(["k1", "k2"])
    store.data["foreign"] = (b"no envelope", None)
    await cache.get("foreign")
    store.fail = ConnectionError("gone")
    for number in range(3):
        await cache.get(f"absent {number}")
    store.fail = None
    clock.advance(60)
    await cache.get("absent")

    told = {kind: sum(event.number for event in heard.of(kind)) for kind in heard.kinds()}
    stats = cache.stats()
    tiers = stats.tiers
    counted = {
        "hit": stats.hits,
        "miss": stats.misses,
        "stale": stats.stale,
        "load": stats.loads,
        "store": sum(tier.writes for tier in tiers),
        "skip": sum(stats.skips.values()) + stats.unserializable + sum(tier.skipped for tier in tiers),
        "evict": sum(tier.evictions for tier in tiers),
        "invalidate": stats.invalidations,
        "error": sum(tier.errors + tier.timeouts for tier in tiers),
        "tier_down": sum(tier.downs for tier in tiers),
        "tier_up": sum(tier.ups for tier in tiers),
        "refused": sum(sum(tier.refused.values()) for tier in tiers),
    }
    assert told == counted
    assert all(counted.values())


def test_every_kind_of_event_is_documented_and_in_a_test():
    from pathlib import Path

    root = Path(__file__).parents[2]
    kinds = {line.split()[0] for line in (root / "aicache/_kernel/events.py").read_text().splitlines()[3:19]}
    assert {"hit", "dropped", "reclaim", "tier_up"} <= kinds
    page = (root / "docs/how-to/observe.md").read_text(encoding="utf-8")
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
