"""Giving back what invalidated entries take, in both flavours where it is the same, over a store that can and one that
cannot.
"""

from __future__ import annotations

import asyncio

import pytest

from aicache import AIResponseCache, SyncTieredCache, TieredCache
from aicache.errors import BackendError, ClosedError, InvalidTypeError, UnsupportedError
from aicache.testing import SharedStore, SyncSharedStore
from aicache_memory import MemoryBackend, SyncMemoryBackend


class Gated(SharedStore):
    """A store that removes one half, and the other when it is let."""

    def __init__(self, **options):
        super().__init__(**options)
        self.half, self.gate = asyncio.Event(), asyncio.Event()

    async def reclaim(self, prefix=""):
        removed = await super().reclaim(f"{prefix}0")
        self.half.set()
        await self.gate.wait()
        return removed + await super().reclaim(prefix)


KEYS = {f"k:{half}{number}": number for half in "01" for number in range(3)}


async def filled(*tiers):
    cache = TieredCache(tiers)
    await cache.set_many(KEYS, tags=["t"])
    await cache.set("other", 1)
    await cache.invalidate_tags("t")
    return cache


@pytest.mark.parametrize("memory", [True, False])
async def test_what_begins_with_the_prefix_is_removed_and_counted(memory):
    store = SharedStore()
    async with await filled(*([MemoryBackend()] if memory else []), store) as cache:
        assert await cache.reclaim("k:") == 6
        assert store.shelf.listed() == ["other"]
        assert await cache.reclaim("k:") == 0
        assert cache.stats().tiers[-1].reclaimed == 6
        assert await cache.get("other") == 1


def test_the_sync_flavour_does_the_same():
    told = []
    with SyncTieredCache([SyncMemoryBackend(), store := SyncSharedStore()], observers=[told.append]) as cache:
        cache.set_many(KEYS, tags=["t"])
        cache.set("other", 1)
        cache.invalidate_tags("t")
        told.clear()
        assert cache.reclaim("k:") == 6
        assert store.shelf.listed() == ["other"]
        (event,) = [event for event in told if event.kind == "reclaim"]
        assert (event.key, event.number, event.seconds >= 0) == ("k:", 6, True)


async def test_it_goes_on_when_its_caller_is_cancelled_and_shows_how_far_it_is():
    store = Gated()
    cache = await filled(store)
    caller = asyncio.ensure_future(cache.reclaim("k:"))
    await store.half.wait()
    assert cache.stats().tiers[-1].reclaimed == 3
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    store.gate.set()
    await cache.aclose()  # it waits for it
    assert store.shelf.listed() == ["other"]
    with pytest.raises(ClosedError):
        await cache.reclaim("k:")


async def test_one_that_hangs_is_left_off_when_the_cache_is_closed(monkeypatch):
    monkeypatch.setattr("aicache._async.reclaiming._PATIENCE", 0.0)
    store = Gated()
    cache = await filled(store)
    caller = asyncio.ensure_future(cache.reclaim("k:"))
    await store.half.wait()
    await cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_store_that_fails_is_counted_and_what_it_removed_is_returned(monkeypatch):
    store = Gated()
    cache = await filled(store)

    async def fail():
        raise BackendError("gone")

    monkeypatch.setattr(store.gate, "wait", fail)
    assert await cache.reclaim("k:") == 3
    assert cache.stats().tiers[-1].errors == 1
    assert await cache.get("k:10") is None  # it was over before


async def test_no_other_process_is_told(monkeypatch):
    store = SharedStore()
    async with await filled(store) as cache:
        position = (await store.follow(None, 0)).position
        await cache.reclaim("k:")
        assert await store.follow(position, 0, own=True) == (position, [], [], True, [])


async def test_where_a_store_cannot_the_keys_are_deleted_one_by_one(flavour):
    store = flavour.big_store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set_many(KEYS)
    await cache.set("other", 1)
    assert await cache.reclaim("k:") == 6
    assert list(store.data) == ["other"]


async def test_a_store_that_cannot_list_its_keys_either_is_refused(flavour):
    with pytest.raises(UnsupportedError, match="has no scan"):
        await flavour.cache(flavour.store()).reclaim("k:")


async def test_a_prefix_is_text(flavour):
    with pytest.raises(InvalidTypeError, match="prefix must be a str"):
        await flavour.cache(flavour.memory()).reclaim(b"k:")


@pytest.mark.parametrize("of_one_operation", [True, False])
async def test_answers_are_over_in_every_process_before_the_first_is_removed(of_one_operation):
    store = Gated()
    cache, other = AIResponseCache(tiers=[store]), AIResponseCache(tiers=[store.peer()])
    for number in range(3):
        await cache.cache_response(f"text {number}", "qa", {}, number)
    end = cache.invalidate_by_operation("qa") if of_one_operation else cache.invalidate_all()
    caller = asyncio.ensure_future(end)
    await store.half.wait()
    assert len(store.shelf.listed()) == 3
    assert [await other.lookup(f"text {number}", "qa", {}) for number in range(3)] == [None] * 3
    store.gate.set()
    assert await caller == 3
    await cache.aclose()
    await other.aclose()
