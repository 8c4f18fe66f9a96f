"""A hit in the first of two tiers, memory before Redis: what the second tier costs where it is not asked."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
from harness import Contender, Run, Scenario, Taken, Watch, repeated

__all__ = ["scenarios"]

TEXT = "It is 42. " * 100
TTL = 3600


def scenarios(url: str) -> list[Scenario]:
    """One."""
    place = urlsplit(url)

    async def one_tier() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend

        async with TieredCache([MemoryBackend()]) as cache:
            await cache.set("key", TEXT, ttl=TTL)
            assert await cache.get("key") == TEXT
            yield repeated(cache.get, "key")

    async def aicache() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend
        from aicache_redis import RedisBackend

        async with (
            TieredCache([MemoryBackend(), RedisBackend(url, prefix="tiers:", timeout=10)]) as cache,
            redis.asyncio.Redis.from_url(url) as observer,
        ):
            await cache.set("key", TEXT, ttl=TTL)
            assert await cache.get("key") == TEXT
            hits = repeated(cache.get, "key")

            async def run(count: int) -> Taken:
                before = await _commands(observer)
                with Watch() as watch:
                    await hits(count)
                return watch.taken(count, **{"Redis commands": await _commands(observer) - before})

            yield run

    async def cashews() -> AsyncGenerator[Run]:
        from cashews import Cache

        cache = Cache()
        cache.setup(url, client_side=True)
        await cache.set("key", TEXT, expire=TTL)
        assert await cache.get("key") == TEXT
        yield repeated(cache.get, "key")
        await cache.close()

    async def aiocache() -> AsyncGenerator[Run]:
        from aiocache import RedisCache, SimpleMemoryCache
        from aiocache.serializers import JsonSerializer

        memory = SimpleMemoryCache()
        async with RedisCache(endpoint=place.hostname, port=place.port, serializer=JsonSerializer()) as store:

            async def get(key: str) -> Any:
                found = await memory.get(key)
                if found is None:
                    found = await store.get(key)
                    if found is not None:
                        await memory.set(key, found, ttl=TTL)
                return found

            await store.set("key", TEXT, ttl=TTL)
            assert await get("key") == await get("key") == TEXT
            yield repeated(get, "key")
            await memory.clear()

    async def py_key_value() -> AsyncGenerator[Run]:
        from key_value.aio.stores.memory import MemoryStore
        from key_value.aio.stores.redis import RedisStore
        from key_value.aio.wrappers.passthrough_cache import PassthroughCacheWrapper

        wanted = {"text": TEXT}
        async with RedisStore(url=url) as store:
            cache = PassthroughCacheWrapper(store, MemoryStore())
            await cache.put("key", wanted, ttl=TTL)
            assert await cache.get("key") == await cache.get("key") == wanted
            yield repeated(cache.get, "key")

    async def litellm() -> AsyncGenerator[Run]:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or its import asks the network for prices
        from litellm.caching.dual_cache import DualCache
        from litellm.caching.in_memory_cache import InMemoryCache
        from litellm.caching.redis_cache import RedisCache

        store = RedisCache(host=place.hostname, port=place.port, namespace="litellm")
        cache = DualCache(InMemoryCache(default_ttl=TTL), store, default_in_memory_ttl=TTL)
        await cache.async_set_cache("key", TEXT, ttl=TTL)
        assert await cache.async_get_cache("key") == TEXT
        yield repeated(cache.async_get_cache, "key")
        await store.disconnect()

    async def empty_coroutine() -> AsyncGenerator[Run]:
        async def get(_key: str) -> str:
            return TEXT

        yield repeated(get, "key")

    return [
        Scenario(
            "async hit, two tiers",
            "await get(key) of a text of 1,000 characters that is in memory and in Redis",
            [
                Contender("aicache", aicache, "TieredCache of memory and Redis; how often Redis is asked is counted"),
                Contender("aicache, memory tier alone", one_tier, "TieredCache of memory"),
                Contender("cashews", cashews, "client_side=True: memory that Redis keeps right"),
                Contender("aiocache", aiocache, "two caches, one asked after the other by hand"),
                Contender("py-key-value", py_key_value, "PassthroughCacheWrapper; keeps dicts only"),
                *([Contender("LiteLLM's DualCache", litellm, "memory and Redis")] if find_spec("litellm") else []),
                Contender("floor: an empty coroutine", empty_coroutine, "looks nothing up", is_floor=True),
            ],
            "aicache",
        )
    ]


async def _commands(observer: redis.asyncio.Redis) -> int:
    """Commands that the server ran since its start, but for those that ask how many."""
    stats = await observer.info("commandstats")
    return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")
