"""Readers that join, dawdle, leave and are cancelled, in every order."""

from __future__ import annotations

import asyncio
import random
from copy import deepcopy

import pytest

from aicache import Policy, TieredCache
from aicache.testing import virtual_time
from aicache_memory import MemoryBackend

from .joined import Reader, read


async def chaos(seed):
    """Readers that join, dawdle, leave and are cancelled, of a stream that may fail; checked against what it sends."""
    chance = random.Random(seed)
    sent = [chance.choice(["", None, b"b", {"n": [at]}, f"chunk {at}"]) for at in range(chance.randrange(12))]
    fails = chance.random() < 0.2
    large = chance.random() < 0.2
    policy = Policy(abandoned=chance.choice(["cancel", "complete"]))
    cache = TieredCache([MemoryBackend()], policy=policy)
    open_now = calls = 0
    invalidated = chance.random() < 0.2

    async def upstream():
        nonlocal open_now, calls
        calls += 1
        open_now += 1
        try:
            for chunk in sent:
                await asyncio.sleep(chance.choice([0, 0, 0.01, 0.1]))
                yield deepcopy(chunk)
            if fails:
                raise ConnectionError
        finally:
            try:
                await asyncio.sleep(chance.choice([0, 0.01]))  # a cancellation may come here too
            finally:
                open_now -= 1

    async def reader():
        await asyncio.sleep(chance.choice([0, 0, 0.01, 0.05, 0.3]))
        leaves = chance.choice([None, None, 0, 1, 3])
        got = []
        chunks = cache.stream("k", upstream, max_bytes=300 if large else 10_000)
        try:
            async for chunk in chunks:
                got.append(chunk)
                assert got == sent[: len(got)]
                if isinstance(chunk, dict):
                    got[-1] = {"n": [*chunk["n"]]}
                    chunk["n"].append("mine")
                if len(got) == leaves:
                    return
                await asyncio.sleep(chance.choice([0, 0, 0, 0.01, 0.2]))
        except ConnectionError:
            assert fails
            assert got == sent
        else:
            assert not fails
            assert got == sent
        finally:
            await chunks.aclose()

    async def murderer(tasks):
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
            chance.choice(tasks).cancel()

    async def forgetter():
        await asyncio.sleep(chance.choice([0, 0.05, 0.2]))
        if invalidated:
            await cache.delete("k")

    tasks = [asyncio.create_task(reader()) for _ in range(chance.randrange(1, 7))]
    for answer in await asyncio.gather(murderer(tasks), forgetter(), *tasks, return_exceptions=True):
        if isinstance(answer, Exception):
            raise answer
    await asyncio.sleep(10)
    assert open_now == 0
    assert cache._running.table == {}
    assert cache._running.pumps == set()
    assert cache._chain.fence._out == {}
    kept = await cache.get("k")
    if kept is not None:
        assert not fails
        assert kept["chunks"] == sent
    stats = cache.stats()
    assert stats.loads == calls
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("block", [0, *[pytest.param(block, marks=pytest.mark.nightly) for block in range(1, 8)]])
def test_every_order_of_events(block):
    for seed in range(block * 320, (block + 1) * 320):
        virtual_time.explore(lambda seed=seed: chaos(seed), [seed])


async def steady(seed):
    """While one reader stays, there is one upstream, whatever the others do."""
    chance = random.Random(seed)
    calls = 0

    async def upstream():
        nonlocal calls
        calls += 1
        for at in range(8):
            await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
            yield at

    async def guest():
        await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
        async for _ in cache.stream("k", upstream):
            await asyncio.sleep(chance.choice([0, 0.01, 1]))
            if chance.random() < 0.2:
                break

    async with TieredCache([MemoryBackend()]) as cache:
        tasks = [Reader(cache, upstream).task, *[asyncio.create_task(guest()) for _ in range(4)]]
        await asyncio.sleep(chance.choice([0, 0.01, 0.1]))
        chance.choice(tasks[1:]).cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[0] == list(range(8))
        assert calls == 1
        assert await read(cache) == list(range(8))


@pytest.mark.parametrize("block", [0, *[pytest.param(block, marks=pytest.mark.nightly) for block in range(1, 4)]])
def test_there_is_one_upstream_while_anyone_is_there(block):
    for seed in range(block * 100, (block + 1) * 100):
        virtual_time.explore(lambda seed=seed: steady(seed), [seed])
