"""What the performance monitor records, for how long, and what it makes of it."""

from __future__ import annotations

import json

import pytest

from aicache import CachePerformanceMonitor, NullPerformanceMonitor
from aicache.errors import ConfigurationError
from aicache.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def monitor(clock):
    return CachePerformanceMonitor(clock=clock)


def looked(monitor, hit, *, tier="memory", seconds=0.001, operation="qa"):
    monitor.record_cache_operation_time("get", seconds, hit, tier if hit else None, 10, operation)


def test_counts_are_of_everything_and_measurements_of_the_last(clock):
    monitor = CachePerformanceMonitor(max_measurements=10, clock=clock)
    for number in range(100):
        looked(monitor, number % 4 != 0)
        monitor.record_key_generation_time(0.001, 5, "qa")
        monitor.record_compression_ratio(100, 50, "qa")
        monitor.record_memory_usage(number, number)
        monitor.record_invalidation_event("p", 1, 0.1, "operation")
    exported = monitor.export_metrics()
    assert {name: len(kept) for name, kept in exported.items() if isinstance(kept, list)} == dict.fromkeys(
        ("key_generation_times", "cache_operation_times", "compression_ratios", "memory_usage_measurements",
         "invalidation_events"), 10
    )  # fmt: skip
    assert (monitor.cache_hits, monitor.cache_misses, monitor.total_invalidations) == (75, 25, 100)
    assert monitor.get_cache_hit_ratio() == 75.0


def test_measurements_are_forgotten_when_they_are_old(monitor, clock):
    looked(monitor, True)
    clock.advance(3000)
    looked(monitor, True)
    assert len(monitor.export_metrics()["cache_operation_times"]) == 2
    clock.advance(700)
    (kept,) = monitor.export_metrics()["cache_operation_times"]
    assert kept["age"] == 700
    clock.advance(3000)
    assert monitor.export_metrics()["cache_operation_times"] == []
    assert monitor.cache_hits == 2


def test_storing_is_no_look_up(monitor):
    monitor.record_cache_operation_time("set", 0.5, None, None, 10, "qa")
    assert (monitor.cache_hits, monitor.cache_misses, monitor.get_cache_hit_ratio()) == (0, 0, 0.0)
    assert monitor.get_performance_stats()["cache_operations"]["set"]["count"] == 1


def test_times_are_summed_up_by_verb(monitor):
    for number in range(1, 101):
        looked(monitor, True, seconds=number)
    looked(monitor, True, tier="redis", seconds=1000)
    stats = monitor.get_performance_stats()
    figures = stats["cache_operations"]["get"]
    assert (figures["count"], figures["median"], figures["p95"], figures["p99"], figures["max"]) == (
        101,
        51,
        96,
        100,
        1000,
    )
    assert figures["mean"] == pytest.approx((5050 + 1000) / 101)
    assert stats["hits_by_tier"] == {"memory": 100, "redis": 1}
    assert stats["key_generation"] == {"count": 0, "mean": None, "median": None, "p95": None, "p99": None, "max": None}


def test_compression_is_summed_up(monitor):
    assert monitor.get_performance_stats()["compression"]["ratio"] is None
    monitor.record_compression_ratio(1000, 200, "qa")
    monitor.record_compression_ratio(100, 100, "qa")
    assert monitor.get_performance_stats()["compression"] == {
        "count": 2,
        "original_bytes": 1100,
        "compressed_bytes": 300,
        "ratio": pytest.approx(300 / 1100),
        "saved_bytes": 800,
    }


@pytest.mark.parametrize(
    ("used", "severity"), [(0, []), (99, []), (100, ["warning"]), (199, ["warning"]), (200, ["critical"])]
)
def test_memory_is_warned_of_at_its_thresholds(clock, used, severity):
    monitor = CachePerformanceMonitor(
        memory_warning_threshold_bytes=100, memory_critical_threshold_bytes=200, clock=clock
    )
    assert monitor.get_memory_warnings() == []
    monitor.record_memory_usage(500, 9)
    monitor.record_memory_usage(used, 3)
    warnings = monitor.get_memory_warnings()
    assert [warning["severity"] for warning in warnings] == severity
    assert all(f"{used:,} bytes" in warning["message"] and warning["recommendation"] for warning in warnings)
    stats = monitor.get_memory_usage_stats()
    assert (stats["used_bytes"], stats["entries"], stats["max_used_bytes"], stats["measurements"]) == (used, 3, 500, 2)
    assert stats["warning_threshold_reached"] == (used >= 100)
    assert stats["critical_threshold_reached"] == (used >= 200)


def test_invalidations_are_counted(monitor, clock):
    assert monitor.get_invalidation_frequency_stats()["average_keys"] == 0.0
    monitor.record_invalidation_event("qa", 10, 0.1, "operation")
    clock.advance(3000)
    monitor.record_invalidation_event("qa", 20, 0.3, "operation")
    monitor.record_invalidation_event("*", 0, 0.2, "all")
    stats = monitor.get_invalidation_frequency_stats()
    assert (stats["total_invalidations"], stats["total_keys_invalidated"], stats["last_hour"]) == (3, 30, 3)
    assert stats["by_type"] == {"operation": 2, "all": 1}
    assert stats["most_common_patterns"] == {"qa": 2, "*": 1}
    assert stats["average_keys"] == 10
    clock.advance(700)
    assert monitor.get_invalidation_frequency_stats()["last_hour"] == 2
    assert monitor.get_invalidation_frequency_stats()["total_invalidations"] == 3


@pytest.mark.parametrize(
    ("events", "issues"),
    [
        ([], []),
        ([("a", 1)] * 4, []),
        ([("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("f", 6)], []),
        ([("a", 1)] * 5, ["one pattern"]),
        ([(str(number), 1) for number in range(51)], ["frequent"]),
        ([(str(number), 0) for number in range(6)], ["nothing found"]),
        ([(str(number), 900) for number in range(6)], ["broad"]),
        ([("a", 0)] * 60, ["frequent", "one pattern", "nothing found"]),
    ],
    ids=["none", "few", "various", "one", "often", "empty", "broad", "all"],
)
def test_advice_is_given_where_there_is_some_to_give(monitor, events, issues):
    for pattern, keys in events:
        monitor.record_invalidation_event(pattern, keys, 0.1, "text")
    advice = monitor.get_invalidation_recommendations()
    assert [one["issue"] for one in advice] == issues
    assert all(one["message"] and one["suggestions"] and one["severity"] in ("info", "warning") for one in advice)


def test_slow_operations_are_listed_slowest_first(clock):
    monitor = CachePerformanceMonitor(key_generation_threshold=0.1, cache_operation_threshold=1.0, clock=clock)
    for seconds in (0.05, 0.2, 0.3):
        monitor.record_key_generation_time(seconds, 10, "qa")
    for seconds in (0.9, 1.0, 5.0):
        looked(monitor, True, seconds=seconds)
    slow = monitor.get_recent_slow_operations()
    assert [one["duration"] for one in slow["key_generation"]] == [0.3, 0.2]
    assert [one["duration"] for one in slow["cache_operations"]] == [5.0, 1.0]
    assert slow["cache_operations"][0]["operation"] == "qa"


def test_everything_can_be_json(monitor):
    looked(monitor, True)
    looked(monitor, False)
    monitor.record_invalidation_event("p", 1, 0.1, "text")
    for said in (
        monitor.export_metrics(),
        monitor.get_performance_stats(),
        monitor.get_recent_slow_operations(),
        monitor.get_invalidation_recommendations(),
    ):
        assert json.loads(json.dumps(said)) == said


def test_a_reset_forgets_everything(monitor):
    blank = monitor.export_metrics()
    looked(monitor, True)
    monitor.record_invalidation_event("p", 1, 0.1, "text")
    assert monitor.export_metrics() != blank
    monitor.reset_stats()
    assert monitor.export_metrics() == blank


def test_a_blank_one_has_the_same_settings_and_nothing_recorded(clock):
    monitor = CachePerformanceMonitor(max_measurements=2, clock=clock)
    looked(monitor, True)
    other = monitor.blank()
    for _ in range(3):
        looked(other, False)
    assert (other.cache_hits, other.cache_misses, monitor.cache_hits, monitor.cache_misses) == (0, 3, 1, 0)
    assert len(other.export_metrics()["cache_operation_times"]) == 2


def test_the_null_monitor_records_nothing():
    monitor = NullPerformanceMonitor()
    blank = monitor.export_metrics()
    looked(monitor, True)
    monitor.record_key_generation_time(1, 1, "qa")
    monitor.record_compression_ratio(1, 1, "qa")
    monitor.record_memory_usage(10**12, 1)
    monitor.record_invalidation_event("p", 1, 0.1, "text")
    assert monitor.export_metrics() == blank
    assert monitor.get_memory_warnings() == []
    assert isinstance(monitor.blank(), NullPerformanceMonitor)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"retention_hours": 0}, "retention_hours must be more than 0, got 0"),
        ({"max_measurements": 0}, "max_measurements must be at least 1, got 0"),
        ({"memory_warning_threshold_bytes": 0}, "memory_warning_threshold_bytes"),
        ({"memory_warning_threshold_bytes": 2, "memory_critical_threshold_bytes": 1}, "got 2 and 1"),
    ],
)
def test_a_monitor_that_makes_no_sense_is_refused(arguments, says):
    with pytest.raises(ConfigurationError, match=says):
        CachePerformanceMonitor(**arguments)
