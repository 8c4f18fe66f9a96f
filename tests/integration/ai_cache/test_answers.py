"""What an application gets back from an `AIResponseCache`, and what it may do with it, in both flavours."""

from __future__ import annotations

import pytest

from aicache.errors import SerializationError

FIELDS = {"cached_at", "cache_hit", "text_length", "compression_used"}


async def test_what_is_stored_is_found_with_what_the_cache_knows_of_it(make):
    cache = make()
    assert await cache.get_cached_response("text", "summarize", {"model": "m"}) is None
    await cache.cache_response("text", "summarize", {"model": "m"}, {"summary": "short"})
    found = await cache.get_cached_response("text", "summarize", {"model": "m"})
    assert {name: value for name, value in found.items() if name not in FIELDS} == {"summary": "short"}
    assert (found["cache_hit"], found["text_length"], found["compression_used"]) == (True, 4, False)
    assert found["cached_at"].endswith("+00:00")
    assert await cache.get_cached_response("text", "summarize", {"model": "other"}) is None
    assert await cache.get_cached_response("text", "summarize", {"model": "m"}, "why?") is None


async def test_another_worker_finds_it_under_the_key_that_the_generator_names(make, raw):
    one, other = make(), make()
    await one.cache_response("text", "qa", {"n": 1}, {"answer": 42}, "why?")
    key = one.key_generator.generate_cache_key("text", "qa", {"n": 1}, "why?")
    assert raw.exists(key) == 1
    assert len(list(raw.scan_iter(f"{one.key_generator.namespace}*"))) == 1
    first = await other.lookup("text", "qa", {"n": 1}, "why?")
    second = await other.lookup("text", "qa", {"n": 1}, "why?")
    assert (first.response, first.tier, second.response, second.tier) == (
        {"answer": 42},
        "redis",
        {"answer": 42},
        "memory",
    )
    assert first.cached_at == second.cached_at
    assert 1795 < first.ttl_left <= 1800


@pytest.mark.parametrize(
    "response", [None, {}, [], "", 0, False, {"a": None}, ["b"], "text", {1: 2}, (1, {2})], ids=repr
)
async def test_every_answer_is_an_answer(make, response):
    cache, other = make(), make()
    await cache.cache_response("text", "qa", {}, response)
    for fresh in (cache, other, other):
        found = await fresh.lookup("text", "qa", {})
        assert found.response == response
        assert type(found.response) is type(response)
        merged = await fresh.get_cached_response("text", "qa", {})
        own = {name: value for name, value in merged.items() if name not in FIELDS}
        assert own == (response if isinstance(response, dict) else {"response": response})


async def test_a_response_keeps_its_own_fields_of_the_same_names(make):
    cache = make()
    response = {"cache_hit": "mine", "text_length": None, "aicache_text_length": 5, "response": 1}
    await cache.cache_response("text", "qa", {}, response)
    found = await cache.get_cached_response("text", "qa", {})
    assert found | response == found
    assert found["aicache_cache_hit"] is True
    assert found["aicache_aicache_text_length"] == 4
    assert set(found) == {
        *response,
        "cached_at",
        "compression_used",
        "aicache_cache_hit",
        "aicache_aicache_text_length",
    }


async def test_what_a_caller_changes_changes_nothing_for_the_next(make):
    cache = make()
    response = {"parts": [{"text": "a"}]}
    await cache.cache_response("text", "qa", {}, response)
    response["parts"][0]["text"] = "changed"
    for _ in range(3):
        found = await cache.get_cached_response("text", "qa", {})
        assert found["parts"] == [{"text": "a"}]
        found["parts"][0]["text"] = "changed"
        found["parts"].append("more")
    made = await cache.get_or_compute("other", "qa", {}, lambda: response)
    made["parts"].clear()
    assert (await cache.lookup("other", "qa", {})).response == {"parts": [{"text": "changed"}]}


async def test_what_cannot_be_kept_is_refused_by_name_and_returned_all_the_same(make):
    cache = make()
    with pytest.raises(SerializationError, match=r"\['client'\]"):
        await cache.cache_response("text", "qa", {}, {"client": object()})
    thing = object()
    made = await cache.get_or_compute("text", "qa", {}, lambda: {"client": thing})
    assert made["client"] is thing
    assert await cache.get_cached_response("text", "qa", {}) is None
