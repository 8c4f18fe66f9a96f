"""`check` tries a shared tier end to end and says what does not hold, of stores with one fault each."""

from __future__ import annotations

import asyncio

import pytest

from aicache import AIResponseCache, Checkup, Policy, SyncTieredCache, Tier, TieredCache
from aicache.errors import BackendError, ClosedError, InvalidArgumentError
from aicache.testing import SharedStore, SyncSharedStore
from aicache_memory import MemoryBackend, SyncMemoryBackend

ALL = ["set", "get", "invalidate", "lease", "tags", "evict"]


def found(checkup):
    return [name for name, wrong in checkup.steps.items() if wrong is None]


async def test_a_good_store_holds_and_nothing_is_left_of_the_check():
    store, memory = SharedStore(), MemoryBackend()
    async with TieredCache([memory, store], policy=Policy(ttl=60)) as cache:
        assert "checked" not in cache.describe()
        checkup = await cache.check()
        assert (checkup.ok, checkup.tier, found(checkup)) == (True, "sharedstore", ALL)
        assert "checked sharedstore in" in cache.describe()
        assert "set, get, invalidate, lease, tags, evict hold" in cache.describe()
        assert store.shelf.listed() == []
        assert [key async for key in memory.scan()] == []
        stats = cache.stats()
        assert (stats.hits, stats.misses, [tier.writes for tier in stats.tiers]) == (0, 0, [0, 0])
    with pytest.raises(ClosedError):
        await cache.check()


def test_the_sync_flavour_does_the_same():
    with SyncTieredCache([SyncMemoryBackend(), SyncSharedStore()]) as cache:
        assert found(cache.check()) == ALL
        assert "evict hold" in cache.describe()


async def test_what_a_store_cannot_do_is_not_tried(flavour):
    assert list((await flavour.cache(flavour.store()).check()).steps) == ["set", "get", "invalidate"]
    async with TieredCache([SharedStore()]) as cache:
        assert list((await cache.check()).steps) == ALL[:-1]  # there is no memory


async def test_in_this_process_there_is_nothing_to_prove(flavour):
    cache = flavour.cache(flavour.memory())
    checkup = await cache.check()
    assert checkup == Checkup()
    assert checkup.ok
    assert "nothing to check" in cache.describe()


async def test_a_cache_among_the_tiers_is_tried_in_its_place(flavour):
    checkup = await flavour.cache(flavour.memory(), flavour.cache(flavour.store())).check()
    assert (checkup.ok, list(checkup.steps)) == (True, ["set", "get", "invalidate"])


class Away(SharedStore):
    async def set(self, key, value, *, ttl=None):
        raise BackendError("no right to write")


class Loses(SharedStore):
    async def set(self, key, value, *, ttl=None):
        pass


class Changes(SharedStore):
    async def get(self, key):
        return (await super().get(key)) and b"another"


class Keeps(SharedStore):
    async def delete(self, key):
        return True


class Believes(SharedStore):
    """It stores whatever was loaded."""

    async def fill(self, entries, *, holder=None):
        await self.set_many({key: (value, ttl) for key, (value, ttl, _) in entries.items()})
        return set(entries)


class Remembers(SharedStore):
    async def invalidate_tags(self, tags):
        pass


class Silent(SharedStore):
    async def follow(self, position, wait, *, own=False):
        return (await super().follow(position, wait, own=own))._replace(keys=[])


class Deaf(SharedStore):
    async def follow(self, position, wait, *, own=False):
        raise BackendError("no right to read")


@pytest.mark.parametrize(
    ("kind", "step", "said"),
    [
        (Away, "set", "BackendError: no right to write"),
        (Loses, "get", "what was stored is not there"),
        (Changes, "get", "another value came back"),
        (Keeps, "invalidate", "what was deleted is still there"),
        (Believes, "lease", "a load that began before an invalidation was stored after it"),
        (Remembers, "tags", "an invalidated tag has its old version"),
        (Silent, "evict", "what another process deletes stays in memory"),
        (Deaf, "evict", "the feed is not heard, so memory is not believed"),
    ],
)
async def test_what_does_not_hold_is_said_and_nothing_is_tried_after_it(kind, step, said):
    async with TieredCache([MemoryBackend(), kind()], sleep=no_time) as cache:
        checkup = await cache.check()
        assert list(checkup.steps.items())[-1] == (step, said)
        assert found(checkup) == ALL[: ALL.index(step)]
        assert not checkup.ok
        assert f"{step} does not hold: {said}" in cache.describe()
        assert checkup.to_dict()["steps"][step] == said
        assert cache.stats().tiers[1].errors == 0


async def no_time(_seconds):
    """A sleep that others may use."""
    await asyncio.sleep(0)


async def test_keys_begin_as_they_are_told_to():
    keys = set()

    class Notes(SharedStore):
        async def set(self, key, value, *, ttl=None):
            keys.add((key.rpartition(":")[0], ttl))
            await super().set(key, value, ttl=ttl)

    async with TieredCache([Tier(backend=Notes(), timeout=1.0)]) as cache:
        assert (await cache.check("mine")).ok
        with pytest.raises(InvalidArgumentError):
            await cache.check("")
    async with AIResponseCache(tiers=[MemoryBackend(), Notes()], namespace="ours") as answers:
        assert (await answers.check()).ok
        assert "checked" in answers.describe()
    assert keys == {("mine", 10.0), ("ours:op:check", 10.0)}
