"""What an `AIResponseCache` keeps of the original call, how hits say that it was not made again, and what it saved."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aicache import (
    AIResponseCache,
    JsonSerializer,
    Policy,
    PriceList,
    SavingsLedger,
    Skip,
    Store,
    SyncAIResponseCache,
    Usage,
)
from aicache.errors import InvalidTypeError, SerializationError
from aicache_memory import MemoryBackend
from aicache_null import NullBackend

PRICES = PriceList("a list", "1", lambda usage: (usage.input_tokens or 0) + 2 * (usage.output_tokens or 0))
ANSWER = {"choices": [{"text": "yes"}], "model": "m-1", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
REQUEST: tuple[str, str, dict[str, Any]] = ("a text", "qa", {"model": "m"})


@pytest.fixture
async def store() -> AsyncIterator[MemoryBackend]:
    backend = MemoryBackend()
    yield backend
    await backend.aclose()


@pytest.fixture
async def cache() -> AsyncIterator[AIResponseCache]:
    async with AIResponseCache("memory://") as opened:
        yield opened


async def test_the_caller_gets_the_response_and_nothing_else(cache: AIResponseCache) -> None:
    made = await cache.lookup_or_compute(*REQUEST, lambda: ANSWER)
    found = await cache.lookup(*REQUEST)
    assert made.response == ANSWER
    assert found is not None
    assert found.response == ANSWER
    told = await cache.get_cached_response(*REQUEST)
    assert told is not None
    assert told.keys() - ANSWER.keys() == {"cached_at", "cache_hit", "text_length", "compression_used"}


async def test_usage_is_kept_and_is_billed_once(cache: AIResponseCache) -> None:
    made = await cache.lookup_or_compute(*REQUEST, lambda: ANSWER)
    assert made.usage is not None
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.model) == (10, 5, "m-1")
    assert made.usage.total_seconds is not None
    assert made.usage.created is not None
    assert made.new_usage == made.usage
    found = await cache.lookup(*REQUEST)
    assert found is not None
    assert found.usage == made.usage
    assert found.new_usage is None


async def test_of_callers_that_share_a_call_one_is_billed(cache: AIResponseCache) -> None:
    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0)
        return ANSWER

    answers = await asyncio.gather(*[cache.lookup_or_compute(*REQUEST, slow) for _ in range(5)])
    assert [answer.response for answer in answers] == [ANSWER] * 5
    assert sorted(answer.joined for answer in answers) == [False, True, True, True, True]
    assert sum(answer.new_usage is not None for answer in answers) == 1
    total = cache.savings(prices=PRICES).total
    assert (total.misses.calls, total.joins.calls, total.hits.calls) == (1, 4, 0)
    assert total.joins.dollars == 4 * 20


async def test_savings_are_by_operation_model_scope_and_tier(cache: AIResponseCache) -> None:
    for scope, hits in (("a", 2), ("b", 1)):
        tenant = cache.scoped(scope)
        await tenant.cache_response(*REQUEST, ANSWER)
        for _ in range(hits):
            await tenant.get_cached_response(*REQUEST)
    found = cache.savings(prices=PRICES)
    assert found.total.hits.calls == 3
    assert found.total.hits.dollars == 60
    assert (found.total.misses.calls, found.total.misses.dollars) == (2, 40)
    assert found.by_operation["qa"].hits.input_tokens == 30
    assert found.by_model["m-1"].hits.output_tokens == 15
    assert found.by_scope["a"].hits.calls == 2
    assert found.by_tier["memory"].hits.calls == 3
    assert cache.scoped("b").savings(prices=PRICES).total.hits.calls == 1


async def test_caches_may_share_a_ledger() -> None:
    ledger = SavingsLedger()
    for namespace in ("one", "two"):
        async with AIResponseCache("memory://", namespace=namespace, ledger=ledger) as cache:
            await cache.get_or_compute(*REQUEST, lambda: ANSWER)
            await cache.get_or_compute(*REQUEST, lambda: ANSWER)
    assert ledger.savings(prices=PRICES).total.hits.calls == 2


@pytest.mark.parametrize("usage", [Usage(input_tokens=3), lambda response: Usage(input_tokens=len(response))])
async def test_usage_may_be_given(cache: AIResponseCache, usage: Usage | Callable[[Any], Usage]) -> None:
    await cache.cache_response("t", "stored", {}, "abc", usage=usage)
    await cache.get_or_compute("t", "made", {}, lambda: "abc", usage=usage)
    for operation in ("stored", "made"):
        found = await cache.lookup("t", operation, {})
        assert found is not None
        assert found.response == "abc"
        assert found.usage is not None
        assert found.usage.input_tokens == 3
        assert found.usage.created is not None


async def test_what_is_no_usage_is_refused(cache: AIResponseCache) -> None:
    wrong: Any = 7
    with pytest.raises(InvalidTypeError, match="usage must be"):
        await cache.cache_response(*REQUEST, ANSWER, usage=wrong)
    with pytest.raises(InvalidTypeError, match="usage must be"):
        await cache.get_or_compute(*REQUEST, lambda: ANSWER, usage=wrong)
    assert await cache.lookup(*REQUEST) is None


@pytest.mark.parametrize("wrong", [lambda _: 1 / 0, lambda _: "many"], ids=["raises", "no usage"])
async def test_a_usage_that_fails_costs_no_answer(
    cache: AIResponseCache, wrong: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "aicache"):
        made = await cache.lookup_or_compute(*REQUEST, lambda: ANSWER, usage=wrong)
    assert made.response == ANSWER
    assert made.usage is not None
    assert made.usage.input_tokens is None


async def test_an_answer_without_usage_saves_a_call_and_no_dollars(cache: AIResponseCache) -> None:
    await cache.cache_response("t", "qa", {}, "plain")
    await cache.lookup("t", "qa", {})
    hits = cache.savings(prices=PRICES).total.hits
    assert (hits.calls, hits.dollars, hits.input_tokens, hits.seconds) == (1, None, None, None)


RECORDS: list[Any] = [
    {"aicache:response": 1, "aicache:usage": None},
    {"aicache:response": {"aicache:response": 1, "aicache:usage": {"v": 1, "in": 3}}, "aicache:usage": {"v": 1}},
    {"aicache:response": 1},
    {"aicache:usage": {"v": 1}, "aicache:response": 1, "more": 2},
]


@pytest.mark.parametrize("response", [*RECORDS, None, 0, "", [], {}, False])
async def test_no_response_is_mistaken_for_a_record(cache: AIResponseCache, response: Any) -> None:
    await cache.cache_response("t", "stored", {}, response)
    await cache.cache_response("t", "with usage", {}, response, usage=Usage(input_tokens=1))
    await cache.get_or_compute("t", "made", {}, lambda: response)
    for operation in ("stored", "with usage", "made"):
        found = await cache.lookup("t", operation, {})
        assert found is not None
        assert found.response == response
        assert type(found.response) is type(response)


async def test_what_was_stored_before_there_were_records_is_read(store: MemoryBackend) -> None:
    async with AIResponseCache(tiers=[store]) as cache:
        key = cache.key_generator.generate_cache_key(*REQUEST)
        await cache._cache.set(key, ANSWER)
        found = await cache.lookup(*REQUEST)
        assert found is not None
        assert (found.response, found.usage) == (ANSWER, None)


async def test_any_serializer_keeps_the_record(store: MemoryBackend) -> None:
    async with AIResponseCache(tiers=[store], serializer=JsonSerializer()) as cache:
        await cache.get_or_compute(*REQUEST, lambda: ANSWER)
        found = await cache.lookup(*REQUEST)
        assert found is not None
        assert found.response == ANSWER
        assert found.usage is not None
        assert found.usage.input_tokens == 10


async def test_what_cannot_be_kept_is_named_as_it_lies_in_the_response(cache: AIResponseCache) -> None:
    with pytest.raises(SerializationError) as raised:
        await cache.cache_response(*REQUEST, {**ANSWER, "choices": [object()]})
    assert raised.value.path == "['choices'][0]"


async def test_a_response_as_deep_as_can_be_is_kept_without_its_usage(cache: AIResponseCache) -> None:
    deep: list[Any] = []
    for _ in range(31):
        deep = [deep]
    await cache.cache_response("t", "deep", {}, deep, usage=Usage(input_tokens=1))
    found = await cache.lookup("t", "deep", {})
    assert found is not None
    assert (found.response, found.usage) == (deep, None)


async def test_a_policy_judges_the_response() -> None:
    judged: list[Any] = []
    policy = Policy(store_if=lambda response: judged.append(response) or response != "no")
    async with AIResponseCache("memory://", policy=policy) as cache:
        await cache.get_or_compute("t", "qa", {}, lambda: "no")
        await cache.get_or_compute("u", "qa", {}, lambda: "yes")
        assert judged == ["no", "yes"]
        assert await cache.lookup("t", "qa", {}) is None
        assert await cache.lookup("u", "qa", {}) is not None


async def test_a_policy_may_have_a_ttl_for_none() -> None:
    async with AIResponseCache("memory://", policy=Policy(negative_ttl=5)) as cache:
        assert (await cache.lookup_or_compute("t", "qa", {}, lambda: None)).response is None
        found = await cache.lookup("t", "qa", {})
        assert found is not None
        assert found.ttl_left is not None
        assert found.ttl_left <= 5


@pytest.mark.parametrize(("outcome", "is_kept"), [(Skip(ANSWER, "mine"), False), (Store(ANSWER, ttl=9), True)])
async def test_what_a_factory_says_of_its_answer_holds(cache: AIResponseCache, outcome: Any, is_kept: bool) -> None:
    made = await cache.lookup_or_compute(*REQUEST, lambda: outcome)
    assert made.response == ANSWER
    assert made.usage is not None
    assert made.usage.input_tokens == 10
    found = await cache.lookup(*REQUEST)
    assert (found is not None) is is_kept
    assert found is None or (found.ttl_left or 0) <= 9


async def test_what_is_stored_nowhere_is_billed_each_time() -> None:
    async with AIResponseCache(tiers=[NullBackend()]) as cache:
        for _ in range(3):
            assert (await cache.lookup_or_compute(*REQUEST, lambda: ANSWER)).new_usage is not None
        assert cache.savings(prices=PRICES).total.misses.dollars == 60


def test_without_asyncio() -> None:
    with SyncAIResponseCache("memory://") as cache:
        made = cache.lookup_or_compute(*REQUEST, lambda: ANSWER)
        found = cache.lookup(*REQUEST)
        assert found is not None
        assert (made.new_usage, found.new_usage) == (made.usage, None)
        assert found.response == ANSWER
        assert cache.savings(prices=PRICES).total.hits.dollars == 20
