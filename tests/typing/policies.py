"""What a type checker makes of a factory that returns a `Store` or a `Skip`: it is annotated with the value within."""

from __future__ import annotations

from typing import Any, assert_type

from aicache import Lookup, NotModified, Policy, Skip, Store, SyncTieredCache, TieredCache, previous


async def stored() -> str:
    return Store("text", ttl=60)


async def skipped() -> str:
    return Skip("text", "truncated")


def conditional() -> int:
    if previous() is not None:
        assert_type(NotModified(), Any)
        return NotModified(ttl=60)  # type: ignore[no-any-return]
    return Store(1, ttl=None, cost=0.5)


async def use(cache: TieredCache, sync: SyncTieredCache) -> None:
    assert_type(previous(), Lookup | None)
    assert_type(await cache.get_or_set("k", stored), str)
    assert_type(await cache.get_or_set("k", skipped, policy=Policy(ttl=60)), str)
    assert_type(await cache.get_or_set("k", conditional), int)
    assert_type(sync.get_or_set("k", conditional), int)
    assert_type(cache.stats().stale, int)
    await cache.get_or_set("k", stored, policy=60)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


Policy(ttl=60, stale_if_error=600, store_if=bool, abandoned="complete")
Policy(abandoned="forget")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(Store(1), int)
Store(1, ttl="1h")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
