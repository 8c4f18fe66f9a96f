"""Turns a replay into figures, each with its unit, its source and what it really says. Pure: nothing here waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil

from aicache import CacheStats, Codec
from aicache.cli.demo.answers import answer
from aicache.cli.demo.replay import Outcomes
from aicache.cli.demo.trace import Trace

__all__ = ["Figure", "Source", "TierFigures", "Weights", "figures", "percentile", "tier_figures", "weigh"]


class Source(Enum):
    """Where a figure is from."""

    MEASURED = "measured"
    TRACE = "from the trace"
    MODELLED = "modelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. `name`: for programs, and stays. `value`: None where there is nothing to tell."""

    name: str
    title: str
    value: float | None
    unit: str
    source: Source
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFigures:
    """The figures of one tier; all of them measured."""

    name: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes of all answers made: serialized, and compressed in their envelopes."""

    raw: int
    stored: int


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of the values (0 to 1) do not exceed: the nearest-rank percentile."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def weigh(codec: Codec, trace: Trace, calls: Sequence[int]) -> Weights:
    """What the answers to these calls take as bytes."""
    raw_bytes = stored_bytes = 0
    for number, times in Counter(calls).items():
        raw = codec.dumps(answer(number, trace.row(number).size))
        sealed = codec.seal(str(number), codec.pack(raw), created=0.0, fresh_for=None)
        raw_bytes += len(raw) * times
        stored_bytes += len(sealed) * times
    return Weights(raw=raw_bytes, stored=stored_bytes)


def figures(trace: Trace, outcomes: Outcomes, stats: CacheStats, weights: Weights, seconds: float) -> list[Figure]:
    """The figures of the whole replay, which took so many real `seconds`."""
    made = len(outcomes.of)
    asked = trace.requests[:made]
    rows = [trace.row(number) for number in asked]
    hits = [row for row, outcome in zip(rows, outcomes.of, strict=True) if outcome < outcomes.joined]
    spared = [row for row, outcome in zip(rows, outcomes.of, strict=True) if outcome != outcomes.called]
    call_seconds = [row.seconds for row in rows]
    saved = sum(row.seconds for row in hits)
    span = outcomes.at[-1] if made else 0.0
    measured, from_trace, modelled = Source.MEASURED, Source.TRACE, Source.MODELLED
    listed = [
        ("requests", "Requests", made, "requests", from_trace, f"in {trace.header.get('order', 'their')} order"),
        ("objects", "Different answers", len(set(asked)), "objects", from_trace, ""),
        ("hits", "Hits", len(hits), "requests", measured, ""),
        ("hit_ratio", "Hit ratio", len(hits) / made if made else None, "of 1", measured, ""),
        ("misses", "Misses", stats.loads, "requests", measured, "each a provider call"),
        ("stampedes_avoided", "Stampedes avoided", stats.joins, "requests", measured, "at modelled arrivals"),
        ("raw_bytes", "Answers stored, raw", weights.raw, "bytes", measured, "of modelled text"),
        ("stored_bytes", "— and compressed", weights.stored, "bytes", measured, "with their envelopes"),
        ("time_saved", "Time saved by hits", saved, "seconds", from_trace, "their calls' latencies"),
        ("time_saved_by_joins", "— by joining", outcomes.join_saved, "seconds", modelled, "at modelled arrivals"),
        ("dollars_saved", "Money saved", sum(row.dollars for row in spared), "US dollars", modelled, "list prices"),
        ("dollars_asked", "— out of", sum(row.dollars for row in rows), "US dollars", modelled, "list prices"),
        ("call_p50", "Provider call, p50", percentile(call_seconds, 0.5), "seconds", from_trace, ""),
        ("call_p99", "Provider call, p99", percentile(call_seconds, 0.99), "seconds", from_trace, ""),
        ("virtual_time", "Requests span", span, "seconds", modelled, "Poisson arrivals"),
        ("real_time", "Replay took", seconds, "seconds", measured, ""),
    ]
    return [
        Figure(name=name, title=title, value=value, unit=unit, source=source, note=note)
        for name, title, value, unit, source, note in listed
    ]


def tier_figures(outcomes: Outcomes, stats: CacheStats) -> list[TierFigures]:
    """The figures of each tier, in order."""
    made = len(outcomes.of)
    tiers: list[TierFigures] = []
    for tier, took in zip(stats.tiers, outcomes.hit_seconds, strict=True):
        is_bytes = tier.stored_bytes > 0
        listed = [
            ("hits", "hits", tier.hits, "requests"),
            ("share", "share", tier.hits / made if made else None, "of 1"),
            ("hit_p50", "hit p50", percentile(took, 0.5), "seconds"),
            ("hit_p99", "hit p99", percentile(took, 0.99), "seconds"),
            ("writes", "writes", tier.writes, "entries"),
            ("raw_bytes", "raw", tier.raw_bytes if is_bytes else None, "bytes"),
            ("stored_bytes", "stored", tier.stored_bytes if is_bytes else None, "bytes"),
            ("failures", "failed", tier.errors + tier.timeouts + sum(tier.refused.values()), "calls"),
        ]
        measured = [
            Figure(name=name, title=title, value=value, unit=unit, source=Source.MEASURED)
            for name, title, value, unit in listed
        ]
        tiers.append(TierFigures(name=tier.name, figures=tuple(measured)))
    return tiers
