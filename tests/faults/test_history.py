"""What several processes did to one cache under faults, checked offline; and what the checker finds."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from history import BEHIND, Event, record, violations

pytestmark = pytest.mark.redis

WRITE = Event("write", "k", 1.0, 2.0, 1)
DELETE = Event("delete", "k", 3.0, 4.0)
READ = Event("read", "k", 5.0, 5.1, 1)


async def test_nothing_is_read_that_was_over_whatever_the_faults(redis_server, record_property) -> None:
    history = await record(count=3, seconds=6.0, seed=5)
    reads = [event for event in history if event.kind == "read"]
    record_property("reads", len(reads))
    assert violations(history) == []
    assert len(reads) > 300
    assert any(read.from_memory for read in reads)
    assert {event.kind for event in history} == {"read", "load", "write", "delete"}

    # The same history with one read that comes too late is not let through.
    born = {event.value: event for event in history if event.kind == "write" and event.ended is not None}
    over = [event for event in history if event.kind in ("write", "delete") and event.ended is not None]
    older, newer = next(
        (origin, change)
        for origin in born.values()
        for change in over
        if change.key == origin.key and change.began > origin.ended
    )
    late = replace(READ, key=older.key, value=older.value, began=newer.ended + 0.01, ended=newer.ended + 0.02)
    assert len(violations([*history, late])) == 1


def test_what_was_not_invalidated_may_be_read() -> None:
    assert violations([WRITE, READ]) == []


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (DELETE, READ),
        (Event("write", "k", 3.0, 4.0, 2), READ),
        (DELETE, replace(READ, from_memory=True, began=4.0 + BEHIND + 0.01, ended=9.0)),
    ],
    ids=["invalidated", "overwritten", "in memory for too long"],
)
def test_what_was_over_before_the_read_began_is_found(change: Event, read: Event) -> None:
    assert len(violations([WRITE, change, read])) == 1


def test_a_load_is_over_by_an_invalidation_that_began_while_it_ran() -> None:
    load = Event("load", "k", 1.0, None, 1)
    assert len(violations([load, Event("delete", "k", 1.5, 1.8), READ])) == 1
    assert violations([load, Event("delete", "k", 0.5, 1.8), READ]) == []  # it may have come before


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (replace(DELETE, ended=None), READ),
        (replace(DELETE, began=1.5), READ),
        (replace(DELETE, key="another"), READ),
        (DELETE, replace(READ, began=3.9)),
        (DELETE, replace(READ, is_marked=True)),
        (DELETE, replace(READ, from_memory=True, began=4.0 + BEHIND - 0.01)),
        (DELETE, replace(READ, from_memory=True, began=4.0 + BEHIND + 0.1, late=0.2)),
    ],
    ids=["it failed", "at the same time", "of another key", "during it", "marked", "memory in time", "a late loop"],
)
def test_what_proves_nothing_is_not_held_against_a_read(change: Event, read: Event) -> None:
    assert violations([WRITE, change, read]) == []


def test_values_from_nowhere_and_from_the_future_are_found() -> None:
    assert len(violations([replace(READ, value=7)])) == 1
    assert len(violations([Event("load", "k", 6.0, None, 1), READ])) == 1


def test_a_store_that_forgets_nothing_is_found_out() -> None:
    """Of a register without a cache a hundred random histories pass; with one that is never invalidated most do not."""
    found = [sum(bool(violations(_made(seed, stale=stale))) for seed in range(100)) for stale in (False, True)]
    assert found[0] == 0
    assert found[1] > 90


def _made(seed: int, *, stale: bool) -> list[Event]:
    draw, now, value, kept, events = random.Random(seed), 0.0, 0, 0, list[Event]()
    for _ in range(40):
        now += draw.uniform(0.01, 0.1)
        if draw.random() < 0.3 or not value:
            value += 1
            events.append(Event("write", "k", now, now + 0.005, value))
            kept = kept or value
        else:
            events.append(Event("read", "k", now, now + 0.005, kept if stale else value))
    return events
