"""What type checkers must know of the AI layer: lines that must pass, and lines that must fail."""

from __future__ import annotations

from typing import Any, assert_type

from aicache import (
    AICacheStats,
    AIResponseCache,
    Answer,
    CacheKeyGenerator,
    CachePerformanceMonitor,
    NullPerformanceMonitor,
    SyncAIResponseCache,
)


async def model() -> dict[str, int]:
    return {"answer": 42}


async def use_async() -> None:
    async with AIResponseCache("memory://", operation_ttls={"qa": 60, "embed": None}) as cache:
        assert_type(cache, AIResponseCache)
        assert_type(await cache.connect(), bool)
        assert_type(await cache.get_cached_response("t", "qa", {}), dict[str, Any] | None)
        assert_type(await cache.lookup("t", "qa", None, "why?"), Answer | None)
        assert_type(await cache.get_or_compute("t", "qa", {"n": 1}, model, ttl=None), dict[str, Any])
        assert_type(await cache.invalidate_all(), int)
        assert_type(await cache.get_cache_stats(), AICacheStats)
        assert_type((await cache.get_cache_stats()).redis["keys"], int | None)
        assert_type((await cache.get_cache_stats()).memory["memory_cache_utilization"], float)
        assert_type(cache.scoped("ann"), AIResponseCache)
        assert_type(cache.get_cache_hit_ratio(), float)
        assert_type(cache.key_generator.generate_cache_key("t", "qa", {}), str)
        await cache.cache_response("t", "qa", {}, None, ttl="1h")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await cache.get_cached_response("t", "qa")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await cache.get_or_compute("t", "qa", {}, 42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def use_sync() -> None:
    with SyncAIResponseCache.from_url("memory://") as cache:
        assert_type(cache, SyncAIResponseCache)
        assert_type(cache.get_cached_response("t", "qa", {}), dict[str, Any] | None)
        assert_type(cache.get_or_compute("t", "qa", {}, lambda: 42), dict[str, Any])
        assert_type(cache.invalidate_pattern("qa", glob=True), int)


monitor: CachePerformanceMonitor = NullPerformanceMonitor()
AIResponseCache(performance_monitor=monitor)
AIResponseCache(performance_monitor=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AIResponseCache(scope=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
CacheKeyGenerator().explain({"text": "t", "operation": "qa"}, ("t", "qa"))
