"""AI caches of both flavours on a real server, whose verbs can be awaited."""

from __future__ import annotations

import inspect
from uuid import uuid4

import pytest

from aicache import AIResponseCache, SyncAIResponseCache
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend


class Verbs:
    """A cache of either flavour whose verbs can be awaited."""

    def __init__(self, cache):
        self.cache = cache

    def __getattr__(self, name):
        verb = getattr(self.cache, name)
        if not callable(verb) or name in ("describe",) or (name.startswith("get_") and name not in AWAITED):
            return verb

        async def settled(*args, **kwargs):
            said = verb(*args, **kwargs)
            return await said if inspect.isawaitable(said) else said

        return settled

    def scoped(self, scope):
        return Verbs(self.cache.scoped(scope))

    async def end(self):
        await (self.aclose() if hasattr(self.cache, "aclose") else self.close())


AWAITED = {"get_cached_response", "get_or_compute", "get_cache_stats"}


@pytest.fixture
def namespace():
    return f"t{uuid4().hex}"[:32]


@pytest.fixture(params=[AIResponseCache, SyncAIResponseCache], ids=["async", "sync"])
async def make(request, redis_url, namespace):
    made = []
    is_async = request.param is AIResponseCache
    memory, shared = (MemoryBackend, RedisBackend) if is_async else (SyncMemoryBackend, SyncRedisBackend)

    def build(**options):
        """What a URL would make, with more patience for a busy machine; with `url`, by the URL itself."""
        if not {"url", "tiers"} & options.keys():
            size = options.get("memory_cache_size", 100)
            here = [memory(max_entries=size)] if size else []
            options["tiers"] = [*here, shared(redis_url, prefix="", timeout=5.0)]
        url = options.pop("url", redis_url)
        made.append(Verbs(request.param(url, **{"namespace": namespace, **options})))
        return made[-1]

    yield build
    for cache in made:
        await cache.end()


OPERATIONS = ("summarize", "summarize*", "summary", "qa", "qa|b", "é")
TEXTS = ("a", "b" * 600)  # one that memory keeps, and one for Redis alone


async def fill(cache, operations=OPERATIONS):
    """Store an answer of each operation for both texts."""
    for operation in operations:
        for text in TEXTS:
            await cache.cache_response(text, operation, {}, {"operation": operation})
