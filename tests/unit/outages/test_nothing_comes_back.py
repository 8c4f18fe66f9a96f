"""What was forgotten while a tier was away does not come back to life when the tier does, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Tier

from .outage import begin, caught_up, end, opened

FORGET = {
    "delete": lambda cache: cache.delete("k:1"),
    "delete_many": lambda cache: cache.delete_many(["k:1", "k:2"]),
    "expire": lambda cache: cache.expire("k:1"),
    "delete_prefix": lambda cache: cache.delete_prefix("k:"),
    "delete_prefix where": lambda cache: cache.delete_prefix("k:", where=lambda key: key.endswith("1")),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("k:1", "new"),
    "set_many": lambda cache: cache.set_many({"k:1": "new", "k:2": "new"}),
}


@pytest.mark.parametrize("when", ["failing", "open", "reply lost"])
@pytest.mark.parametrize("verb", FORGET)
async def test_what_was_forgotten_during_an_outage_is_never_served_again(cache, inner, outage, clock, verb, when):
    await cache.set_many({"k:1": "old", "k:2": "old", "other": "old"})
    if when == "open":
        begin(outage)
        await opened(cache)
    else:
        begin(outage)
        outage.after = when == "reply lost"
    await FORGET[verb](cache)
    await end(outage, clock)
    assert await cache.get("k:1") != "old"
    assert (await cache.get_many(["k:1"])).get("k:1") != "old"
    assert (await cache.lookup("k:1")).value != "old"
    await caught_up(cache)
    assert await cache.get("k:1") != "old"
    assert "k:1" not in inner.data
    assert ("other" in inner.data) == (verb != "clear")
    if verb != "clear":
        assert await cache.get("other") == "old"
    if verb in ("delete", "expire", "set", "delete_prefix where"):
        assert await cache.get("k:2") == "old"
    tier = cache.stats().tiers[0]
    assert tier.pending == 0
    assert tier.dropped == 0


async def test_a_key_that_has_not_caught_up_is_a_miss_with_its_reason(flavour, cache, inner, outage, clock):
    await cache.set("k", "old")
    begin(outage)
    await opened(cache)
    await cache.delete("k")
    await end(outage, clock)
    assert (await cache.lookup("k")).reason == "store: not caught up"
    assert cache.stats().tiers[0].pending == (1 if flavour.is_async else 0)  # threads have it done as they ask


async def test_what_is_written_after_the_outage_is_believed_at_once(cache, inner, outage, clock):
    begin(outage)
    await cache.set("k", "lost")
    outage.error = None
    await cache.set("k", "new")
    assert await cache.get("k") == "new"
    await caught_up(cache)
    assert await cache.get("k") == "new"


async def test_a_load_after_the_outage_is_stored_and_believed(cache, inner, outage, clock):
    await cache.set("k", "old")
    begin(outage)
    await opened(cache)
    await cache.delete("k")
    await end(outage, clock)
    assert await cache.get_or_set("k", lambda: "new") == "new"
    await caught_up(cache)
    assert await cache.get("k") in (None, "new")


async def test_a_sweep_goes_on_over_more_keys_than_are_listed_at_once(cache, inner, outage, clock, monkeypatch):
    await cache.set_many({f"k:{number}": number for number in range(1200)} | {"other": 1})
    begin(outage)
    await cache.delete_prefix("k:")
    await end(outage, clock)
    await caught_up(cache)
    assert set(inner.data) == {"other"}


async def test_many_deletions_go_in_slices(cache, inner, outage, clock):
    await cache.set_many({f"k:{number}": number for number in range(350)})
    begin(outage)
    await opened(cache)
    for number in range(350):
        await cache.delete(f"k:{number}")
    assert cache.stats().tiers[0].pending == 350
    await end(outage, clock)
    await caught_up(cache)
    assert inner.data == {}
    assert cache.stats().tiers[0].replayed == 350
    batches = [note for note in inner.log if note[0] == "delete_many"]
    assert max(len(note) for note in batches) <= 101


async def test_too_many_are_dropped_counted_said_once_and_not_served(flavour, store, inner, outage, clock, caplog):
    cache = flavour.cache(Tier(backend=store, name="store"), random=lambda: 0.0)
    await cache.set_many({f"k:{number}": "old" for number in range(50)} | {"other": "old"})
    tier = (cache if flavour.is_async else cache.inner)._chain.tiers[0]
    tier.guard._missed._max_keys = 10
    begin(outage)
    await opened(cache)
    for number in range(50):
        await cache.delete(f"k:{number}")
    assert cache.stats().tiers[0].dropped == 40
    await end(outage, clock)
    assert await cache.get_many([f"k:{number}" for number in range(50)]) == {}
    assert await cache.get("k:1") is None
    await caught_up(cache)
    assert await cache.get_many([f"k:{number}" for number in range(50)]) == {}
    assert set(inner.data) == {"other"}
    assert [record.message for record in caplog.records if "by name" in record.message] == [
        "cache tier 'store' has missed more than is kept by name; it will forget more than it would have to"
    ]
