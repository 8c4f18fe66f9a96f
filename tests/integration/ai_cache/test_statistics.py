"""What an `AIResponseCache` says of itself, in both flavours."""

from __future__ import annotations

import pytest

from aicache import CachePerformanceMonitor, NullPerformanceMonitor

from .conftest import fill


async def test_statistics_are_typed_and_a_mapping(make, raw, namespace):
    cache = make(memory_cache_size=10)
    await fill(cache)
    raw.set(f"{namespace}:foreign", b"v")
    stats = await cache.get_cache_stats()
    assert stats.redis["status"] == "connected"
    assert stats.redis["keys"] == 12
    assert stats.redis["memory_used_bytes"] > 0
    assert stats.redis["memory_used"][-1] in "KMG"
    assert stats.redis["connected_clients"] >= 1
    assert stats["memory"] == stats.memory
    assert stats.memory == {
        "memory_cache_entries": 6,
        "memory_cache_size_limit": 10,
        "memory_cache_utilization": 60.0,
    }
    assert set(stats) == {"redis", "memory", "performance"}
    assert dict(stats) == stats.to_dict()
    with pytest.raises(KeyError):
        stats["other"]
    html = stats._repr_html_()
    assert html.count("<tr>") == sum(len(section) for section in stats.values())
    assert "memory_used_bytes" in html


async def test_the_hit_ratio_is_of_look_ups(make):
    cache = make()
    assert cache.get_cache_hit_ratio() == 0.0
    await fill(cache, ["qa"])
    assert cache.get_cache_hit_ratio() == 0.0
    await cache.get_cached_response("a", "qa", {})
    await cache.get_cached_response("missing", "qa", {})
    assert cache.get_cache_hit_ratio() == 50.0
    summary = cache.get_performance_summary()
    assert (summary["cache_hits"], summary["cache_misses"], summary["hits_by_tier"]) == (1, 1, {"memory": 1})
    assert {name: figures["count"] for name, figures in summary["cache_operations"].items()} == {"set": 2, "get": 2}
    assert cache.get_memory_usage_stats()["entries"] == 1
    assert cache.get_memory_warnings() == []
    cache.cache.reset_performance_stats()
    assert cache.get_cache_hit_ratio() == 0.0
    assert await cache.lookup("a", "qa", {}) is not None


async def test_a_monitor_of_ones_own_and_none(make):
    monitor = CachePerformanceMonitor(memory_warning_threshold_bytes=1, memory_critical_threshold_bytes=10_000)
    cache, silent = make(performance_monitor=monitor), make(performance_monitor=NullPerformanceMonitor())
    await fill(cache, ["qa"])
    assert cache.performance_monitor is monitor
    assert [warning["severity"] for warning in cache.get_memory_warnings()] == ["warning"]
    await silent.lookup("a", "qa", {})
    assert silent.get_cache_hit_ratio() == 0.0
    assert silent.get_performance_summary()["total_lookups"] == 0
