"""What holds across processes, on a real server with real processes: the rows of `benchmarks/faults.py` in their short
form.
"""

from __future__ import annotations

import pytest
from under_fault import coherence, hearing, herds, sweeps
from under_fault.rows import Row

from .rows import each_of

pytestmark = pytest.mark.redis

ROWS = [*coherence.ROWS, *hearing.ROWS, *herds.ROWS, *sweeps.ROWS]

# Each way to invalidate and each harm is in every run once, and here are the pairs that are left of them.
NIGHTLY = {
    "400 keys invalidated twice",
    "400 keys invalidated twice, tokens evicted",
    "400 keys invalidated twice by tag",
    "400 keys invalidated twice by tag, 4 x kill -9",
    "400 keys invalidated twice by clear, 4 x kill -9",
    "400 keys invalidated twice by clear, tokens evicted",
    # A feed that is well and one that is silent are in every run.
    "a feed that is well, by tag",
    "the feed cut",
    "the feed cut, messages lost",
    "the feed cut, messages lost, by tag",
    "the feed trimmed and deleted",
    "CLIENT KILL of the feed",
    "the feed half-open",
    "the feed's output buffer overflows",
    "4 processes x 250 callers, load of 1 s",
}


@pytest.mark.timeout(600)  # three times what the longest takes on a busy machine
@each_of(ROWS, nightly=NIGHTLY)
async def test_what_is_promised_across_processes_holds_under(row: Row, redis_server, measured) -> None:
    figures, missed = await measured(row)
    assert missed == [], figures


def row_named(name: str) -> Row:
    (row,) = [row for row in ROWS if row.name == name]
    return row


async def test_without_leases_the_same_finds_stale_reads_and_keys_that_stay_stale(redis_server) -> None:
    figures = await coherence.burst(leases=False)
    assert figures["stale"] > 0
    assert figures["stuck"] > 0
    assert len(row_named("400 keys invalidated twice").held(figures)) == 2


@pytest.mark.nightly
async def test_memory_that_goes_on_serving_unheard_falls_behind(redis_server) -> None:
    figures = await hearing.tell_late(hearing.loses_the_feed, seconds=3.0, unheard="serve")
    assert figures["oldest_stale_read"] > hearing.BEHIND_AT_MOST
    assert row_named("the feed in a black hole").held(figures) != []
