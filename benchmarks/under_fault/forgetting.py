"""The keys that processes share, and how each is invalidated: by itself, by a tag, or with all others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aicache import TieredCache

__all__ = ["PREFIX", "Forget", "by_clear", "by_key", "by_tag", "key_of", "tags_of"]

PREFIX = "coherent:"

Forget = Callable[[TieredCache, int], Awaitable[object]]
"""How a key is invalidated, by its number."""


def key_of(at: int) -> str:
    return f"key {at}"


def tags_of(at: int) -> list[str]:
    return [f"tag {at}"]  # all keys have one, and most ways to forget need none


async def by_key(cache: TieredCache, at: int) -> None:
    await cache.delete(key_of(at))


async def by_tag(cache: TieredCache, at: int) -> None:
    await cache.invalidate_tags(*tags_of(at))


async def by_clear(cache: TieredCache, _at: int) -> None:
    await cache.clear()
