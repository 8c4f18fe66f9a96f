"""Which tiers make a cache, which are refused, and how a cache describes those it has, in both flavours."""

from __future__ import annotations

import pytest

from aicache import JsonSerializer, Policy, SyncTieredCache, Tier, TieredCache
from aicache.errors import ConfigurationError
from aicache_memory import MemoryBackend, SyncMemoryBackend

from .sealing import codec


async def test_describe_says_what_each_tier_does(flavour):
    cache = flavour.cache(
        flavour.memory(), Tier(backend=flavour.store(), name="store", max_ttl=60), policy=Policy(ttl=60, jitter=0.1)
    )
    first, abandoned, memory, store = cache.describe().splitlines()
    assert first.endswith("TieredCache: values are fresh for 60 s, each for up to 10% less (jitter)")
    assert abandoned.startswith("   a load that nobody waits for is ")
    assert memory.startswith("1. memory: ")
    assert "mutable values apart" in memory
    assert store.startswith("2. store: ")
    assert "keeps a value 60 s at most" in store


def test_wrong_wiring_is_refused(flavour):
    memory, store = flavour.memory(), flavour.store()
    other = flavour.is_async
    cases = [
        ([], "give at least one backend"),
        (["redis://localhost"], "open it first"),
        ([type(memory)], "takes backend objects, got the class"),
        ([object()], "object is no backend: it has no get, set, delete"),
        ([SyncMemoryBackend() if other else MemoryBackend()], "is (a sync|an async) backend and"),
        ([store, memory], "it would never be faster; put it first"),
        ([store, store], "is there twice"),
        ([Tier(backend=memory, name="x"), Tier(backend=store, name="x")], "two tiers are named 'x'"),
        ([Tier(backend=memory, timeout=1.0)], "leave its timeout out"),
        ([Tier(backend=store, read=False)], "has none that reads"),
        ([Tier(backend=store, write=False)], "nothing would ever be stored"),
    ]
    for tiers, message in cases:
        with pytest.raises(ConfigurationError, match=message):
            flavour.cache(*tiers)
    with pytest.raises(ConfigurationError, match="no tier keeps a value longer than max_ttl=60 s"):
        flavour.cache(Tier(backend=store, max_ttl=60), policy=Policy(ttl=61))
    with pytest.raises(ConfigurationError, match="not both"):
        flavour.cache(store, codec=codec, serializer=JsonSerializer())


def test_a_cache_of_the_other_flavour_is_no_tier(flavour):
    mine, other = (TieredCache, SyncTieredCache) if flavour.is_async else (SyncTieredCache, TieredCache)
    with pytest.raises(ConfigurationError, match="use its twin"):
        mine([other([(flavour.__class__(not flavour.is_async, flavour.clock)).memory()])])
