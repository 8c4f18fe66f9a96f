"""What a type checker makes of a stream: the type of its chunks comes through from whatever the factory returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import assert_type

from aicache import Policy, Skip, Store, SyncTieredCache, TieredCache


async def generate() -> AsyncIterator[str]:
    yield "a"


async def opened() -> AsyncIterator[str]:
    return generate()


async def opened_now() -> Iterator[str]:
    return now()


def now() -> Iterator[str]:
    yield "a"


def pieces() -> list[dict[str, int]]:
    return [{"a": 1}]


def keep(chunks: list[str]) -> list[str] | None:
    if not chunks:
        return Skip(chunks, "empty")
    return Store(chunks, ttl=60) if len(chunks) > 1 else None


def keep_numbers(chunks: list[int]) -> None: ...


async def use(cache: TieredCache) -> None:
    assert_type(cache.stream("k", generate), AsyncGenerator[str, None])
    assert_type(cache.stream("k", opened), AsyncGenerator[str, None])
    assert_type(cache.stream("k", opened_now), AsyncGenerator[str, None])
    assert_type(cache.stream("k", now), AsyncGenerator[str, None])
    assert_type(cache.stream("k", pieces), AsyncGenerator[dict[str, int], None])
    async for chunk in cache.stream("k", generate, keep=keep, ttl=None, policy=Policy(ttl=60), pacing="recorded"):
        assert_type(chunk, str)
    await cache.stream("k", generate, on_hit=lambda tier: assert_type(tier, str)).aclose()
    cache.stream("k", generate, keep=keep_numbers)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    cache.stream("k", generate, pacing="slow")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cache.stream("k", 42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await cache.stream("k", generate)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


def use_sync(cache: SyncTieredCache) -> None:
    assert_type(cache.stream("k", now), Generator[str, None, None])
    assert_type(cache.stream("k", pieces), Generator[dict[str, int], None, None])
    for chunk in cache.stream("k", now, keep=keep):
        assert_type(chunk, str)
    cache.stream("k", now).close()
    cache.stream("k", generate)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
