"""A provider that is down for ten seconds, with answers that are fresh, stale, over-stale and invalidated."""

from __future__ import annotations

import asyncio
from typing import Any

from aicache.testing.virtual_time import run
from under_fault.rows import DownError, Figures, Row, Scale, exactly

__all__ = ["ROWS"]

TTL = 60
STALE = 600


async def _down(_name: str, _scale: Scale) -> Figures:
    figures: Figures = {}
    for place in ("memory", "store", "memory over store"):
        said = await asyncio.to_thread(run, _ten_seconds(place))
        for key, count in said.items():
            figures[key] = figures.get(key, 0) + count
    return figures


async def _ten_seconds(place: str) -> Figures:
    from aicache import Policy, TieredCache
    from aicache.testing import FaultyBackend
    from aicache_memory import MemoryBackend

    loop = asyncio.get_running_loop()
    tiers: list[Any] = [MemoryBackend(clock=loop.time)] if "memory" in place else []
    if "store" in place:
        tiers.append(FaultyBackend(MemoryBackend(clock=loop.time)))  # which makes of it a store of bytes
    policy = Policy(ttl=TTL, stale_if_error=STALE, throttle=1)
    figures: Figures = {"fresh": 0, "stale": 0, "marked": 0, "failed": 0, "wrong": 0}
    async with TieredCache(tiers, policy=policy, clock=loop.time, wall_clock=loop.time) as cache:
        await cache.set("over-stale", "over-stale")
        await asyncio.sleep(STALE)
        for key in ("stale", "deleted"):
            await cache.set(key, key)
        await asyncio.sleep(TTL + 1)
        for key in ("fresh", "expired", "invalidated"):
            await cache.set(key, key)
        await cache.expire("expired")
        await cache.delete("invalidated")
        await cache.delete("deleted")
        for _ in range(10):
            for key, may in _MAY.items():
                await _ask(cache, key, may, figures)
            await asyncio.sleep(1)
    return figures


def _fail() -> Any:
    raise DownError


async def _ask(cache: Any, key: str, may: str, figures: Figures) -> None:
    try:
        said = await cache.lookup_or_set(key, _fail)
    except DownError:
        figures["failed"] += 1
        figures["wrong"] += may != "failed"
        return
    kind = "stale" if said.stale else "fresh"
    figures[kind] += 1
    figures["marked"] += said.stale
    figures["wrong"] += kind != may or said.value != key


_MAY = {
    "fresh": "fresh",
    "stale": "stale",
    "expired": "stale",
    "over-stale": "failed",
    "invalidated": "failed",
    "deleted": "failed",
}


ROWS = [
    Row(
        name="provider down 10 s",
        goal="fresh and stale served, the stale marked; over-stale and invalidated never",
        measure=_down,
        held=exactly(fresh=30, stale=60, marked=60, failed=90, wrong=0),
    )
]
