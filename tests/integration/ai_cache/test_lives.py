"""How long the server keeps an answer, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Policy
from aicache.errors import InvalidArgumentError

TTLS = [("summarize", 7200), ("sentiment", 86_400), ("key_points", 7200), ("questions", 3600), ("qa", 1800)]


@pytest.mark.parametrize(("operation", "ttl"), [*TTLS, ("translate", 3600)])
async def test_the_ttl_that_the_server_reports_is_the_operations(make, raw, operation, ttl):
    cache = make()
    await cache.cache_response("text", operation, {}, {"answer": 1})
    await cache.get_or_compute("other", operation, {}, lambda: {"answer": 2})
    for text in ("text", "other"):
        left = raw.pttl(cache.key_generator.generate_cache_key(text, operation, {}))
        assert (ttl - 5) * 1000 < left <= ttl * 1000


async def test_ttls_can_be_set_for_a_cache_and_for_a_call(make, raw):
    cache = make(default_ttl=50, operation_ttls={"qa": 70, "forever": None})

    async def left(operation, **call):
        await cache.cache_response(operation, operation, {}, 1, **call)
        return raw.pttl(cache.key_generator.generate_cache_key(operation, operation, {}))

    assert 69_000 < await left("qa") <= 70_000
    assert 49_000 < await left("other") <= 50_000
    assert 7_190_000 < await left("summarize") <= 7_200_000
    assert await left("forever") == -1
    assert 9_000 < await left("qa", ttl=10) <= 10_000
    assert await left("qa", ttl=None) == -1
    with pytest.raises(InvalidArgumentError, match="ttl must be more than 0"):
        await left("qa", ttl=0)


async def test_jitter_is_there_where_it_is_asked_for(make, raw):
    cache = make(policy=Policy(jitter=0.5))
    for number in range(20):
        await cache.cache_response(str(number), "qa", {}, number)
    lives = {raw.pttl(cache.key_generator.generate_cache_key(str(number), "qa", {})) // 10_000 for number in range(20)}
    assert len(lives) > 3
    assert max(lives) <= 180
