"""What the verbs of a cache refuse, and that nothing has changed then: keys, lives, and everything once closed."""

from __future__ import annotations

import math

import pytest

from aicache.errors import ClosedError, InvalidArgumentError, InvalidTypeError

from .sealing import kept


@pytest.mark.parametrize("key", [7, None, b"k", ["k"], ("k",)])
async def test_a_key_that_is_no_text_is_refused_by_every_verb(flavour, key):
    cache = flavour.cache(flavour.memory(), flavour.store())
    for call in (
        lambda: cache.get(key),
        lambda: cache.lookup(key),
        lambda: cache.set(key, 1),
        lambda: cache.get_or_set(key, lambda: 1),
        lambda: cache.get_many([key]),
        lambda: cache.get_or_set_many([key], lambda keys: {}),
        lambda: cache.delete(key),
        lambda: cache.delete_many([key]),
    ):
        with pytest.raises(TypeError, match=r"key must be a str|unhashable"):
            await call()


async def test_an_empty_key_and_a_lone_text_for_keys_are_refused(flavour):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidArgumentError, match="key must not be empty"):
        await cache.get("")
    with pytest.raises(InvalidTypeError, match="keys must be several keys, got the one text 'abc'"):
        await cache.get_many("abc")


@pytest.mark.parametrize("ttl", [0, -1, -0.5, math.nan])
async def test_an_impossible_ttl_is_refused_and_nothing_changes(flavour, ttl):
    store = flavour.store()
    cache = flavour.cache(flavour.memory(), store)
    await cache.set("k", "old")
    for call in (
        lambda: cache.set("k", 1, ttl=ttl),
        lambda: cache.set_many({"k": 1}, ttl=ttl),
        lambda: cache.get_or_set("k", lambda: 1, ttl=ttl),
        lambda: cache.get_or_set_many(["k"], lambda keys: {}, ttl=ttl),
    ):
        with pytest.raises(ValueError, match="ttl must be more than 0 seconds"):
            await call()
    assert await cache.get("k") == "old"
    assert kept(store, "k") == "old"


@pytest.mark.parametrize("ttl", [True, "60", [1]])
async def test_a_ttl_of_another_type_is_refused(flavour, ttl):
    with pytest.raises(InvalidTypeError, match="ttl must be seconds"):
        await flavour.cache(flavour.memory()).set("k", 1, ttl=ttl)


async def test_closing_closes_every_tier_once_and_ends_every_verb(flavour):
    memory, store = flavour.memory(), flavour.store()
    cache = flavour.cache(memory, store)
    await cache.set("k", 1)
    await cache.aclose()
    await cache.aclose()
    assert store.closed == 1
    for call in (
        lambda: cache.get("k"),
        lambda: cache.lookup("k"),
        lambda: cache.set("k", 1),
        lambda: cache.get_or_set("k", lambda: 1),
        lambda: cache.get_many(["k"]),
        lambda: cache.set_many({"k": 1}),
        lambda: cache.get_or_set_many(["k"], lambda keys: {}),
        lambda: cache.delete("k"),
        lambda: cache.delete_many(["k"]),
        lambda: cache.clear(),
    ):
        with pytest.raises(ClosedError, match="closed; build a new one"):
            await call()
