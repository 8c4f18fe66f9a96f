"""What must not be kept is not: each kind of it, with the real SDKs, and the reason is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.http import AsyncCachingTransport, CachingTransport, StorePolicy
from aicache.testing.provider import LoopbackProvider
from aicache_memory import MemoryBackend, SyncMemoryBackend

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
TOOLS_TOO = StorePolicy(cache_tool_calls=True)


def chat(client: Any, **more: Any) -> Any:
    return client[0].chat.completions.create(**{"model": "m", "messages": HI, **more})


def responses(client: Any, **more: Any) -> Any:
    return client[0].responses.create(**{"model": "m", "input": "hi", **more})


def messages(client: Any, **more: Any) -> Any:
    return client[1].messages.create(**{"model": "m", "messages": HI, "max_tokens": 9, **more})


# (what is asked, how, the reason, the store policy)
ANSWERS = [
    (chat, {"model": "m-429"}, "status"),
    (chat, {"model": "m-500"}, "status"),
    (responses, {"model": "m-500"}, "status"),
    (messages, {"model": "m-429"}, "status"),
    (chat, {"model": "m-error"}, "error"),
    (responses, {"model": "m-error"}, "error"),
    (messages, {"model": "m-error"}, "error"),
    (chat, {"model": "m-length"}, "truncated"),
    (responses, {"model": "m-length"}, "truncated"),
    (messages, {"model": "m-length"}, "truncated"),
    (chat, {"model": "m-filter"}, "filtered"),
    (responses, {"model": "m-filter"}, "filtered"),
    (chat, {"model": "m-refusal"}, "refusal"),
    (responses, {"model": "m-refusal"}, "refusal"),
    (messages, {"model": "m-refusal"}, "refusal"),
    (chat, {"model": "m-tools"}, "tool_calls"),
    (responses, {"model": "m-tools"}, "tool_calls"),
    (messages, {"model": "m-tools"}, "tool_calls"),
    (chat, {"model": "m-empty"}, "empty"),
    (responses, {"model": "m-empty"}, "empty"),
    (messages, {"model": "m-empty"}, "empty"),
    (responses, {"model": "m-search"}, "hosted_tools"),
    (messages, {"model": "m-search"}, "hosted_tools"),
    (messages, {"model": "m-paused"}, "unfinished"),
]
REQUESTS = [
    (responses, {"background": True}, "background"),
    (responses, {"store": True}, "state"),
    (responses, {"previous_response_id": "resp_0"}, "state"),
    (responses, {"conversation": "conv_0"}, "state"),
    (responses, {"prompt": {"id": "pmpt_0"}}, "state"),
    (responses, {"input": [{"type": "item_reference", "id": "msg_0"}]}, "state"),
    (chat, {"store": True}, "state"),
    (messages, {"extra_body": {"container": "c"}}, "state"),
    (responses, {"tools": [{"type": "web_search"}]}, "hosted_tools"),
    (chat, {"web_search_options": {}}, "hosted_tools"),
    (chat, {"model": "gpt-9-search-preview"}, "hosted_tools"),
    (messages, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "hosted_tools"),
    (messages, {"extra_body": {"mcp_servers": [{"url": "https://a.test"}]}}, "hosted_tools"),
    (chat, {"temperature": 0.7}, "sampling"),
    (responses, {"temperature": 1}, "sampling"),
    (messages, {"extra_body": {"temperature": 0.1}}, "sampling"),
]
IDS = [f"{ask.__name__} {next(iter(more.values()))} {why}" for ask, more, why in ANSWERS]
REQUEST_IDS = [f"{ask.__name__} {next(iter(more))} {why}" for ask, more, why in REQUESTS]


class Rig:
    """Both SDKs over one transport."""

    def __init__(self, provider: LoopbackProvider, store: StorePolicy) -> None:
        self.memory = SyncMemoryBackend()
        self.cache = SyncTieredCache([self.memory])
        self.transport = CachingTransport(self.cache, store=store)
        http = httpx2.Client(transport=self.transport)
        self.clients = (
            openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=http, max_retries=0),
            anthropic.Anthropic(base_url=provider.url, api_key="k", http_client=http, max_retries=0),
        )

    @property
    def stored(self) -> list[str]:
        return list(self.memory.scan(""))

    def run(self, ask: Any, more: dict[str, Any]) -> None:
        with contextlib.suppress(openai.APIError, anthropic.APIError):
            answer = ask(self.clients, **more)
            if more.get("stream"):
                list(answer)


@pytest.fixture
def rigged(provider: LoopbackProvider) -> Iterator[Callable[[StorePolicy], Rig]]:
    rigs: list[Rig] = []

    def make(store: StorePolicy) -> Rig:
        rigs.append(Rig(provider, store))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.transport.close()
        rig.cache.close()


@pytest.fixture
def rig(rigged: Callable[[StorePolicy], Rig]) -> Rig:
    return rigged(StorePolicy())


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("ask", "more", "why"), ANSWERS, ids=IDS)
def test_an_answer_that_is_not_stored(
    ask: Any, more: dict[str, Any], why: str, streams: bool, rig: Rig, provider: LoopbackProvider
) -> None:
    for number in (1, 2):
        rig.run(ask, {**more, "stream": streams} if streams else more)
        assert len(provider.calls) == number
    assert rig.stored == []
    assert rig.transport.stats().skips == {why: 2}
    if why != "status":  # that is an error of a load, and not a value
        assert rig.cache.stats().skips == {why: 2}


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("ask", "more", "why"), REQUESTS, ids=REQUEST_IDS)
def test_a_request_that_is_not_answered_from_the_cache(
    ask: Any, more: dict[str, Any], why: str, streams: bool, rig: Rig, provider: LoopbackProvider
) -> None:
    for number in (1, 2):
        rig.run(ask, {**more, "stream": streams} if streams else more)
        assert len(provider.calls) == number
    assert rig.stored == []
    assert rig.transport.stats().bypassed == {why: 2}
    assert rig.cache.stats().misses == 0


@pytest.mark.parametrize("ask", [chat, messages])
def test_arguments_that_cannot_be_parsed(
    ask: Any, provider: LoopbackProvider, rigged: Callable[[StorePolicy], Rig]
) -> None:
    rig = rigged(TOOLS_TOO)
    for number in (1, 2):
        rig.run(ask, {"model": "m-badtools", "stream": True})
        assert len(provider.calls) == number
    assert rig.stored == []
    assert rig.transport.stats().skips == {"arguments": 2}


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("ask", [chat, responses, messages])
def test_tool_calls_are_stored_where_that_is_asked_for(
    ask: Any, streams: bool, provider: LoopbackProvider, rigged: Callable[[StorePolicy], Rig]
) -> None:
    rig = rigged(TOOLS_TOO)
    for _ in range(2):
        rig.run(ask, {"model": "m-tools", "stream": streams})
    assert len(provider.calls) == 1
    assert len(rig.stored) == 1


@pytest.mark.parametrize("model", ["m-cut-300", "m-eof-300"])
@pytest.mark.parametrize("ask", [chat, responses, messages])
def test_a_stream_that_the_provider_breaks_off(ask: Any, model: str, rig: Rig, provider: LoopbackProvider) -> None:
    for number in (1, 2):
        with contextlib.suppress(httpx2.HTTPError):
            rig.run(ask, {"model": model, "stream": True})
        assert len(provider.calls) == number
    assert rig.stored == []
    assert rig.transport.stats().skips == {"aborted": 2}


def test_a_body_that_the_provider_breaks_off(rig: Rig, provider: LoopbackProvider) -> None:
    for model in ("m-cut-100", "m-eof-100"):
        with contextlib.suppress(httpx2.HTTPError, ValueError):
            rig.run(chat, {"model": model})
    assert len(provider.calls) == 2
    assert rig.stored == []
    assert rig.transport.stats().skips == {"aborted": 1, "unreadable": 1}


@pytest.mark.parametrize("ask", [chat, responses, messages])
def test_a_stream_that_its_reader_leaves(ask: Any, rig: Rig, provider: LoopbackProvider) -> None:
    stream = ask(rig.clients, model="m-hold", stream=True)
    next(iter(stream))
    stream.close()
    assert rig.stored == []
    assert rig.transport.stats().skips == {"abandoned": 1}
    provider.go.set()
    rig.run(ask, {"model": "m-hold", "stream": True})
    assert len(provider.calls) == 2
    assert len(rig.stored) == 1


async def test_a_stream_whose_task_is_cancelled(provider: LoopbackProvider) -> None:
    memory = MemoryBackend()
    async with TieredCache([memory]) as cache:
        transport = AsyncCachingTransport(cache)
        async with httpx2.AsyncClient(transport=transport) as http:
            client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=http, max_retries=0)
            begun = asyncio.Event()

            async def read() -> None:
                async for _ in await client.chat.completions.create(model="m-hold", messages=HI, stream=True):
                    begun.set()

            task = asyncio.create_task(read())
            await begun.wait()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert [key async for key in memory.scan("")] == []
        assert transport.stats().skips == {"abandoned": 1}


def test_the_end_of_a_stream_is_its_last_event_not_the_end_of_the_bytes(rig: Rig, provider: LoopbackProvider) -> None:
    """The SDK stops reading at [DONE]; the answer is whole all the same."""
    stream = chat(rig.clients, stream=True)
    for chunk in stream:
        if chunk.choices and chunk.choices[0].finish_reason:
            assert rig.stored == []
    assert len(rig.stored) == 1


@pytest.mark.parametrize(
    ("sampling", "asked"),
    [("deterministic", {}), ("unset", {"temperature": 0.5}), ("deterministic", {"temperature": 0.5})],
)
def test_samples_are_handed_out_in_turn(
    sampling: Any, asked: dict[str, Any], provider: LoopbackProvider, rigged: Callable[[StorePolicy], Rig]
) -> None:
    rig = rigged(StorePolicy(sampling=sampling, samples=3))
    texts = [chat(rig.clients, **asked).choices[0].message.content for _ in range(9)]
    assert len(provider.calls) == 3
    assert len(set(texts[:3])) == 3
    assert texts[:3] == texts[3:6] == texts[6:]
    assert [chat(rig.clients, temperature=0).choices[0].message.content for _ in range(2)] == [
        "Answer 4: ☃ is snow."
    ] * 2


def test_a_seed_makes_a_request_one_that_has_one_answer(rig: Rig, provider: LoopbackProvider) -> None:
    for _ in range(2):
        chat(rig.clients, temperature=0.9, seed=7)
    assert len(provider.calls) == 1


def test_an_error_is_kept_where_that_is_asked_for(
    provider: LoopbackProvider, rigged: Callable[[StorePolicy], Rig]
) -> None:
    rig = rigged(StorePolicy(negative_ttls={404: 60.0}))
    for model in ("m-404", "m-404", "m-500", "m-500"):
        with pytest.raises(openai.APIStatusError):
            chat(rig.clients, model=model)
    assert [call.body["model"] for call in provider.calls] == ["m-404", "m-500", "m-500"]


def test_what_was_looked_up_is_kept_for_as_long_as_is_said(
    provider: LoopbackProvider, rigged: Callable[[StorePolicy], Rig]
) -> None:
    rig = rigged(StorePolicy(hosted_tools_ttl=60.0))
    for _ in range(2):
        responses(rig.clients, model="m-search", tools=[{"type": "web_search"}])
    assert len(provider.calls) == 1
    assert 0 < (rig.cache.lookup(rig.stored[0]).ttl_left or 0) <= 60
