"""Tenants of one cache, in both flavours."""

from __future__ import annotations

import pytest

from aicache.errors import InvalidArgumentError, InvalidTypeError


async def test_tenants_share_nothing(make):
    cache = make(require_scope=True)
    ann, bob, weird = cache.scoped("ann"), cache.scoped("bob"), cache.scoped("ann]:op:qa|")
    for tenant, answer in ((ann, "ann's"), (bob, "bob's"), (weird, "weird")):
        await tenant.cache_response("same text", "qa", {}, answer)
        await tenant.cache_response("long" * 200, "summarize", {}, answer)
    assert (await ann.lookup("same text", "qa", {})).response == "ann's"
    assert (await bob.lookup("same text", "qa", {})).response == "bob's"
    assert (await ann.get_cache_stats()).redis["keys"] == 2
    assert await ann.invalidate_by_operation("qa") == 1
    assert await ann.invalidate_all() == 1
    assert await ann.lookup("same text", "qa", {}) is None
    assert [(await tenant.lookup("same text", "qa", {})).response for tenant in (bob, weird)] == ["bob's", "weird"]
    assert bob.get_cache_hit_ratio() == 100.0
    assert ann.get_cache_hit_ratio() == 50.0
    assert bob.get_invalidation_frequency_stats()["total_invalidations"] == 0


async def test_a_cache_that_requires_a_scope_refuses_to_work_without(make):
    cache = make(require_scope=True)
    for call in (
        lambda: cache.cache_response("t", "qa", {}, 1),
        lambda: cache.get_cached_response("t", "qa", {}),
        lambda: cache.lookup("t", "qa", {}),
        lambda: cache.get_or_compute("t", "qa", {}, dict),
        lambda: cache.invalidate_all(),
        lambda: cache.invalidate_by_operation("qa"),
        lambda: cache.invalidate_pattern("qa"),
        lambda: cache.invalidate_memory_cache(),
    ):
        with pytest.raises(InvalidArgumentError, match=r"cache\.scoped\(tenant\)"):
            await call()
    with pytest.raises(InvalidTypeError, match="scope must be a str"):
        cache.cache.scoped(None)


async def test_a_tenants_view_is_closed_with_the_cache(make):
    cache = make()
    view = cache.scoped("ann")
    await view.end()
    await view.cache_response("t", "qa", {}, 1)
    assert (await view.lookup("t", "qa", {})).response == 1
