"""A hit in the memory tier: the commonest thing a cache does, and the cheapest."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

from harness import Contender, Run, Scenario, called, repeated
from values import answer

__all__ = ["scenarios"]

TEXT = "It is 42. " * 100
ANSWER = answer(1000)
TTL = 3600


def scenarios() -> list[Scenario]:
    """Two kinds of value in two flavours."""
    return [
        Scenario("async hit, text", "await get(key) of a text of 1,000 characters", _async(TEXT), "aicache get"),
        Scenario("async hit, dict", "await get(key) of a dict of 1 kB", _async(ANSWER), "aicache get"),
        Scenario("sync hit, text", "get(key) of a text of 1,000 characters", _sync(TEXT), "aicache get"),
        Scenario("sync hit, dict", "get(key) of a dict of 1 kB", _sync(ANSWER), "aicache get"),
    ]


def _async(value: Any) -> list[Contender]:
    shares = "hands out the very object" if isinstance(value, dict) else ""
    own = "each caller gets a dict of its own" if isinstance(value, dict) else ""

    def aicache(verb: str, **options: Any) -> Callable[[], AsyncGenerator[Run]]:
        async def opened() -> AsyncGenerator[Run]:
            from aicache import TieredCache
            from aicache_memory import MemoryBackend

            async with TieredCache([MemoryBackend(**options)]) as cache:
                await cache.set("key", value, ttl=TTL)
                call = {"get": lambda: cache.get("key"), "get_or_set": lambda: cache.get_or_set("key", list)}[verb]
                assert await call() == value
                yield repeated(call)

        return opened

    async def cashews() -> AsyncGenerator[Run]:
        from cashews import Cache

        cache = Cache()
        cache.setup("mem://")
        await cache.set("key", value, expire=TTL)
        assert await cache.get("key") == value
        yield repeated(lambda: cache.get("key"))
        await cache.close()

    async def aiocache() -> AsyncGenerator[Run]:
        from aiocache import SimpleMemoryCache

        cache = SimpleMemoryCache()
        await cache.set("key", value, ttl=TTL)
        assert await cache.get("key") == value
        yield repeated(lambda: cache.get("key"))
        await cache.clear()

    async def floor() -> AsyncGenerator[Run]:
        kept = {"key": value}

        async def get(key: str) -> Any:
            return kept.get(key)

        assert await get("key") is value
        yield repeated(lambda: get("key"))

    return [
        Contender("aicache get", aicache("get"), own),
        Contender("aicache get_or_set", aicache("get_or_set"), own),
        Contender("aicache get, copy=live", aicache("get", copy="live"), shares),
        Contender("cashews mem://", cashews, shares),
        Contender("aiocache memory", aiocache, shares),
        Contender("floor: a coroutine over a dict", floor, shares, is_floor=True),
    ]


def _sync(value: Any) -> list[Contender]:
    shares = "hands out the very object" if isinstance(value, dict) else ""
    own = "each caller gets a dict of its own" if isinstance(value, dict) else ""

    def aicache(verb: str, **options: Any) -> Callable[[], AsyncGenerator[Run]]:
        async def opened() -> AsyncGenerator[Run]:
            from aicache import SyncTieredCache
            from aicache_memory import SyncMemoryBackend

            with SyncTieredCache([SyncMemoryBackend(**options)]) as cache:
                cache.set("key", value, ttl=TTL)
                call = {"get": lambda: cache.get("key"), "get_or_set": lambda: cache.get_or_set("key", list)}[verb]
                assert call() == value
                yield called(call)

        return opened

    async def cachetools() -> AsyncGenerator[Run]:
        from cachetools import TTLCache

        cache: TTLCache[str, Any] = TTLCache(1024, TTL)
        lock = threading.Lock()
        cache["key"] = value

        def get() -> Any:
            with lock:
                return cache.get("key")

        assert get() == value
        yield called(get)

    async def floor() -> AsyncGenerator[Run]:
        kept = {"key": value}
        yield called(lambda: kept.get("key"))

    return [
        Contender("aicache get", aicache("get"), own),
        Contender("aicache get_or_set", aicache("get_or_set"), own),
        Contender("aicache get, copy=live", aicache("get", copy="live"), shares),
        Contender("cachetools TTLCache", cachetools, f"with the lock it needs between threads; {shares}".rstrip("; ")),
        Contender("floor: a dict", floor, shares, is_floor=True),
    ]
