"""What type checkers must know of the AI layer: lines that must pass, and lines that must fail."""

from __future__ import annotations

from typing import Any, assert_type

from aicache import (
    AICacheStats,
    AIResponseCache,
    Answer,
    CacheKeyGenerator,
    CachePerformanceMonitor,
    EmbeddingCache,
    NullPerformanceMonitor,
    PriceList,
    Savings,
    SyncAIResponseCache,
    SyncEmbeddingCache,
    Usage,
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
        answer = await cache.lookup_or_compute("t", "qa", {}, model, usage=lambda response: Usage(input_tokens=3))
        assert_type(answer, Answer)
        assert_type(answer.new_usage, Usage | None)
        assert_type(cache.savings(prices=PriceList("mine", None, price)), Savings)
        assert_type(cache.savings().total.hits.dollars, float | None)
        await cache.cache_response("t", "qa", {}, 1, usage=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
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


def price(usage: Usage) -> float | None:
    return usage.input_tokens


async def embed(texts: list[str]) -> list[list[float]]:
    return [[0.5] for _ in texts]


async def use_embeddings(vectors: EmbeddingCache, threads: SyncEmbeddingCache) -> None:
    assert_type(await vectors.get_or_embed(["a"], embed), list[list[float]])
    assert_type(threads.get_or_embed(("a",), lambda texts: [[0.5] for _ in texts]), list[list[float]])
    await vectors.get_or_embed([1], embed)  # type: ignore[list-item, arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    EmbeddingCache([])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    EmbeddingCache([], model="m", packing="int8")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


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
