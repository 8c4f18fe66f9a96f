"""A hit in the first of two tiers, memory before Redis: what the second tier costs where it is not asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
from harness import Contender, Run, Scenario, Taken, Watch

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
            yield _hits(cache.get, "key")

    async def aicache() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend
        from aicache_redis import RedisBackend

        async with (
            TieredCache([MemoryBackend(), RedisBackend(url, prefix="tiers:", timeout=10)]) as cache,
            redis.asyncio.Redis.from_url(url) as observer,
        ):
            await cache.set("key", TEXT, ttl=TTL)
            async with asyncio.timeout(10):
                while (found := await cache.lookup("key")).tier != "memory":  # it answers once the feed is heard
                    assert found.value == TEXT
                    await asyncio.sleep(0.01)
            assert found.value == await cache.get("key") == TEXT
            hits = _hits(cache.get, "key")

            async def run(count: int) -> Taken:
                before, feed = await _commands(observer)
                with Watch() as watch:
                    await hits(count)
                after, told = await _commands(observer)
                return watch.taken(count, **{"Redis commands": after - before, "of the feed": told - feed})

            yield run

    async def cashews() -> AsyncGenerator[Run]:
        from cashews import Cache

        cache = Cache()
        cache.setup(url, client_side=True)
        await cache.set("key", TEXT, expire=TTL)
        assert await cache.get("key") == TEXT
        yield _hits(cache.get, "key")
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
            yield _hits(get, "key")
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
            yield _hits(cache.get, "key")

    async def litellm() -> AsyncGenerator[Run]:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or its import asks the network for prices
        from litellm.caching.dual_cache import DualCache
        from litellm.caching.in_memory_cache import InMemoryCache
        from litellm.caching.redis_cache import RedisCache

        store = RedisCache(host=place.hostname, port=place.port, namespace="litellm")
        cache = DualCache(InMemoryCache(default_ttl=TTL), store, default_in_memory_ttl=TTL)
        await cache.async_set_cache("key", TEXT, ttl=TTL)
        assert await cache.async_get_cache("key") == TEXT
        yield _hits(cache.async_get_cache, "key")
        await store.disconnect()

    async def empty_coroutine() -> AsyncGenerator[Run]:
        async def get(_key: str) -> str:
            return TEXT

        yield _hits(get, "key")

    return [
        Scenario(
            "async hit, two tiers",
            "await get(key) of a text of 1,000 characters that is in memory and in Redis",
            [
                Contender("aicache", aicache, "TieredCache of memory and Redis, whose feed of invalidations is heard"),
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


def _hits(get: Callable[[str], Awaitable[Any]], key: str) -> Run:
    """Hit again and again. The event loop turns after every thousand, as an application's does: else no cache could
    hear of what others invalidate.
    """

    async def run(count: int) -> None:
        for done in range(count):
            await get(key)
            if not done % 1_000:
                await asyncio.sleep(0)

    return run


async def _commands(observer: redis.asyncio.Redis) -> tuple[int, int]:
    """Commands that the server ran since its start, but for those that ask how many: those of the verbs, and those by
    which a cache hears of what others invalidate, which are as many a second whatever is hit.
    """
    stats = await observer.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    feed = sum([calls.pop(name, 0) for name in ("xread", "xrange")])
    calls.pop("info", None)
    return sum(calls.values()), feed
