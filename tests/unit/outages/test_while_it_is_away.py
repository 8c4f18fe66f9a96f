"""What a cache does while one of its tiers is away, in both flavours."""

from __future__ import annotations

import logging

import pytest

from aicache import Breaker, Tier
from aicache.errors import BackendError, BackendUnavailableError, ConfigurationError

from .outage import begin, end, opened


async def test_an_open_breaker_asks_nobody_and_every_verb_goes_on(cache, store, outage, clock):
    begin(outage)
    await opened(cache)
    before = store.calls.total()
    assert await cache.get("k", "miss") == "miss"
    assert await cache.get_many(["k", "l"]) == {}
    assert (await cache.lookup("k")).reason == "store: open"
    assert await cache.get_or_set("k", lambda: "made") == "made"
    await cache.set("k", 1)
    await cache.set_many({"k": 1, "l": 2})
    assert await cache.delete("k") is False
    assert await cache.expire("k") is False
    assert await cache.touch("k", 60) is False
    assert await cache.delete_prefix("k") == 0
    await cache.clear()
    assert store.calls.total() == before
    tier = cache.stats().tiers[0]
    assert (tier.errors, tier.bypassed) == (3, 10)  # expire and touch need no look at what is not believed
    assert cache.stats().to_dict()["tiers"][0]["bypassed"] == 10


async def test_the_first_answer_closes_it_and_the_log_has_a_line_for_each_change(cache, store, outage, clock, caplog):
    caplog.set_level(logging.INFO, "aicache")
    begin(outage)
    for _ in range(20):
        await opened(cache)
        clock.advance(0.3)
    await end(outage, clock)
    await cache.set("k", "v")
    assert await cache.get("k") == "v"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_tier_that_raises_raises_at_once_while_the_breaker_is_open(flavour, store, outage):
    cache = flavour.cache(Tier(backend=store, name="store", on_error="raise", breaker=Breaker(failures=1)))
    begin(outage)
    with pytest.raises(BackendError):
        await cache.get("k")
    before = store.calls.total()
    for call in (lambda: cache.get("k"), lambda: cache.set("k", 1), lambda: cache.delete("k"), cache.clear):
        with pytest.raises(BackendUnavailableError, match="'store' has not answered"):
            await call()
    assert store.calls.total() == before


async def test_health_asks_whatever_the_breaker_says_and_closes_it(cache, store, outage):
    begin(outage)
    await opened(cache)
    assert await cache.health() == {"store": False}
    outage.error = None
    assert await cache.get("k") is None
    assert cache.stats().tiers[0].bypassed == 1
    assert await cache.health() == {"store": True}
    await cache.set("k", 1)
    assert await cache.get("k") == 1


async def test_without_a_breaker_every_call_is_tried(flavour, store, outage, caplog):
    cache = flavour.cache(Tier(backend=store, breaker=None))
    begin(outage)
    for _ in range(10):
        await cache.get("k")
    outage.error = None
    await cache.get("k")
    await cache.get("k")
    assert store.calls["get"] == 12
    assert cache.stats().tiers[0].bypassed == 0


async def test_what_it_does_is_described_and_a_breaker_for_memory_is_refused(flavour, store):
    said = flavour.cache(Tier(backend=store, breaker=Breaker(failures=5, backoff=0.5, most=10))).describe()
    assert "left alone for 0.5 to 10 s after 5 failures" in said
    assert "asked however often it fails" in flavour.cache(Tier(backend=flavour.store(), breaker=None)).describe()
    with pytest.raises(ConfigurationError, match="leave its breaker out"):
        flavour.cache(Tier(backend=flavour.memory(), breaker=Breaker(failures=5)))
