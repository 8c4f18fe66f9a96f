"""Figures are added up rightly, say where they are from, and read well."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import CacheStats, Codec, TierStats
from aicache.cli.demo.answers import answer
from aicache.cli.demo.figures import Figure, Source, Weights, figures, percentile, tier_figures, weigh
from aicache.cli.demo.plot import shares
from aicache.cli.demo.replay import Outcomes
from aicache.cli.demo.text import shown, shown_bytes, shown_seconds
from aicache.cli.demo.trace import Row, Trace

MEMORY, STORE, JOINED, CALLED = range(4)


def a_trace() -> Trace:
    rows = [Row(400, 1.0, 10.0), Row(2000, 100.0, 1000.0)]
    return Trace(
        header={"name": "tiny", "objects": 2, "rows": 2, "order": "real"},
        rows=rows,
        requests=array("I", [0, 0, 1, 1, 0, 0]),
    )


def some_outcomes() -> Outcomes:
    outcomes = Outcomes(("memory", "store"))
    for at, outcome in enumerate([CALLED, JOINED, CALLED, STORE, MEMORY, MEMORY]):
        outcomes.add(outcome, float(at))
    outcomes.hit_seconds[MEMORY].extend([2e-6, 4e-6])
    outcomes.hit_seconds[STORE].append(3e-4)
    outcomes.join_saved = 0.75
    return outcomes


def some_stats() -> CacheStats:
    return CacheStats(
        hits=3, misses=2, loads=2, load_errors=0, joins=1, unserializable=0, overtaken=0,
        tiers=(
            TierStats(name="memory", hits=2, misses=3, writes=3),
            TierStats(name="store", hits=1, misses=2, writes=2, raw_bytes=2400, stored_bytes=1700, errors=1, timeouts=2,
                      refused={"tag": 4}),
        ),
    )  # fmt: skip


def test_the_figures_of_the_whole() -> None:
    told = {f.name: f for f in figures(a_trace(), some_outcomes(), some_stats(), Weights(raw=2400, stored=1700), 1.5)}
    values = {name: figure.value for name, figure in told.items()}
    assert values == {
        "requests": 6,
        "objects": 2,
        "hits": 3,
        "hit_ratio": 0.5,
        "misses": 2,
        "stampedes_avoided": 1,
        "raw_bytes": 2400,
        "stored_bytes": 1700,
        "time_saved": 1020.0,  # two hits of object 0, one of object 1
        "time_saved_by_joins": 0.75,
        "dollars_saved": 103.0,  # the same, and one join of object 0
        "dollars_asked": 204.0,
        "call_p50": 10.0,
        "call_p99": 1000.0,
        "virtual_time": 5.0,
        "real_time": 1.5,
    }
    assert {name for name, figure in told.items() if figure.source is Source.TRACE} == {
        "requests", "objects", "time_saved", "call_p50", "call_p99",
    }  # fmt: skip
    assert {name for name, figure in told.items() if figure.source is Source.MODELLED} == {
        "time_saved_by_joins", "dollars_saved", "dollars_asked", "virtual_time",
    }  # fmt: skip


def test_only_the_requests_that_were_made_count() -> None:
    outcomes = Outcomes(("memory", "store"))
    outcomes.add(CALLED, 0.5)
    outcomes.add(MEMORY, 1.5)
    values = {f.name: f.value for f in figures(a_trace(), outcomes, some_stats(), Weights(raw=1, stored=1), 1.0)}
    assert (values["requests"], values["objects"], values["dollars_asked"]) == (2, 1, 2.0)
    assert (values["time_saved"], values["virtual_time"]) == (10.0, 1.5)


def test_the_figures_of_each_tier() -> None:
    told = tier_figures(some_outcomes(), some_stats())
    memory, store = ({figure.name: figure.value for figure in tier.figures} for tier in told)
    assert [tier.name for tier in told] == ["memory", "store"]
    assert memory == {
        "hits": 2, "share": 2 / 6, "hit_p50": 2e-6, "hit_p99": 4e-6, "writes": 3, "raw_bytes": None,
        "stored_bytes": None, "failures": 0,
    }  # fmt: skip
    assert store == {
        "hits": 1, "share": 1 / 6, "hit_p50": 3e-4, "hit_p99": 3e-4, "writes": 2, "raw_bytes": 2400,
        "stored_bytes": 1700, "failures": 7,
    }  # fmt: skip
    assert all(figure.source is Source.MEASURED for tier in told for figure in tier.figures)


def test_weights_are_those_of_every_answer_made() -> None:
    codec, trace = Codec(), a_trace()
    sizes = [len(codec.dumps(answer(number, trace.row(number).size))) for number in (0, 1, 1)]
    weights = weigh(codec, trace, [0, 1, 1])
    assert weights.raw == sum(sizes)
    assert weights.stored < weights.raw  # two of the three are long enough to compress


@given(values=st.lists(st.floats(0, 1e6), min_size=1), share=st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_its_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    needed = math.ceil(share * len(values))
    assert found in values
    assert sum(value <= found for value in values) >= needed
    assert sum(value < found for value in values) < needed


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


def test_shares_over_time_add_up_to_all() -> None:
    ends, parts = shares(some_outcomes(), 3)
    assert ends == [1.0, 3.0, 5.0]
    assert parts == [[0, 0, 1], [0, 0.5, 0], [0.5, 0, 0], [0.5, 0.5, 0]]
    assert all(sum(window) == 1 for window in zip(*parts, strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.12e-7, "412 ns"),
        (3.456e-6, "3.46 µs"),
        (0.0123, "12.3 ms"),
        (1.0, "1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (61.0, "1 min 01 s"),
        (3599.6, "1 h 00 min"),
        (7260.0, "2 h 01 min"),
        (0.0, "0 s"),
        (9.996e-4, "1 ms"),
    ],
)
def test_seconds_read_well(seconds: float, text: str) -> None:
    assert shown_seconds(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (8 * 2**20, "8.0 MiB"), (1000 * 2**20, "1.0 GiB")],
)
def test_bytes_read_well(size: int, text: str) -> None:
    assert shown_bytes(size) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "seconds", "–"),
        (1234567, "requests", "1,234,567"),
        (0.7186, "of 1", "71.9%"),
        (1234.5, "US dollars", "$1,234.50"),
        (2048, "bytes", "2.0 KiB"),
        (0.25, "seconds", "250 ms"),
    ],
)
def test_a_figure_reads_by_its_unit(value: float | None, unit: str, text: str) -> None:
    figure = Figure(name="x", title="X", value=value, unit=unit, source=Source.MEASURED)
    assert shown(figure) == text
