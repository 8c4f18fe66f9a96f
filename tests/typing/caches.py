"""What both caches give to a type checker: the factory's type comes through, awaited or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from aicache import CacheStats, Lookup, Policy, SyncTieredCache, Tier, TieredCache
from aicache_memory import MemoryBackend, SyncMemoryBackend


def count() -> int:
    return 1


async def count_later() -> int:
    return 1


def lengths(keys: list[str]) -> dict[str, int]:
    return {key: len(key) for key in keys}


async def lengths_later(keys: list[str]) -> Mapping[str, int]:
    return lengths(keys)


async def use(cache: TieredCache) -> None:
    assert_type(await cache.get("key"), Any)
    assert_type(await cache.lookup("key"), Lookup)
    assert_type(await cache.get_or_set("key", count), int)
    assert_type(await cache.get_or_set("key", count_later), int)
    assert_type(await cache.get_many(["key"]), dict[str, Any])
    assert_type(await cache.get_or_set_many(["key"], lengths), dict[str, int])
    assert_type(await cache.get_or_set_many(["key"], lengths_later), dict[str, int])
    assert_type(await cache.delete("key"), bool)
    assert_type(await cache.delete_many(["key"]), int)
    assert_type(await cache.expire("key"), bool)
    assert_type(await cache.touch("key"), bool)
    assert_type(await cache.touch("key", None), bool)
    await cache.touch("key", "60")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(cache.stats(), CacheStats)
    await cache.set("key", object(), ttl=None)
    await cache.set("key", object(), 60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await cache.get_or_set("key", 42)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await cache.get_or_set("key", lengths)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    async with cache as same:
        assert_type(same, TieredCache)
    with cache:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


def use_sync(cache: SyncTieredCache) -> None:
    assert_type(cache.get("key"), Any)
    assert_type(cache.lookup("key"), Lookup)
    assert_type(cache.get_or_set("key", count), int)
    assert_type(cache.get_or_set_many(["key"], lengths), dict[str, int])
    assert_type(cache.delete("key"), bool)
    assert_type(cache.expire("key"), bool)
    assert_type(cache.touch("key", 60), bool)
    with cache as same:
        assert_type(same, SyncTieredCache)


TieredCache([MemoryBackend(), Tier(backend=MemoryBackend())], policy=Policy(ttl=60))
TieredCache([TieredCache([MemoryBackend()])])
TieredCache(MemoryBackend())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TieredCache([MemoryBackend()], ttl=60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
TieredCache([SyncTieredCache([SyncMemoryBackend()])])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]

cache = TieredCache([MemoryBackend()])
threads = SyncTieredCache([SyncMemoryBackend()])


def name_of(prompt: str) -> str:
    return f"p:{prompt}"


@cache.cached(ttl=60)
async def complete(prompt: str, *, model: str = "small") -> list[str]:
    return [prompt, model]


@cache.cached(key=name_of)
def complete_now(prompt: str) -> list[str]:
    return [prompt]


@threads.cached()
def complete_in_threads(prompt: str) -> list[str]:
    return [prompt]


async def use_decorated() -> None:
    assert_type(await complete("hello", model="large"), list[str])
    assert_type(await complete_now("hello"), list[str])
    assert_type(complete_in_threads("hello"), list[str])
    assert_type(complete.key("hello"), str)
    assert_type(await complete.invalidate("hello"), bool)
    await complete(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    complete.key()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
