"""The memory backend's bounds, eviction and expiry, checked on its inside."""

from __future__ import annotations

import gc
import math
import threading
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import SyncTieredCache
from aicache.errors import ClosedError, ConfigurationError, InvalidTypeError
from aicache.testing import FakeClock
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_memory._entry import ends_of


def put(memory, key, value="v", *, size=1, ttl=None):
    return memory.put(key, value, thaw=None, size=size, created=0.0, ttl=ttl)


def ring(first, following, preceding):
    """The places of a ring, from the first after the one that closes it."""
    found, place = [], following[first]
    while place != first:
        assert preceding[following[place]] == place
        found.append(place)
        place = following[place]
    assert following[preceding[first]] == first
    return found


def check(memory):
    """The structure holds together: queues, tables, rings, places and sums say the same."""
    store = memory._store
    places, eviction, expiry = store._places, store._eviction, store._expiry
    kept = dict(store.snapshot())
    at = {entry[3]: key for key, entry in kept.items()}
    assert len(at) == len(kept) == len(store) == len(store.tables) == eviction.count
    assert all(places.keys[place] == key for place, key in at.items())

    queued = []
    for number, (closing, term) in eviction._queues.items():
        queue = ring(closing, places.newer, places.older)
        assert term == 2.0 ** (number / 4)
        assert places.priorities[closing] == math.inf
        priorities = [places.priorities[place] for place in queue]
        assert priorities == sorted(priorities)
        queued += queue
    assert sorted(queued) == sorted(at)
    assert eviction.proven == sum(places.frequencies[place] > 0 for place in at)
    assert sorted(number for _, number in eviction._heads) == sorted(eviction._queues)
    for priority, number in eviction._heads:
        closing, _ = eviction._queues[number]
        assert priority <= places.priorities[places.newer[closing]]

    ending = [place for closing in expiry.rings.values() for place in ring(closing, places.later, places.sooner)]
    assert sorted(ending) == sorted(place for place, key in at.items() if ends_of(kept[key]) is not None)
    for place in ending:
        assert places.ends[place] == ends_of(kept[at[place]])
    assert sorted(expiry.heap) == sorted(expiry.rings)
    assert expiry.first == min(expiry.heap, default=math.inf)

    free, place = [], places.free
    while place:
        free.append(place)
        assert places.keys[place] == ""
        place = places.newer[place]
    closing = [place for place, _ in eviction._queues.values()] + list(expiry.rings.values())
    assert sorted([0, *free, *closing, *at]) == list(range(len(places.keys)))
    assert len(places.hits) >= len(places.keys) == len(places.sizes) == len(places.older) == len(places.newer)
    assert store.bytes == sum(places.sizes[place] for place in at)
    assert store.max_entries is None or len(kept) <= store.max_entries
    assert store.max_bytes is None or store.bytes <= store.max_bytes


@given(st.data())
def test_the_bounds_hold_and_the_structure_with_them(data):
    clock = FakeClock()
    memory = SyncMemoryBackend(data.draw(st.integers(1, 8)), data.draw(st.integers(10, 60)), clock=clock)
    alive = {}
    for _ in range(data.draw(st.integers(0, 60))):
        key = data.draw(st.sampled_from("abcdefghij"))
        match data.draw(st.sampled_from(["put", "set", "peek", "get", "drop", "advance", "purge", "clear"])):
            case "put":
                size, ttl = data.draw(st.integers(0, 70)), data.draw(st.sampled_from([None, 0.1, 3.0, 500.0]))
                kept = put(memory, key, size, size=size, ttl=ttl)
                assert kept == (size + 1 <= memory._store.max_bytes)
                alive.pop(key, None)
                if kept:
                    alive[key] = ("live", size, None if ttl is None else clock() + ttl)
                    assert memory.peek(key).value == size
            case "set":
                value = bytes(data.draw(st.integers(0, 8)))
                memory.set(key, value)
                alive[key] = ("raw", value, None)
                assert memory.get(key) == value
            case "peek":
                entry, known = memory.peek(key), alive.get(key)
                assert entry is None or (known[:2] == ("live", entry.value) and (known[2] or clock() + 1) > clock())
            case "get":
                value, known = memory.get(key), alive.get(key)
                assert value is None or known[:2] == ("raw", value)
            case "drop":
                memory.drop(key)
                alive.pop(key, None)
                assert memory.peek(key) is memory.get(key) is None
            case "advance":
                clock.advance(data.draw(st.floats(0, 10)))
            case "purge":
                memory.purge()
                ends = [ends_of(kept) for _, kept in memory._store.snapshot()]
                late = [clock() - end for end in ends if end is not None]
                assert all(seconds <= 500 / 32 for seconds in late)  # an interval is a 32nd of the ttl at most
            case "clear":
                memory.clear()
                alive.clear()
        check(memory)


def test_an_entry_lives_to_its_end_and_no_longer():
    clock = FakeClock()
    memory = SyncMemoryBackend(clock=clock)
    put(memory, "k", ttl=10)
    clock.advance(9.999)
    assert memory.peek("k")
    clock.advance(0.001)
    assert memory.peek("k") is None
    assert len(memory) == 0
    check(memory)


def test_expired_entries_are_reclaimed_by_writes():
    clock = FakeClock()
    memory = SyncMemoryBackend(None, 2**30, clock=clock)
    most = 0
    for at in range(20_000):
        put(memory, str(at), ttl=5)
        clock.advance(0.001)
        most = max(most, len(memory))
    assert most <= 5_000 * 1.05
    clock.advance(10)
    held = len(memory)
    assert memory.purge() == held
    assert len(memory) == 0
    check(memory)


def test_a_long_ttl_does_not_pin_what_was_deleted_or_evicted():
    memory = SyncMemoryBackend(100)
    for at in range(10_000):
        put(memory, str(at), ttl=30 * 86_400)
        if at % 2:
            memory.drop(str(at))
    assert len(memory) <= 100
    check(memory)


def test_what_is_let_go_of_is_freed_at_once():
    class Thing:
        pass

    memory = SyncMemoryBackend(copy="live")
    thing = Thing()
    seen = weakref.ref(thing)
    put(memory, "k", thing)
    del thing
    put(memory, "k", "other")
    gc.collect()
    assert seen() is None


def test_a_value_larger_than_the_bound_leaves_nothing():
    memory = SyncMemoryBackend(None, 10)
    put(memory, "k", "small", size=5)
    assert not put(memory, "k", "large", size=10)
    assert memory.peek("k") is None
    assert put(memory, "k", "fits", size=9)


def test_overwriting_with_a_larger_value_evicts():
    memory = SyncMemoryBackend(None, 30)
    for key in "abc":
        put(memory, key, size=9)
    put(memory, "c", size=25)
    assert [key for key in "abc" if memory.peek(key)] == ["c"]
    assert memory.evictions == 2


def test_a_hit_takes_no_lock():
    memory = SyncMemoryBackend()
    put(memory, "k")
    answers = []
    with memory._store._lock:
        thread = threading.Thread(target=lambda: answers.append(memory.peek("k").value))
        thread.start()
        thread.join(10)
    assert answers == ["v"]


def test_live_and_raw_entries_do_not_see_each_other():
    memory = SyncMemoryBackend()
    put(memory, "k", "live")
    assert memory.get("k") is None
    memory.set("k", b"raw")
    assert memory.peek("k") is None
    assert memory.get("k") == b"raw"
    assert len(memory) == 1


@pytest.mark.parametrize("kind", [MemoryBackend, SyncMemoryBackend])
def test_bounds_that_make_no_sense_are_refused(kind):
    for options in ({"max_entries": 0}, {"max_bytes": -1}, {"max_entries": True}, {"max_bytes": 1.5}, {"copy": "deep"}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            kind(**options)
    with pytest.raises(ConfigurationError, match="grow for ever"):
        kind(max_entries=None, max_bytes=None)


@pytest.mark.parametrize("kind", [MemoryBackend, SyncMemoryBackend])
def test_it_can_be_built_from_a_url(kind):
    memory = kind.from_url("memory://?max_entries=7&copy=live", max_bytes=None)
    assert (memory._store.max_entries, memory._store.max_bytes, memory.isolates) == (7, None, False)
    for url, message in (("memory://?max_entries=x", "whole number"), ("memory://?size=1", "unknown option 'size'")):
        with pytest.raises(ConfigurationError, match=message):
            kind.from_url(url)


def test_only_bytes_can_be_set():
    with pytest.raises(InvalidTypeError, match="value must be bytes"):
        SyncMemoryBackend().set("k", "text")


def test_a_closed_one_says_so():
    memory = SyncMemoryBackend()
    memory.close()
    memory.close()
    for call in (
        lambda: memory.peek("k"),
        lambda: put(memory, "k"),
        lambda: memory.drop("k"),
        lambda: memory.get("k"),
        lambda: list(memory.scan()),
        memory.clear,
    ):
        with pytest.raises(ClosedError):
            call()


def test_readers_and_writers_in_threads_leave_the_structure_whole():
    memory = SyncMemoryBackend(50, 3_000)

    def work(seed):
        for at in range(3_000):
            key = str((at * seed) % 97)
            entry = memory.peek(key)
            assert entry is None or entry.value == key
            if at % 3 == 0:
                put(memory, key, key, size=at % 90, ttl=None if at % 2 else 0.001)
            elif at % 7 == 0:
                memory.drop(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check(memory)


def test_a_table_that_is_looked_into_is_the_same_for_ever_and_empty_once_closed():
    memory = SyncMemoryBackend(clock=FakeClock())
    look = memory.lookup
    assert look("k") is None
    memory.put("k", "v", thaw=None, size=1, created=0.0, ttl=None)
    assert look("k")[0] == memory.peek("k").value == "v"
    memory.clear()
    assert look("k") is None
    memory.put("k", "v", thaw=None, size=1, created=0.0, ttl=None)
    memory.close()
    assert look("k") is None
    with pytest.raises(ClosedError):
        memory.peek("k")


def test_a_hit_through_the_table_counts_as_a_use():
    with SyncTieredCache([SyncMemoryBackend(max_entries=2)]) as cache:
        (memory,) = cache.backends().values()
        cache.set("used", 1)
        for _ in range(9):
            assert cache.get("used") == 1
        assert memory.hits[memory.lookup("used")[3]] == 7
        for number in range(20):
            cache.set(f"k{number}", number)
        assert cache.get("used") == 1
