"""`CachePerformanceMonitor`: what happened lately, in bounded memory, for people and dashboards.

Recording is a tuple at the end of a deque and a count; everything else is worked out when somebody asks
(`aicache.ai.reports`). `NullPerformanceMonitor` switches it off.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Any, Self

from aicache.ai import reports
from aicache.ai.measurements import CacheOperation, Compression, Invalidation, KeyMade, MemoryUse
from aicache.errors import ConfigurationError

__all__ = ["CachePerformanceMonitor", "NullPerformanceMonitor"]


class CachePerformanceMonitor:
    """Keeps the last `max_measurements` of each kind, and forgets those older than `retention_hours` when asked.

    `memory_warning_threshold_bytes`, `memory_critical_threshold_bytes`: of the memory tier, for `get_memory_warnings`.
    `key_generation_threshold`, `cache_operation_threshold`: seconds from which a measurement counts as slow.
    `clock`: seconds from any start, never going back.

    The counts of look-ups, hits and invalidations are of everything since the start or the last `reset_stats`, not of
    the kept measurements only. Safe from any thread; under threads a count may fall short by a few.
    """

    def __init__(
        self,
        retention_hours: float = 1,
        max_measurements: int = 1000,
        *,
        memory_warning_threshold_bytes: int = 50 * 2**20,
        memory_critical_threshold_bytes: int = 100 * 2**20,
        key_generation_threshold: float = 0.01,
        cache_operation_threshold: float = 0.05,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not retention_hours > 0:
            raise ConfigurationError(f"retention_hours must be more than 0, got {retention_hours!r}")
        if max_measurements < 1:
            raise ConfigurationError(f"max_measurements must be at least 1, got {max_measurements!r}")
        if not 0 < memory_warning_threshold_bytes <= memory_critical_threshold_bytes:
            raise ConfigurationError(
                "memory_warning_threshold_bytes must be above 0 and not above memory_critical_threshold_bytes, got "
                f"{memory_warning_threshold_bytes!r} and {memory_critical_threshold_bytes!r}"
            )
        self._retention = retention_hours * 3600
        self._most = max_measurements
        self._thresholds = reports.Thresholds(
            memory_warning_threshold_bytes,
            memory_critical_threshold_bytes,
            key_generation_threshold,
            cache_operation_threshold,
        )
        self._clock = clock
        self.reset_stats()

    def blank(self) -> Self:
        """A new one with the same settings and nothing recorded."""
        monitor = copy(self)
        monitor.reset_stats()
        return monitor

    def reset_stats(self) -> None:
        """Forget every measurement and every count."""
        self._keys: deque[KeyMade] = deque(maxlen=self._most)
        self._operations: deque[CacheOperation] = deque(maxlen=self._most)
        self._compressions: deque[Compression] = deque(maxlen=self._most)
        self._memory: deque[MemoryUse] = deque(maxlen=self._most)
        self._invalidations: deque[Invalidation] = deque(maxlen=self._most)
        self.cache_hits = self.cache_misses = 0
        self.total_invalidations = self.total_keys_invalidated = 0

    # -- recording

    def record_key_generation_time(self, duration: float, text_length: int, operation: str) -> None:
        """One key took `duration` seconds."""
        self._keys.append(KeyMade(self._clock(), duration, text_length, operation))

    def record_cache_operation_time(
        self, verb: str, duration: float, hit: bool | None, tier: str | None, text_length: int, operation: str
    ) -> None:
        """One verb took `duration` seconds. `hit`: None where it was no look-up: storing is none."""
        if hit:
            self.cache_hits += 1
        elif hit is not None:
            self.cache_misses += 1
        self._operations.append(CacheOperation(self._clock(), verb, duration, hit, tier, text_length, operation))

    def record_compression_ratio(self, original_size: int, compressed_size: int, operation: str) -> None:
        """An answer of `original_size` serialized bytes was stored in `compressed_size`."""
        self._compressions.append(Compression(self._clock(), original_size, compressed_size, operation))

    def record_memory_usage(self, used_bytes: int, entries: int) -> None:
        """The memory tier holds so much."""
        self._memory.append(MemoryUse(self._clock(), used_bytes, entries))

    def record_invalidation_event(
        self, pattern: str, keys_invalidated: int, duration: float, invalidation_type: str
    ) -> None:
        """`keys_invalidated` entries were forgotten."""
        self.total_invalidations += 1
        self.total_keys_invalidated += keys_invalidated
        event = Invalidation(self._clock(), pattern, keys_invalidated, duration, invalidation_type)
        self._invalidations.append(event)

    # -- reporting

    def get_cache_hit_ratio(self) -> float:
        """Hits as a percentage of look-ups; 0.0 before the first."""
        return reports.percent(self.cache_hits, self.cache_hits + self.cache_misses)

    def get_performance_stats(self) -> dict[str, Any]:
        """Everything at a glance: counts, times, compression, memory, invalidations."""
        return {
            "cache_hits": self.cache_hits,
            "cache_misses": self.cache_misses,
            "cache_hit_rate": self.get_cache_hit_ratio(),
            "total_lookups": self.cache_hits + self.cache_misses,
            "key_generation": reports.times([made.duration for made in self._recent(self._keys)]),
            "cache_operations": reports.times_by_verb(self._recent(self._operations)),
            "hits_by_tier": reports.hits_by_tier(self._recent(self._operations)),
            "compression": reports.compression(self._recent(self._compressions)),
            "memory_usage": self.get_memory_usage_stats(),
            "invalidation": self.get_invalidation_frequency_stats(),
        }

    def get_memory_usage_stats(self) -> dict[str, Any]:
        """What the memory tier held when it was last looked at, the most it held, and the thresholds."""
        return reports.memory(self._recent(self._memory), self._thresholds)

    def get_memory_warnings(self) -> list[dict[str, Any]]:
        """A `severity` ("warning", "critical"), a `message` and a `recommendation` where a threshold is exceeded."""
        return reports.memory_warnings(self._recent(self._memory), self._thresholds)

    def get_invalidation_frequency_stats(self) -> dict[str, Any]:
        """How often what is invalidated, in total and in the last hour."""
        return {
            "total_invalidations": self.total_invalidations,
            "total_keys_invalidated": self.total_keys_invalidated,
            **reports.invalidations(self._recent(self._invalidations), self._clock()),
        }

    def get_invalidation_recommendations(self) -> list[dict[str, Any]]:
        """Advice, each with a `severity`, an `issue`, a `message` and `suggestions`."""
        return reports.invalidation_advice(self._recent(self._invalidations), self._clock())

    def get_recent_slow_operations(self) -> dict[str, list[dict[str, Any]]]:
        """The kept keys and operations over their thresholds, slowest first."""
        return reports.slow(self._recent(self._keys), self._recent(self._operations), self._thresholds)

    def export_metrics(self) -> dict[str, Any]:
        """Every kept measurement and every count as plain dicts and lists, for JSON; ages are in seconds."""
        now = self._clock()

        def plain(measurements: list[Any]) -> list[dict[str, Any]]:
            named = [one._asdict() for one in measurements]
            return [{"age": now - one.pop("at"), **one} for one in named]

        return {
            "cache_hits": self.cache_hits,
            "cache_misses": self.cache_misses,
            "total_invalidations": self.total_invalidations,
            "total_keys_invalidated": self.total_keys_invalidated,
            "key_generation_times": plain(self._recent(self._keys)),
            "cache_operation_times": plain(self._recent(self._operations)),
            "compression_ratios": plain(self._recent(self._compressions)),
            "memory_usage_measurements": plain(self._recent(self._memory)),
            "invalidation_events": plain(self._recent(self._invalidations)),
        }

    def _recent(self, measurements: deque[Any]) -> list[Any]:
        oldest = self._clock() - self._retention
        while True:
            try:
                if not measurements or measurements[0].at >= oldest:
                    return list(measurements)
                measurements.popleft()
            except (IndexError, RuntimeError):  # another thread recorded or forgot meanwhile
                continue


class NullPerformanceMonitor(CachePerformanceMonitor):
    """Records nothing, and has nothing to report."""

    def _nothing(self, *_: object, **__: object) -> None:
        """Nothing."""

    record_key_generation_time = _nothing
    record_cache_operation_time = _nothing
    record_compression_ratio = _nothing
    record_memory_usage = _nothing
    record_invalidation_event = _nothing
