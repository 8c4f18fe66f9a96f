"""Outages and the tasks of an event loop: one probe at a time, and replays that hang or lose their loop."""

from __future__ import annotations

import asyncio

from aicache import Tier, TieredCache
from aicache._async import replay
from aicache.testing import FakeClock, FaultyBackend
from aicache_memory import MemoryBackend

from ..waiting import settle
from .outage import Outage, begin, caught_up, opened


class Gate(MemoryBackend):
    """A byte store that waits at its gate."""

    capabilities = frozenset()

    def __init__(self):
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.calls = 0
        self.fails = False

    async def _pass(self):
        self.calls += 1
        await self.open.wait()
        if self.fails:
            raise ConnectionError("gone")

    async def get(self, key):
        await self._pass()
        return await super().get(key)

    async def delete(self, key):
        await self._pass()
        return await super().delete(key)


async def test_one_probe_at_a_time_and_a_cancelled_one_gives_way():
    clock, store = FakeClock(), Gate()
    async with TieredCache([Tier(backend=store, timeout=None)], clock=clock) as cache:
        store.fails = True
        await opened(cache)
        clock.advance(1)
        store.fails, store.calls = False, 0
        store.open.clear()
        first = asyncio.create_task(cache.get("k"))
        await settle()
        assert [await cache.get(f"k{number}") for number in range(20)] == [None] * 20
        assert store.calls == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(cache.get("k"))
        await settle()
        assert store.calls == 2
        assert cache.stats().tiers[0].bypassed == 20
        store.open.set()
        await second
        await asyncio.gather(*(cache.get(f"k{number}") for number in range(20)))
        assert store.calls == 22


async def test_closing_ends_a_replay_that_hangs(monkeypatch):
    monkeypatch.setattr(replay, "_PATIENCE", 0.0)
    clock, store = FakeClock(), Gate()
    cache = TieredCache([Tier(backend=store, timeout=None)], clock=clock)
    store.fails = True
    await opened(cache)
    await cache.delete("k")
    store.fails = False
    clock.advance(1)
    await cache.get("other")
    store.open.clear()
    await settle()
    assert len(asyncio.all_tasks()) == 2
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_deletion_is_made_up_for():
    store = Gate()
    async with TieredCache([Tier(backend=store, timeout=None)]) as cache:
        await cache.set("k", "old")
        store.open.clear()
        deleting = asyncio.create_task(cache.delete("k"))
        await settle()
        deleting.cancel()
        await asyncio.gather(deleting, return_exceptions=True)
        store.open.set()
        assert await cache.get("k") is None
        await caught_up(cache)
        assert await store.get("k") is None


def test_a_replay_whose_loop_was_closed_is_taken_up_by_the_next():
    clock, inner, plan = FakeClock(), MemoryBackend(), Outage()
    inner.capabilities = frozenset()
    store = FaultyBackend(inner, plan)
    cache = TieredCache([store], clock=clock)

    async def lose():
        await cache.set("k", "old")
        begin(plan)
        await cache.delete("k")
        plan.error = None
        await cache.get("other")  # a task begins, and its loop ends

    loop = asyncio.new_event_loop()
    loop.run_until_complete(lose())
    task = cache._chain.tiers[0].watch.replay._task
    assert task is not None
    loop.close()
    task._log_destroy_pending = False

    async def go_on():
        assert await cache.get("k") is None
        await caught_up(cache)
        assert await inner.get("k") is None

    asyncio.run(go_on())
