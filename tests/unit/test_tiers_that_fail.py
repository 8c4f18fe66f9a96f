"""What cannot be read is a counted miss: foreign bytes, and tiers that fail, in both flavours."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Tier
from aicache.errors import BackendError

from .sealing import plant, sealed


async def test_lookup_explains_a_miss(flavour):
    damaged, failing = flavour.store(), flavour.store()
    damaged.data["k"] = (sealed("another key", "v"), None)
    failing.fail = OSError("no route")
    cache = flavour.cache(
        flavour.memory(), Tier(backend=damaged, name="damaged"), Tier(backend=failing, name="failing")
    )
    found = await cache.lookup("k")
    assert not found.found
    assert found.value is None
    assert found.reason == "memory: absent; damaged: refused (tag); failing: error (OSError)"


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", b"\x80\x04N.", sealed("another", 1), sealed("k", 1)[:-1]],
    ids=["empty", "junk", "pickle", "another key", "truncated"],
)
async def test_untrusted_bytes_are_a_counted_miss(flavour, data):
    store = flavour.store()
    store.data["k"] = (data, None)
    cache = flavour.cache(store)
    assert await cache.get("k") is None
    tier = cache.stats().tiers[0]
    assert (tier.misses, tier.errors, sum(tier.refused.values())) == (1, 0, 1)


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError(), RuntimeError("bug"), KeyError("k")])
async def test_a_failing_tier_is_a_counted_miss_and_nothing_raises(flavour, clock, error, caplog):
    memory, store = flavour.memory(), flavour.big_store()
    plant(store, "k", 1)
    store.fail = error
    cache = flavour.cache(memory, Tier(backend=store, name="store"))
    with caplog.at_level("INFO", "aicache"):
        assert await cache.get("k", "default") == "default"
        assert await cache.get_many(["k", "l"]) == {}
        await cache.set("x", 1)
        await cache.set_many({"y": 1, "z": 2})
        assert await cache.get("x") == 1
        assert await cache.get_or_set("w", lambda: 5) == 5
        assert await cache.delete("x")
        await cache.clear()
        store.fail = None
        clock.advance(1)
        assert await cache.get("absent") is None
        for _ in range(10):
            await asyncio.sleep(0)  # it forgets what it was to forget
        assert await cache.get("absent") is None
    assert store.data == {}
    tier = cache.stats().tiers[1]
    assert (tier.timeouts if isinstance(error, TimeoutError) else tier.errors) == 3
    assert tier.bypassed == 4  # the breaker had opened
    assert tier.skipped == 1  # what get_or_set loaded: its caller had waited for this tier once
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_tier_may_be_told_to_raise(flavour):
    store = flavour.store()
    store.fail = OSError("gone")
    cache = flavour.cache(Tier(backend=store, name="store", on_error="raise"))
    with pytest.raises(BackendError, match="tier 'store': gone") as caught:
        await cache.get("k")
    assert caught.value.__cause__ is store.fail
    with pytest.raises(BackendError):
        await cache.set("k", 1)
    with pytest.raises(BackendError):
        await cache.delete("k")


async def test_a_value_that_its_only_tier_failed_to_overwrite_is_gone(flavour, monkeypatch):
    memory = flavour.memory()
    cache = flavour.cache(memory)
    await cache.set("k", "old")
    with monkeypatch.context() as patch:
        patch.setattr(memory, "put", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await cache.set("k", "new")
    assert await cache.get("k") is None
