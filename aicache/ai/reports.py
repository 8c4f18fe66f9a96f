"""What measurements say: pure functions from what a monitor kept to figures, warnings and advice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final, NamedTuple

from aicache.ai.measurements import CacheOperation, Compression, Invalidation, KeyMade, MemoryUse

__all__ = [
    "Thresholds",
    "compression",
    "hits_by_tier",
    "invalidation_advice",
    "invalidations",
    "memory",
    "memory_warnings",
    "percent",
    "slow",
    "times",
    "times_by_verb",
]

_OFTEN: Final = 50  # invalidations in an hour
_RARELY_USEFUL: Final = 5  # events before advice is given on what they did
_MANY_KEYS: Final = 500  # in one invalidation, on average
_ONE_PATTERN: Final = 0.5  # share of the events


class Thresholds(NamedTuple):
    """Where trouble begins: bytes of memory, seconds of a key and of an operation."""

    memory_warning: int
    memory_critical: int
    key_generation: float
    cache_operation: float


def percent(part: float, whole: float) -> float:
    """`part` of `whole` in percent; 0.0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def times(durations: Sequence[float]) -> dict[str, Any]:
    """`count`, and in seconds `mean`, `median`, `p95`, `p99` and `max`; None each where there are none."""
    if not durations:
        return {"count": 0, "mean": None, "median": None, "p95": None, "p99": None, "max": None}
    ordered = sorted(durations)
    last = len(ordered) - 1
    ranks = {"median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        "count": len(ordered),
        "mean": fmean(ordered),
        **{name: ordered[round(share * last)] for name, share in ranks.items()},
    }


def times_by_verb(operations: Sequence[CacheOperation]) -> dict[str, dict[str, Any]]:
    """`times` for each verb."""
    durations: dict[str, list[float]] = defaultdict(list)
    for operation in operations:
        durations[operation.verb].append(operation.duration)
    return {verb: times(some) for verb, some in durations.items()}


def hits_by_tier(operations: Sequence[CacheOperation]) -> dict[str, int]:
    """How many of the kept look-ups each tier answered."""
    return dict(Counter(operation.tier for operation in operations if operation.hit and operation.tier is not None))


def compression(stored: Sequence[Compression]) -> dict[str, Any]:
    """`count`, the bytes before and after, the `ratio` of these (1.0: nothing saved) and `saved_bytes`."""
    before = sum(one.original_size for one in stored)
    after = sum(one.compressed_size for one in stored)
    return {
        "count": len(stored),
        "original_bytes": before,
        "compressed_bytes": after,
        "ratio": after / before if before else None,
        "saved_bytes": before - after,
    }


def memory(uses: Sequence[MemoryUse], thresholds: Thresholds) -> dict[str, Any]:
    """`used_bytes` and `entries` when last measured (None: not yet), `max_used_bytes`, and the thresholds."""
    return {
        "measurements": len(uses),
        "used_bytes": uses[-1].used_bytes if uses else None,
        "entries": uses[-1].entries if uses else None,
        "max_used_bytes": max((use.used_bytes for use in uses), default=None),
        "warning_threshold_bytes": thresholds.memory_warning,
        "critical_threshold_bytes": thresholds.memory_critical,
        "warning_threshold_reached": bool(uses) and uses[-1].used_bytes >= thresholds.memory_warning,
        "critical_threshold_reached": bool(uses) and uses[-1].used_bytes >= thresholds.memory_critical,
    }


def memory_warnings(uses: Sequence[MemoryUse], thresholds: Thresholds) -> list[dict[str, Any]]:
    """One warning at most: the severest that holds for the last measurement."""
    if not uses:
        return []
    used = uses[-1].used_bytes
    for severity, threshold in (("critical", thresholds.memory_critical), ("warning", thresholds.memory_warning)):
        if used >= threshold:
            message = f"the memory tier holds {used:,} bytes, over the {severity} threshold of {threshold:,}"
            cure = "lower memory_cache_size, give the memory tier max_bytes, or raise the threshold"
            return [{"severity": severity, "message": message, "recommendation": cure}]
    return []


def invalidations(events: Sequence[Invalidation], now: float) -> dict[str, Any]:
    """How often in the last hour, what for, and how much went each time."""
    patterns = Counter(event.pattern for event in events)
    return {
        "last_hour": sum(now - event.at <= 3600 for event in events),
        "average_keys": fmean([event.keys_invalidated for event in events]) if events else 0.0,
        "by_type": dict(Counter(event.invalidation_type for event in events)),
        "most_common_patterns": dict(patterns.most_common(5)),
        "times": times([event.duration for event in events]),
    }


def invalidation_advice(events: Sequence[Invalidation], now: float) -> list[dict[str, Any]]:
    """What the kept invalidations suggest."""
    advice: list[dict[str, Any]] = []

    def advise(severity: str, issue: str, message: str, *suggestions: str) -> None:
        advice.append({"severity": severity, "issue": issue, "message": message, "suggestions": list(suggestions)})

    hourly = sum(now - event.at <= 3600 for event in events)
    if hourly > _OFTEN:
        advise(
            "warning",
            "frequent",
            f"{hourly} invalidations in the last hour: much is made that is soon forgotten",
            "shorten the ttl of what changes often, so that it ends by itself",
            "put what the answers depend on, such as a version of the document, into the options",
        )
    if len(events) < _RARELY_USEFUL:
        return advice
    pattern, times_seen = Counter(event.pattern for event in events).most_common(1)[0]
    if times_seen / len(events) > _ONE_PATTERN:
        advise(
            "info",
            "one pattern",
            f"{pattern!r} is {percent(times_seen, len(events)):.0f} % of all invalidations",
            "give that operation a shorter ttl in operation_ttls",
        )
    empty = sum(event.keys_invalidated == 0 for event in events)
    if empty / len(events) > _ONE_PATTERN:
        advise(
            "info",
            "nothing found",
            f"{empty} of {len(events)} invalidations found nothing",
            "check the patterns, and whether the entries have not long expired",
        )
    average = fmean([event.keys_invalidated for event in events])
    if average > _MANY_KEYS:
        advise(
            "warning",
            "broad",
            f"an invalidation takes {average:,.0f} entries on average",
            "invalidate one operation or a narrower pattern instead of all",
        )
    return advice


def slow(
    keys: Sequence[KeyMade], operations: Sequence[CacheOperation], thresholds: Thresholds
) -> dict[str, list[dict[str, Any]]]:
    """What took longer than its threshold, slowest first."""
    slow_keys = [made for made in keys if made.duration >= thresholds.key_generation]
    slow_operations = [one for one in operations if one.duration >= thresholds.cache_operation]
    return {
        "key_generation": [made._asdict() for made in sorted(slow_keys, key=lambda made: -made.duration)],
        "cache_operations": [one._asdict() for one in sorted(slow_operations, key=lambda one: -one.duration)],
    }
