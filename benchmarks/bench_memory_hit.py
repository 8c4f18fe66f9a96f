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

Opened = Callable[[], AsyncGenerator[Run]]


def scenarios() -> list[Scenario]:
    """Two kinds of value, two flavours, two verbs."""
    text, a_dict = "a text of 1,000 characters", "a dict of 1 kB"
    return [
        Scenario("async hit, text", f"await get(key) of {text}", _async(TEXT), "aicache get"),
        Scenario("async hit, dict", f"await get(key) of {a_dict}", _async(ANSWER), "aicache get"),
        Scenario("async get_or_set hit, text", f"await get_or_set(key, …) of {text}", _async_or_set(), "aicache"),
        Scenario("sync hit, text", f"get(key) of {text}", _sync(TEXT), "aicache get"),
        Scenario("sync hit, dict", f"get(key) of {a_dict}", _sync(ANSWER), "aicache get"),
        Scenario("sync get_or_set hit, text", f"get_or_set(key, …) of {text}", _sync_or_set(), "aicache"),
    ]


def _notes(value: Any) -> tuple[str, str]:
    """What the contenders that share do, and those that do not; text can be shared by all."""
    return ("hands out the very object", "each caller gets a dict of its own") if isinstance(value, dict) else ("", "")


def _never() -> Any:
    raise AssertionError("the value is cached, and was asked for again")


# -- async


def _aicache(value: Any, verb: str, *more: Any, **options: Any) -> Opened:
    async def opened() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend

        async with TieredCache([MemoryBackend(**options)]) as cache:
            await cache.set("key", value, ttl=TTL)
            call = getattr(cache, verb)
            assert await call("key", *more) == value
            yield repeated(call, "key", *more)

    return opened


async def _backend() -> AsyncGenerator[Run]:
    from aicache_memory import MemoryBackend

    backend = MemoryBackend()
    await backend.set("key", TEXT.encode(), ttl=TTL)
    assert await backend.get("key") == TEXT.encode()
    yield repeated(backend.get, "key")
    await backend.aclose()


def _cashews(value: Any, verb: str, *more: Any) -> Opened:
    async def opened() -> AsyncGenerator[Run]:
        from cashews import Cache

        cache = Cache()
        cache.setup("mem://")
        await cache.set("key", value, expire=TTL)
        call = getattr(cache, verb)
        assert await call("key", *more) == value
        yield repeated(call, "key", *more)
        await cache.close()

    return opened


def _async(value: Any) -> list[Contender]:
    shares, own = _notes(value)

    async def aiocache() -> AsyncGenerator[Run]:
        from aiocache import SimpleMemoryCache

        cache = SimpleMemoryCache()
        await cache.set("key", value, ttl=TTL)
        assert await cache.get("key") == value
        yield repeated(cache.get, "key")
        await cache.clear()

    async def py_key_value() -> AsyncGenerator[Run]:
        from key_value.aio.stores.memory import MemoryStore

        wanted = value if isinstance(value, dict) else {"text": value}
        store = MemoryStore()
        await store.put("key", wanted, ttl=TTL)
        assert await store.get("key") == wanted
        yield repeated(store.get, "key")

    async def coroutine_over_dict() -> AsyncGenerator[Run]:
        kept = {"key": value}

        async def get(key: str) -> Any:
            return kept.get(key)

        assert await get("key") is value
        yield repeated(get, "key")

    async def empty_coroutine() -> AsyncGenerator[Run]:
        async def get(_key: str) -> Any:
            return value

        assert await get("key") is value
        yield repeated(get, "key")

    return [
        Contender("aicache get", _aicache(value, "get"), own),
        Contender("aicache get, copy=live", _aicache(value, "get", copy="live"), shares),
        Contender("aicache MemoryBackend.get", _backend, "the backend alone: 1 kB of bytes"),
        Contender(
            "cashews mem://", _cashews(value, "get"), shares and "hands out a shallow copy: what is inside is shared"
        ),
        Contender("aiocache memory", aiocache, shares),
        Contender("py-key-value memory", py_key_value, "keeps dicts only, as JSON; each caller gets its own"),
        Contender("floor: a coroutine over a dict", coroutine_over_dict, shares, is_floor=True),
        Contender("floor: an empty coroutine", empty_coroutine, "looks nothing up", is_floor=True),
    ]


def _async_or_set() -> list[Contender]:
    async def aiocache() -> AsyncGenerator[Run]:
        from aiocache import cached

        answers = iter([TEXT])

        @cached(ttl=TTL, key_builder=lambda _function, key: key)
        async def ask(_key: str) -> str:
            return next(answers)

        assert await ask("key") == await ask("key") == TEXT
        yield repeated(ask, "key")
        await ask.cache.clear()

    return [
        Contender("aicache", _aicache(TEXT, "get_or_set", _never), "single flight"),
        Contender("cashews mem://", _cashews(TEXT, "get_or_set", _never), "no single flight in this verb"),
        Contender("aiocache memory", aiocache, "has only its decorator; no single flight"),
    ]


# -- sync


def _sync_aicache(value: Any, verb: str, *more: Any, **options: Any) -> Opened:
    async def opened() -> AsyncGenerator[Run]:
        from aicache import SyncTieredCache
        from aicache_memory import SyncMemoryBackend

        with SyncTieredCache([SyncMemoryBackend(**options)]) as cache:
            cache.set("key", value, ttl=TTL)
            call = getattr(cache, verb)
            assert call("key", *more) == value
            yield called(call, "key", *more)

    return opened


async def _sync_backend() -> AsyncGenerator[Run]:
    from aicache_memory import SyncMemoryBackend

    backend = SyncMemoryBackend()
    backend.set("key", TEXT.encode(), ttl=TTL)
    assert backend.get("key") == TEXT.encode()
    yield called(backend.get, "key")
    backend.close()


def _sync(value: Any) -> list[Contender]:
    shares, own = _notes(value)

    async def cachetools() -> AsyncGenerator[Run]:
        from cachetools import TTLCache

        cache: TTLCache[str, Any] = TTLCache(1024, TTL)
        lock = threading.Lock()
        cache["key"] = value

        def get(key: str) -> Any:
            with lock:
                return cache.get(key)

        assert get("key") == value
        yield called(get, "key")

    async def floor() -> AsyncGenerator[Run]:
        kept = {"key": value}
        assert kept.get("key") is value
        yield called(kept.get, "key")

    return [
        Contender("aicache get", _sync_aicache(value, "get"), own),
        Contender("aicache get, copy=live", _sync_aicache(value, "get", copy="live"), shares),
        Contender("aicache SyncMemoryBackend.get", _sync_backend, "the backend alone: 1 kB of bytes"),
        Contender("cachetools TTLCache", cachetools, f"with the lock it needs between threads; {shares}".rstrip("; ")),
        Contender("floor: dict.get", floor, shares, is_floor=True),
    ]


def _sync_or_set() -> list[Contender]:
    async def cachetools() -> AsyncGenerator[Run]:
        from cachetools import TTLCache, cached

        answers = iter([TEXT])

        @cached(TTLCache(1024, TTL), lock=threading.Lock())
        def ask(_key: str) -> str:
            return next(answers)

        assert ask("key") == ask("key") == TEXT
        yield called(ask, "key")

    return [
        Contender("aicache", _sync_aicache(TEXT, "get_or_set", _never), "single flight"),
        Contender("cachetools TTLCache", cachetools, "has only its decorator; locked, no single flight"),
    ]
