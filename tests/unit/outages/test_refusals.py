"""A server that is there and refuses, all or some of what it is told, in both flavours."""

from __future__ import annotations

import asyncio

from aicache.errors import BackendError, InvalidArgumentError
from aicache.testing import FaultyBackend, SyncFaultyBackend
from aicache.testing.faults import Fail

from .outage import Outage, begin, caught_up


async def test_reads_go_on_when_only_writes_are_refused(cache, store, inner, outage, clock, caplog):
    await cache.set_many({"k": "old", "other": "v"})
    begin(outage, BackendError("OOM command not allowed"))
    outage.verbs = {"set", "set_many"}
    for number in range(20):
        await cache.set(f"n{number}", number)
        assert await cache.get("other") == "v"
    assert cache.stats().tiers[0].bypassed == 0
    await cache.set("k", "new")
    assert await cache.get("k") is None  # and not the old value
    await caught_up(cache)
    assert "k" not in inner.data
    assert len(caplog.records) == 1
    assert "refuses to write" in caplog.text


async def test_a_replay_that_is_refused_is_tried_again_and_not_at_every_call(cache, store, inner, outage, clock):
    await cache.set_many({"k": "old", "other": "v"})
    begin(outage, BackendError("READONLY You can't write against a read only replica"))
    outage.verbs = {"set", "set_many", "delete", "delete_many"}
    await cache.delete("k")
    for _ in range(100):
        assert await cache.get("other") == "v"
        assert await cache.get("k") is None
        await asyncio.sleep(0)
    assert store.calls["delete"] <= 3
    clock.advance(1)
    outage.error = None
    await caught_up(cache)
    assert set(inner.data) == {"other"}


async def test_one_key_that_is_refused_does_not_hold_up_the_others(flavour, inner, clock):
    gone = Outage()

    def plan(verb, key, number):
        refused = verb.startswith("delete") and key == "k:0"
        return gone(verb, key, number) or (Fail(BackendError("NOPERM")) if refused else None)

    store = (FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, plan)
    cache = flavour.cache(store, random=lambda: 0.0)
    await cache.set_many({f"k:{number}": "old" for number in range(20)})
    begin(gone)
    await cache.delete_many([f"k:{number}" for number in range(20)])
    gone.error = None
    for _ in range(200):
        clock.advance(1.01)
        assert await cache.get("k:0") is None
        await cache.get("other")
        await asyncio.sleep(0)
    assert set(inner.data) == {"k:0"}
    assert cache.stats().tiers[0].pending == 1


async def test_a_key_that_the_store_does_not_take_is_not_kept_for_ever(flavour):
    def plan(verb, key, number):
        return Fail(InvalidArgumentError("the key is too long")) if len(key) > 100 else None

    inner = flavour.memory()
    cache = flavour.cache((FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, plan))
    await cache.set("x" * 1000, 1)
    for _ in range(5):
        await asyncio.sleep(0)
        await cache.get("other")
    assert cache.stats().tiers[0].pending == 0
    assert cache.stats().tiers[0].bypassed == 0
