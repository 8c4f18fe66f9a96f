"""Readers and writers at once over a store that fails, in seeded orders."""

from __future__ import annotations

import asyncio
import random

import pytest

from aicache import TieredCache
from aicache.errors import BackendError
from aicache.testing import FakeClock, FaultyBackend
from aicache.testing.faults import Fail
from aicache_memory import MemoryBackend


@pytest.mark.parametrize("seed", range(30))
async def test_no_read_returns_what_was_overwritten_or_deleted_before_it_began(seed):
    """Readers and writers at once over a store that fails, hangs for a while, and loses replies, in seeded order."""
    chance, clock = random.Random(seed), FakeClock()
    weather = {"bad": False}

    def plan(verb, key, number):
        if weather["bad"] and chance.random() < 0.8:
            return Fail(chance.choice([ConnectionError, TimeoutError])(), after=chance.random() < 0.3)
        return Fail(BackendError("OOM")) if chance.random() < 0.05 else None

    class Slow(FaultyBackend):
        async def _begin(self, verb, keys):
            faults = await super()._begin(verb, keys)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            return faults

    inner = MemoryBackend()
    tiers = [MemoryBackend(max_entries=2), Slow(inner, plan)] if seed % 2 else [Slow(inner, plan)]
    cache = TieredCache(tiers, clock=clock, random=chance.random)
    keys = ["a:1", "a:2", "b:1"]
    floor = dict.fromkeys(keys, 0)
    version = dict.fromkeys(keys, 0)
    reads = {"found": 0}

    async def write(key):
        for _ in range(60):
            version[key] += 1
            mine = version[key]
            what = chance.random()
            if what < 0.5:
                await cache.set(key, mine)
            elif what < 0.9:
                await cache.delete(key)
            else:
                await cache.delete_prefix(key)
            floor[key] = mine
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)

    async def read():
        for _ in range(150):
            key = chance.choice(keys)
            least = floor[key]
            found = await cache.get(key) if chance.random() < 0.7 else (await cache.get_many([key])).get(key)
            assert found is None or found >= least, (key, found, least)
            reads["found"] += found is not None
            await asyncio.sleep(0)

    async def change():
        for _ in range(60):
            weather["bad"] = chance.random() < 0.5
            clock.advance(chance.random())
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
        weather["bad"] = False

    await asyncio.gather(*(write(key) for key in keys), *(read() for _ in range(4)), change())
    assert reads["found"]
    clock.advance(20)
    for _ in range(200):
        clock.advance(1)
        await cache.get("anything")
        await asyncio.sleep(0)
    assert cache.stats().tiers[-1].pending == 0
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
