"""The memory backend's bounds, eviction and expiry, checked on its inside."""

from __future__ import annotations

import gc
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

from .memory_inside import check


def put(memory, key, value="v", *, size=1, ttl=None):
    return memory.put(key, value, thaw=None, size=size, created=0.0, ttl=ttl)


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


def test_what_was_deleted_leaves_nothing_inside():
    memory = SyncMemoryBackend(None, 2**34)
    for at in range(100_000):
        put(memory, str(at), ttl=30 * 86_400)
        memory.drop(str(at))
    store = memory._store
    assert len(memory) == memory._store.bytes == 0
    assert len(store._places.keys) + len(store._expiry.rings) + len(store._eviction._queues) < 200
    check(memory)


def test_the_collector_looks_at_no_entry():
    memory = SyncMemoryBackend(clock=FakeClock())
    for at in range(100):
        memory.put(str(at), "text", thaw=bytes.decode, size=1, created=at / 3, ttl=None, compressed=at % 2 == 0)
        memory.put(f"ends {at}", b"bytes", thaw=None, size=1, created=0.0, ttl=at / 3 + 1, stale=3.0)
        memory.set(f"raw {at}", b"bytes", ttl=at / 3 + 1)
    gc.collect()  # what is nested goes first, what it is nested in at the next
    gc.collect()
    assert not any(gc.is_tracked(kept) for _, kept in memory._store.snapshot())


def test_an_entry_says_by_name_what_was_put():
    clock = FakeClock()
    memory = SyncMemoryBackend(clock=clock)
    memory.put("k", b"v", thaw=bytes.decode, size=1, created=1.5, ttl=10.0, compressed=True, stale=5.0)
    entry = memory.peek("k")
    assert (entry.value, entry.thaw, entry.created, entry.compressed) == (b"v", bytes.decode, 1.5, True)
    assert (entry.expires - clock(), entry.ends - clock()) == (10.0, 15.0)
    clock.advance(10.0)
    assert memory.peek("k") is None
    assert memory.peek_stale("k").value == b"v"
    clock.advance(5.0)
    assert memory.peek_stale("k") is None


class Unhashable:
    __hash__ = None

    def __init__(self, number):
        self.number = number

    def __call__(self, value):
        return (self.number, value)


@pytest.mark.parametrize("kind", [lambda n: lambda value: (n, value), Unhashable])
def test_any_number_of_ways_to_make_a_value_can_be_kept(kind):
    memory = SyncMemoryBackend()
    thaws = [kind(number) for number in range(200)]
    for number, thaw in enumerate(thaws):
        memory.put(str(number), f"v{number}", thaw=thaw, size=1, created=0.0, ttl=None)
    for number, thaw in enumerate(thaws):
        value, form, _, _, _ = memory.lookup(str(number))
        assert memory.thaws[form](value) == (number, f"v{number}")
        entry = memory.peek(str(number))
        assert entry.value == f"v{number}"
        assert entry.thaw is thaw
    assert len(memory.thaws) <= 64


@pytest.mark.parametrize("most", [300_000, None])
def test_a_large_one_has_its_keys_in_many_tables(most):
    clock = FakeClock()
    memory = SyncMemoryBackend(most, clock=clock)
    for at in range(5_000):
        put(memory, str(at), at, ttl=5.0 if at % 2 else None)
        memory.set(f"raw {at}", b"raw")
    tables = list(memory._store.tables)
    assert len(tables) > 1
    assert all(tables)
    assert [memory.peek(str(at)).value for at in range(5_000)] == list(range(5_000))
    assert sum(memory.drop(str(at)) for at in range(0, 5_000, 2)) == 2_500
    clock.advance(6.0)
    assert memory.purge() == 2_500
    assert sorted(memory.scan()) == sorted(f"raw {at}" for at in range(5_000))
    check(memory)
    look = memory.lookup
    memory.clear()
    assert look("raw 7") is None
    check(memory)
    memory.close()
    assert look("raw 7") is None
    with pytest.raises(ClosedError):
        memory.peek("k")


def test_one_with_many_tables_evicts_from_all_of_them():
    memory = SyncMemoryBackend(None, 3_000)
    for at in range(5_000):
        put(memory, str(at % 700), size=9)
        memory.peek(str(at % 30))
    assert memory.evictions > 100
    check(memory)


def test_what_left_is_forgotten_when_all_is():
    memory = SyncMemoryBackend(10)
    for at in range(20):
        put(memory, str(at))
    assert memory._store._eviction.ghosts.recall("9") is not None
    memory.clear()
    assert memory._store._eviction.ghosts.recall("8") is None
    assert memory.evictions == 0


def test_a_reader_that_still_holds_an_entry_harms_nobody():
    memory = SyncMemoryBackend(8)
    for at in range(8):
        put(memory, str(at), at)
    held = [memory.lookup(str(at)) for at in range(8)]
    memory.clear()
    for kept in held:
        memory.hits[kept[3]] += 1  # as a reader does that looked it up just before
    for at in range(100):
        put(memory, str(at), at)
        assert memory.peek(str(at)).value == at
    assert [kept[0] for kept in held] == list(range(8))
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
    look = memory.lookup

    def work(seed):
        for at in range(3_000):
            key = str((at * seed) % 97)
            entry, kept = memory.peek(key), look(key)
            assert entry is None or entry.value == key
            assert kept is None or kept[0] == key
            if kept is not None and memory.hits[kept[3]] < 7:
                memory.hits[kept[3]] += 1
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
