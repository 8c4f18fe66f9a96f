"""What the transports saved: calls of the real SDKs, hits and joins apart, at the prices that genai-prices has."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from aicache import SavingsLedger, SyncTieredCache, Tier, TieredCache
from aicache.ai.usage import Usage
from aicache.contrib.http import AsyncCachingTransport, CachingTransport, bypass, desk, receipts, record, replay_only
from aicache.contrib.http.receipts import Entered, Receipt
from aicache.errors import InvalidTypeError
from aicache.testing.provider import LoopbackProvider
from aicache_memory import MemoryBackend, SyncMemoryBackend

from .sdks import CALLS, HI, asked, client

CHAT = "/v1/chat/completions"

# With which model each call is made, how the savings call it, what the provider says that it used, and who that is.
# The models are such as have a price by the beginning of their names, as the provider puts "-2026" after them.
SAID = {
    "chat": ("gpt-5-nano", "chat", (11, 7, 3), "openai"),
    "chat stream": ("gpt-5-nano", "chat", (11, 7, 3), "openai"),
    "responses": ("gpt-5-nano", "responses", (11, 7, 3), "openai"),
    "responses stream": ("gpt-5-nano", "responses", (11, 7, 3), "openai"),
    "embeddings": ("gpt-5-nano", "embeddings", (5, 0, None), "openai"),
    "messages": ("claude-sonnet-4-6", "messages", (11, 7, 3), "anthropic"),
    "messages stream": ("claude-sonnet-4-6", "messages", (11, 7, 3), "anthropic"),
}


def check_hits(saved: Any, call: str, hits: int) -> None:
    """One miss and so many hits, by what the provider said and what its list says."""
    model, operation, (given, made, cached), provider = SAID[call]
    assert (saved.total.misses.calls, saved.total.hits.calls, saved.total.joins.calls) == (1, hits, 0)
    found = saved.total.hits
    assert (found.input_tokens, found.output_tokens) == (hits * given, hits * made)
    assert found.cached_input_tokens == (None if cached is None else hits * cached)
    assert found.counted_calls == found.timed_calls == found.priced_calls == hits
    assert found.seconds is not None
    price = calc_price(
        PricedUsage(input_tokens=given, output_tokens=made, cache_read_tokens=cached),
        model_ref=f"{model}-2026",
        provider_id=provider,
        genai_request_timestamp=datetime.now(UTC),
    ).total_price
    assert price > 0
    assert found.dollars == pytest.approx(hits * float(price))
    assert saved.total.misses.dollars == pytest.approx(float(price))
    assert saved.unpriced_calls == {}
    assert list(saved.by_operation) == [operation]
    assert list(saved.by_model) == [f"{model}-2026"]
    assert list(saved.by_scope) == ["tenant"]
    assert list(saved.by_tier) == ["memory"]
    assert saved.price_source == "genai-prices"


@pytest.mark.parametrize("call", CALLS)
def test_what_the_sdks_did_not_pay(call: str, provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache, scope="tenant")
    with httpx2.Client(transport=transport) as http:
        sdk = client(call, provider, http)
        for _ in range(3):
            answer = asked(call, sdk, SAID[call][0])
            if call.endswith("stream"):
                list(answer)
    assert len(provider.calls) == 1
    check_hits(transport.savings(), call, 2)


@pytest.mark.parametrize("call", CALLS)
async def test_the_same_without_blocking(call: str, provider: LoopbackProvider, async_cache: TieredCache) -> None:
    transport = AsyncCachingTransport(async_cache, scope="tenant")
    async with httpx2.AsyncClient(transport=transport) as http:
        sdk = client(call, provider, http)
        for _ in range(3):
            answer = await asked(call, sdk, SAID[call][0])
            if call.endswith("stream"):
                assert [part async for part in answer]
    assert len(provider.calls) == 1
    check_hits(transport.savings(), call, 2)


def test_a_model_without_a_price_has_none(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport) as http:
        for _ in range(3):
            asked("chat", client("chat", provider, http), "nobody-knows")
    saved = transport.savings()
    assert saved.total.hits.dollars is None
    assert saved.total.misses.dollars is None
    assert (saved.total.hits.input_tokens, saved.total.hits.unpriced_calls) == (22, 2)
    assert saved.unpriced_calls == {"nobody-knows-2026": 3}


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_joins_are_apart_from_hits(streams: bool, provider: LoopbackProvider, async_cache: TieredCache) -> None:
    transport = AsyncCachingTransport(async_cache)
    async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
        call = "chat stream" if streams else "chat"
        sdk = client(call, provider, http)

        async def ask() -> None:
            answer = await asked(call, sdk, "gpt-5-nano-hold")
            if streams:
                assert [part async for part in answer]

        calls = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.to_thread(provider.held.wait)
        while async_cache.stats().joins < 4:  # noqa: ASYNC110 they are counted, and nobody is told
            await asyncio.sleep(0)
        provider.go.set()
        await asyncio.gather(*calls)
        await ask()
    total = transport.savings().total
    assert (total.misses.calls, total.joins.calls, total.hits.calls) == (1, 4, 1)
    assert (total.joins.input_tokens, total.joins.output_tokens) == (44, 28)
    assert (total.hits.input_tokens, total.hits.output_tokens) == (11, 7)
    assert total.joins.dollars == pytest.approx(4 * total.hits.dollars)  # type: ignore[operator]


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
def test_joins_of_threads_too(streams: bool, provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport, timeout=60) as http, ThreadPoolExecutor(5) as pool:
        body = {"model": "m-hold", "messages": HI, "stream": streams}
        calls = [pool.submit(http.post, provider.url + CHAT, json=body)]
        assert provider.held.wait(30)
        calls += [pool.submit(http.post, provider.url + CHAT, json=body) for _ in range(4)]
        while cache.stats().joins < 4:
            threading.Event().wait(0.001)
        provider.go.set()
        assert {done.result().status_code for done in calls} == {200}
    total = transport.savings().total
    assert (total.misses.calls, total.joins.calls, total.hits.calls) == (1, 4, 0)
    assert total.joins.input_tokens == 44


def test_a_hit_that_is_left_has_saved_all_of_its_call(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport) as http:
        sdk = client("chat stream", provider, http)
        list(asked("chat stream", sdk, "m"))
        with asked("chat stream", sdk, "m") as stream:
            next(iter(stream))
    assert transport.savings().total.hits.input_tokens == 11


def test_a_call_that_is_left_used_nobody_knows_what(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    body = {"model": "m-hold", "messages": HI, "stream": True}
    with httpx2.Client(transport=transport) as http, http.stream("POST", provider.url + CHAT, json=body) as response:
        next(response.iter_bytes())
    saved = transport.savings()
    assert (saved.total.misses.calls, saved.total.misses.input_tokens) == (1, None)
    assert saved.unpriced_calls == {None: 1}


def test_a_stream_at_its_own_pace_is_not_read_on_for_it(provider: LoopbackProvider) -> None:
    now, ticks, slept = [0.0], [1.0], list[float]()  # a second passes at each look at the clock, until it is stopped

    def clock() -> float:
        now[0] += ticks[0]
        return now[0]

    with SyncTieredCache([SyncMemoryBackend()], clock=clock, sleep=slept.append) as cache:
        transport = CachingTransport(cache, pacing="recorded")
        with httpx2.Client(transport=transport) as http:
            sdk = client("chat stream", provider, http)
            list(asked("chat stream", sdk, "m"))
            ticks[0] = 0.0
            with asked("chat stream", sdk, "m") as stream:
                next(iter(stream))
            paused = len(slept)
            left = transport.savings().total.hits
            list(asked("chat stream", sdk, "m"))  # to its last event, after which the SDK leaves too
            whole = transport.savings().total.hits
    assert paused < len(slept) - paused
    assert (left.calls, left.input_tokens) == (1, None)
    assert (whole.calls, whole.input_tokens) == (2, 11)


@pytest.mark.parametrize("is_hit", [True, False])
def test_who_reads_slowly_makes_a_hit_no_slower(
    is_hit: bool, provider: LoopbackProvider, cache: SyncTieredCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1.0]
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport) as http:
        sdk = client("chat stream", provider, http)
        if is_hit:
            list(asked("chat stream", sdk, "m"))
        for module in (desk, receipts):
            monkeypatch.setattr(module, "monotonic", lambda: now[0])
        before = transport.savings().total
        with asked("chat stream", sdk, "m") as stream:
            now[0] += 2
            list(stream)
    total = transport.savings().total
    if is_hit:
        assert (total.hits.calls, before.hits.calls) == (1, 0)
        assert total.hits.seconds is not None
        assert total.hits.seconds >= 0, "what the original took, less nothing: the clock stood still until it was given"
    else:
        assert total.misses.seconds is not None
        assert total.misses.seconds < -1.5, "a call takes as long as it is read"


def test_an_answer_is_entered_once() -> None:
    ledger = SavingsLedger()
    receipt = Receipt(ledger, Entered("miss", "chat", None, None), 0.5)
    for _ in range(2):
        receipt.enter(Usage(total_seconds=3.0))
    assert ledger.savings().total.misses.calls == 1


def test_each_scope_has_its_own(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    ledger = SavingsLedger()
    transports = [CachingTransport(cache, scope=scope, ledger=ledger) for scope in ("a", "b", None)]
    for transport in transports:
        with httpx2.Client(transport=transport) as http:
            for _ in range(3):
                http.post(provider.url + CHAT, json={"model": "m", "messages": HI})
    assert [transport.savings().total.hits.calls for transport in transports] == [2, 2, 6]
    assert list(transports[2].savings().by_scope) == ["a", "b", None]


def test_the_tier_is_told_where_it_is_known(provider: LoopbackProvider, cache: SyncTieredCache, tmp_path: Path) -> None:
    transport = CachingTransport(cache)
    body = {"model": "m", "messages": HI}
    with httpx2.Client(transport=transport) as http:
        http.post(provider.url + CHAT, json=body)
        http.post(provider.url + CHAT, json=body, headers={"cache-control": "only-if-cached"})
        with record(tmp_path / "answers.jsonl"):
            http.post(provider.url + CHAT, json=body)
        with replay_only(tmp_path / "answers.jsonl"):
            http.post(provider.url + CHAT, json=body)
    by_tier = transport.savings().by_tier
    assert {name: (group.hits.calls, group.hits.input_tokens) for name, group in by_tier.items()} == {
        "memory": (1, 11),
        "cassette": (1, None),  # which has the answer and not what it used
    }


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_the_tier_of_each_hit(streams: bool, provider: LoopbackProvider) -> None:
    near, far = MemoryBackend(), MemoryBackend()
    tiers = [Tier(backend=near, name="near"), Tier(backend=far, name="far")]
    body = {"model": "m", "messages": HI, "stream": streams}
    async with TieredCache(tiers) as cache:
        transport = AsyncCachingTransport(cache)
        async with httpx2.AsyncClient(transport=transport) as http:
            await http.post(provider.url + CHAT, json=body)
            await near.clear()
            labels = [(await http.post(provider.url + CHAT, json=body)).headers["x-aicache"] for _ in range(3)]
    assert labels == ["hit"] * 3
    by_tier = transport.savings().by_tier
    assert {name: group.hits.calls for name, group in by_tier.items()} == {"far": 1, "near": 2}


def test_what_is_bypassed_or_fails_is_not_among_them(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport) as http:
        with bypass():
            http.post(provider.url + CHAT, json={"model": "m", "messages": HI})
        http.post(provider.url + CHAT, json={"model": "m-500", "messages": HI})
        http.get(f"{provider.url}/v1/models")
    assert transport.savings().total.misses.calls == 0


def test_a_ledger_that_is_none(cache: SyncTieredCache) -> None:
    with pytest.raises(InvalidTypeError, match="ledger must be a SavingsLedger or None, got 'x'"):
        CachingTransport(cache, ledger="x")  # type: ignore[arg-type]


class Weighing(SyncMemoryBackend):
    """Tells what each entry costs to make again."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: list[float | None] = []
        keep = self.put

        def put(key: str, value: Any, *, cost: float | None = None, **options: Any) -> bool:
            self.costs.append(cost)
            return keep(key, value, cost=cost, **options)

        self.put = put  # type: ignore[method-assign]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_costs_memory_the_seconds_of_its_call(provider: LoopbackProvider, stream: bool) -> None:
    backend = Weighing()
    with SyncTieredCache([backend]) as cache, httpx2.Client(transport=CachingTransport(cache)) as http:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        for label in ("miss", "hit"):
            answer = http.post(f"{provider.url}/v1/chat/completions", json=body)
            assert answer.headers["x-aicache"] == label
    (cost,) = backend.costs
    assert cost is not None
    assert 0 < cost < 60
