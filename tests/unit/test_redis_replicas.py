"""Which replica a process reads, and who is read when that one fails: without servers, the replies are typed in."""

from __future__ import annotations

from collections import Counter

import pytest

from aicache.errors import BackendTimeoutError, BackendUnavailableError
from aicache.testing import FakeClock
from aicache_redis._replicas import WHILE, ReplicaMap, WatchedMap, watched
from aicache_redis._slots import Batch
from aicache_redis._url import Address

MASTER, ONE, TWO, OTHER, SEED = (Address("host", port) for port in range(1, 6))
LAST = 16383
REPLY = [[0, 99, *([b"host", port, b"id"] for port in (1, 2, 3))], [100, LAST, [b"host", 4, b"id"]]]


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def slots(clock):
    """The first hundred slots have two replicas, the others none."""
    slots = ReplicaMap([SEED], clock)
    assert slots.is_stale
    assert slots.sources(clock()) == [SEED]
    slots.learned(REPLY, SEED)
    return slots


def test_a_slot_is_read_at_a_replica_and_one_without_any_at_its_master(slots):
    assert set(slots.owners[:100]) < {ONE, TWO}
    assert set(slots.owners[100:]) == {OTHER}
    assert slots.masters() == [MASTER, OTHER]


def test_a_process_stays_with_its_replica_and_many_processes_have_all(clock, monkeypatch):
    def chosen(slots):
        slots.learned(REPLY, SEED)
        return slots.owners[0]

    maps = [ReplicaMap([SEED], clock) for _ in range(200)]
    first = [chosen(slots) for slots in maps]
    assert [chosen(slots) for slots in maps] == first
    assert min(Counter(first)[replica] for replica in (ONE, TWO)) > 50
    monkeypatch.setattr("os.getpid", lambda: -1)  # a fork of each
    assert [chosen(slots) for slots in maps] != first


def test_the_map_is_asked_for_now_and_then_and_an_old_one_is_used_where_that_is_in_vain(slots, clock):
    assert not slots.is_stale
    clock.advance(WHILE)
    assert slots.is_due(clock())
    assert slots.sources(clock()) == [MASTER, OTHER, SEED]
    slots.failed(MASTER)  # nobody is read there, so nothing is known to be wrong
    assert not slots.is_stale
    clock.advance(WHILE)
    assert slots.sources(clock()) == [OTHER, SEED, MASTER]


def test_without_any_map_it_is_asked_for_until_there_is_one(clock):
    slots = ReplicaMap([SEED], clock)
    slots.sources(clock())
    slots.failed(SEED)
    assert slots.is_due(clock())


def test_what_a_replica_fails_its_master_does_and_the_next_map_has_the_other_for_a_while(slots, clock):
    bad = slots.owners[0]
    slots.failed(bad)
    assert slots.is_stale
    assert set(slots.owners[:100]) == {MASTER}
    clock.advance(0.1)
    slots.sources(clock())
    assert not slots.is_stale  # nor where that is in vain
    slots.learned(REPLY, SEED)
    (good,) = {ONE, TWO} - {bad}
    assert slots.owners[0] == good
    slots.failed(good)
    slots.learned(REPLY, SEED)
    assert slots.owners[0] == MASTER
    clock.advance(WHILE)
    slots.learned(REPLY, SEED)
    assert slots.owners[0] == bad


def test_one_failure_that_many_calls_saw_is_one(slots):
    bad = slots.owners[0]
    for _ in range(3):
        slots.failed(bad)
    assert slots.owners[0] == MASTER


@pytest.mark.parametrize(
    "failure",
    [
        BackendUnavailableError("gone"),
        BackendTimeoutError("late"),
        [Exception("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")],
        [Exception("LOADING the dataset in memory")],
        [Exception("CLUSTERDOWN The cluster is down")],
        [Exception("MOVED 7 host:1")],
    ],
    ids=str,
)
def test_a_read_goes_on_at_the_master_whatever_is_wrong_with_the_replica(slots, failure):
    asked = Batch(slots, [7], [b"<7>"], None)
    (part,) = asked.parts()
    assert part.address in (ONE, TWO)
    asked.heard(part, failure)
    assert slots.is_stale
    (part,) = asked.parts()
    assert part.address == MASTER
    asked.heard(part, [b"value"])
    assert (asked.parts(), asked.replies) == ([], [b"value"])


def test_where_the_master_fails_too_its_failure_is_told(slots):
    asked = Batch(slots, [7], [b"<7>"], None)
    asked.heard(asked.parts()[0], BackendTimeoutError("the replica was late"))
    failure = BackendUnavailableError("the master is gone")
    asked.heard(asked.parts()[0], failure)
    assert (asked.parts(), asked.replies) == ([], [failure])


# -- sentinels


def said(port, flags="slave", status="ok"):
    words = {"name": "x", "ip": "host", "port": str(port), "flags": flags, "master-link-status": status}
    return [word.encode() for pair in words.items() for word in pair]


def test_replicas_of_which_sentinels_say_nothing_good_are_left_out():
    replicas = [
        said(2),
        said(3, "slave,s_down"),
        said(3, "o_down,slave"),
        said(3, "slave,disconnected"),
        said(3, status="err"),
    ]
    assert watched(MASTER, replicas) == [[0, LAST, [b"host", 1], [b"host", 2]]]
    assert watched(MASTER, []) == [[0, LAST, [b"host", 1]]]


def test_sentinels_alone_are_asked_and_a_dead_one_is_asked_last_from_then_on(clock):
    slots = WatchedMap([SEED, OTHER], clock)
    assert slots.sources(clock()) == [SEED, OTHER]
    slots.failed(SEED)
    slots.learned(watched(MASTER, [said(2)]), OTHER)
    assert (slots.owners[0], slots.owners[LAST]) == (ONE, ONE)
    assert slots.sources(clock()) == [OTHER, SEED]
