"""What is promised under each fault, asserted: the rows of `benchmarks/faults.py` in their short form."""

from __future__ import annotations

import pytest
from under_fault import bombs, cancel, flights, forked, objects, outages, provider, refusals
from under_fault.rows import Row, Scale

from aicache.testing import FaultyBackend

from .rows import each_of

pytestmark = pytest.mark.redis

MODULES = (cancel, forked, outages, refusals, provider, flights, bombs, objects)
ROWS = [row for module in MODULES for row in module.ROWS]

# What each of them is like, in every run.
NIGHTLY = {
    "SIGSTOP": "silence",
    "CLIENT PAUSE": "silence",
    "200 ms of latency": "silence",
    "20 bombs under live keys": "a value of 100 MB under a live key",  # and bomb by bomb in tests/unit
    "10,000 gets of threads, a pool of 10": "10,000 gets at once, a pool of 10",
    "fork of 4, a fresh loop": "fork of 4, the same loop",
    "10,000 schedules of cancellation": "10,000 schedules of cancellation",  # a tenth of them
}


@pytest.mark.timeout(600)  # three times what the longest takes on a busy machine
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@each_of(ROWS, nightly=NIGHTLY)
async def test_what_is_promised_holds_under(row: Row, redis_server, measured) -> None:
    figures, missed = await measured(row)
    assert missed == [], figures


async def test_what_is_promised_holds_under_a_thousand_schedules_of_cancellation(measured) -> None:
    (row,) = [row for row in ROWS if row.name == "10,000 schedules of cancellation"]
    figures, missed = await measured(row, seeds=1_000)
    assert missed == [], figures
    assert figures["schedules"] == 1_000


def test_what_is_measured_at_night_is_like_what_always_is() -> None:
    always = {row.name for row in ROWS} - NIGHTLY.keys() | {"10,000 schedules of cancellation"}
    assert always >= set(NIGHTLY.values())


def test_every_fault_that_is_promised_for_has_a_row() -> None:
    names = " / ".join(row.name for row in ROWS)
    for fault in (
        *("cancellations", "fork of 4, the same loop", "fork of 4, a fresh loop", "another key's reply"),
        *("kill -9", "SIGSTOP", "silence", "CLIENT PAUSE", "resets in mid-reply", "200 ms of latency"),
        *("server full", "maxclients", "READONLY", "LOADING", "NOAUTH", "10,000 gets at once", "gets of threads"),
        *("provider down", "leader is cancelled", "load fails", "10,000 schedules", "bombs", "100 MB"),
        *("objects are changed", "three loops in a row", "four threads", "twin inside a running loop"),
    ):
        assert fault in names


async def test_a_row_can_fail(redis_server, monkeypatch) -> None:
    """A cache that believes every reply does not pass for one that binds it to its key."""
    (row,) = [row for row in ROWS if row.name.startswith("another key")]
    monkeypatch.setattr(FaultyBackend, "_answer", lambda self, key, fault: self.inner.get(key))  # nothing is swapped
    figures = await row.measure("aicache", Scale(swaps=500))
    assert row.held(figures) != []
    assert row.held({**figures, "swapped": 5, "refused": 5, "wrong": 1}) == ["wrong: 1, goal at most 0"]
