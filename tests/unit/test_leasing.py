"""A tier with leases stores what was loaded only under a token, and nothing above it keeps what it refused."""

from __future__ import annotations

import asyncio
import random

import pytest

from aicache import TieredCache
from aicache.errors import BackendUnavailableError
from aicache.testing import SharedStore
from aicache.testing.virtual_time import run
from aicache_memory import MemoryBackend


class Tokenless(SharedStore):
    """It gives no tokens."""

    async def lease(self, keys, **options):
        return {}


class Away(SharedStore):
    """It fails but for its feed."""

    async def lease(self, keys, **options):
        raise BackendUnavailableError("no lease can be had")


def cached(body, store=SharedStore):
    async def main():
        clock = asyncio.get_running_loop().time
        shared, memory = store(clock=clock), MemoryBackend(clock=clock)
        async with TieredCache([memory, shared], clock=clock, wall_clock=clock) as cache:
            await body(cache, shared, memory)

    run(main())


@pytest.mark.parametrize("many", [False, True])
def test_without_a_token_nothing_is_stored_anywhere(many):
    async def body(cache, shared, memory):
        if many:
            assert await cache.get_or_set_many(["k"], lambda keys: {"k": "made"}) == {"k": "made"}
        else:
            assert await cache.get_or_set("k", lambda: "made") == "made"
        assert shared.shelf.listed() == []
        assert memory.peek("k") is None
        assert cache.stats().overtaken == 1

    cached(body, Tokenless)


def test_while_the_store_fails_and_its_feed_is_heard_memory_alone_keeps_what_was_loaded():
    async def body(cache, shared, memory):
        assert await cache.get_or_set("k", lambda: "made") == "made"
        assert shared.shelf.listed() == []
        assert memory.peek("k").value == "made"
        shared.shelf.delete(99, ["k"])
        await asyncio.sleep(0.02)
        assert memory.peek("k") is None

    cached(body, Away)


@pytest.mark.parametrize("lost", ["restart", "lose_tokens"])
def test_a_token_that_is_lost_while_it_is_loaded_lets_nothing_in(lost):
    async def body(cache, shared, memory):
        def make():
            getattr(shared.shelf, lost)()
            return "made"

        assert await cache.get_or_set("k", make) == "made"
        assert shared.shelf.listed() == []
        assert memory.peek("k") is None
        assert await cache.get_or_set("k", lambda: "again") == "again"
        assert shared.shelf.listed() == ["k"]

    cached(body)


def test_bytes_that_are_not_believed_are_leased_anew_and_written_over():
    async def body(cache, shared, memory):
        shared.shelf.set(99, {"k": (b"no envelope", None)})
        assert await cache.get_or_set("k", lambda: "made") == "made"
        async with TieredCache([shared.peer()]) as other:
            assert await other.get("k") == "made"
        assert sum(cache.stats().tiers[1].refused.values()) == 1

    cached(body)


def test_a_set_is_not_overwritten_by_a_load_of_another_process_that_began_before():
    async def body(cache, shared, memory):
        async with TieredCache([shared.peer()]) as other:

            async def make():
                await other.set("k", "set meanwhile")
                return "made"

            await cache.get_or_set("k", make)
            assert await other.get("k") == "set meanwhile"
            assert memory.peek("k") is None

    cached(body)


class Unleased:
    """The four verbs of a store, whose leases a cache does not see."""

    def __init__(self, inner):
        self.get, self.set, self.delete, self.aclose = inner.get, inner.set, inner.delete, inner.aclose


async def race(seed, *, leases):
    """Two processes read and load one key while a third changes its source and invalidates it; the last word of the
    source has to be what is read in the end, and no read that begins after an invalidation may get what was before.
    """
    clock, draw = asyncio.get_running_loop().time, random.Random(seed)

    def moment():
        return draw.uniform(0, 0.01)

    store = SharedStore(clock=clock, latency=moment)
    wrapped = (lambda peer: peer) if leases else Unleased
    caches = [TieredCache([wrapped(store.peer())], clock=clock, wall_clock=clock) for _ in range(3)]
    source = done = 0

    async def load():
        value = source
        await asyncio.sleep(moment())
        return value

    async def read(cache):
        for _ in range(4):
            least = done
            value = await cache.get_or_set("k", load)
            assert value >= least, f"read {value} after the invalidation of {least} was done"
            await asyncio.sleep(moment())

    async def invalidate():
        nonlocal source, done
        for _ in range(2):
            await asyncio.sleep(moment())
            source += 1
            value = source
            await caches[2].delete("k")
            done = value

    await asyncio.gather(read(caches[0]), read(caches[0]), read(caches[1]), invalidate())
    assert await caches[0].get_or_set("k", load) == source, "the key stays stale"
    for cache in caches:
        await cache.aclose()


# A block as large as the one in which the test below finds stale reads; the others are for the night.
@pytest.mark.parametrize("block", [0, *[pytest.param(block, marks=pytest.mark.nightly) for block in range(1, 10)]])
def test_with_leases_no_schedule_is_stale(block):
    for seed in range(block * 200, (block + 1) * 200):
        run(race(seed, leases=True), seed=seed)


def test_without_them_the_same_finds_stale_ones():
    stale = 0
    for seed in range(200):
        try:
            run(race(seed, leases=False), seed=seed)
        except AssertionError:
            stale += 1
    assert stale >= 10
