"""What is built on the SDKs, unchanged, over the transports: the second call reaches nobody and gives the same objects.

What a library says of its own run, and not of the answer, is left out where two answers are compared: ids that it
makes anew and times that it takes from its own clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import agents
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai.types import HttpOptions
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.http import AsyncCachingTransport, CachingTransport
from aicache.contrib.http import httpx as legacy
from aicache.testing.provider import LoopbackProvider

WORDS = "Answer 1: ☃ is snow."


@pytest.fixture
def http(cache: SyncTieredCache) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=CachingTransport(cache)) as client:
        yield client


@pytest.fixture
async def async_http(async_cache: TieredCache) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=AsyncCachingTransport(async_cache)) as client:
        yield client


@pytest.fixture
def client(async_http: httpx2.AsyncClient, provider: LoopbackProvider) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=async_http)


def check(answers: list[Any], provider: LoopbackProvider) -> None:
    """One call for all of them, and they are alike."""
    assert len(provider.calls) == 1
    assert len(answers) == 3
    assert answers[0]
    assert answers[0] == answers[1] == answers[2]


# -- langchain-openai


def said_by_langchain(parts: list[Any]) -> list[Any]:
    own = {part.id for part in parts if str(part.id).startswith("lc_run--")}
    assert len(own) <= 1  # the id of the run
    return [part.model_dump() | {"id": "its run" if part.id in own else part.id} for part in parts]


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_langchain(
    api: str, streams: bool, provider: LoopbackProvider, http: httpx2.Client, async_http: httpx2.AsyncClient
) -> None:
    model = ChatOpenAI(
        model="m", base_url=f"{provider.url}/v1", api_key="k", http_client=http, http_async_client=async_http,
        use_responses_api=api == "responses",
    )  # type: ignore[arg-type]  # fmt: skip
    found = [list(model.stream("hi")) if streams else [model.invoke("hi")] for _ in range(3)]
    assert "".join(str(part.text) for part in found[0]) == WORDS
    check([said_by_langchain(parts) for parts in found], provider)
    provider.calls.clear()
    later = [[part async for part in model.astream("hi")] if streams else [await model.ainvoke("hi")] for _ in range(3)]
    assert "".join(str(part.text) for part in later[0]) == WORDS
    check([said_by_langchain(parts) for parts in later], provider)


# -- pydantic-ai


@pytest.mark.parametrize("model", [OpenAIChatModel, OpenAIResponsesModel])
@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_pydantic_ai(model: Any, streams: bool, provider: LoopbackProvider, client: openai.AsyncOpenAI) -> None:
    agent = Agent(model("m", provider=OpenAIProvider(openai_client=client)))
    found = []
    for _ in range(3):
        if streams:
            async with agent.run_stream("hi") as run:
                parts = [part async for part in run.stream_text(delta=True, debounce_by=None)]
        else:
            run = await agent.run("hi")
            parts = [run.output]
        assert "".join(parts) == WORDS
        answer = run.new_messages()[-1]
        found.append(
            (parts, answer.parts, answer.usage, answer.model_name, answer.provider_details, answer.finish_reason)
        )
    check(found, provider)


# -- openai-agents


@pytest.mark.parametrize("model", [agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel])
@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_openai_agents(model: Any, streams: bool, provider: LoopbackProvider, client: openai.AsyncOpenAI) -> None:
    agent = agents.Agent(name="a", instructions="Be terse.", model=model(model="m", openai_client=client))
    silent = agents.RunConfig(tracing_disabled=True)
    found = []
    for _ in range(3):
        if streams:
            run: Any = agents.Runner.run_streamed(agent, "hi", run_config=silent)
            raw = [event.data async for event in run.stream_events() if event.type == "raw_response_event"]
            parts = [event.delta for event in raw if event.type == "response.output_text.delta"]
            assert "".join(parts) == WORDS
        else:
            run, parts = await agents.Runner.run(agent, "hi", run_config=silent), []
        assert run.final_output == WORDS
        found.append((parts, [(answer.output, answer.usage) for answer in run.raw_responses]))
    check(found, provider)


# -- google-genai


def said_by_gemini(parts: list[Any]) -> list[Any]:
    """Without the headers, which say of each response where it comes from."""
    return [part.model_dump(exclude={"sdk_http_response"}) for part in parts]


def labels(parts: list[Any]) -> set[str]:
    return {part.sdk_http_response.headers["x-aicache"] for part in parts}


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_google_genai(
    library: Any, streams: bool, provider: LoopbackProvider, cache: SyncTieredCache, async_cache: TieredCache
) -> None:
    transport: Any = CachingTransport(cache) if library is httpx2 else legacy.CachingTransport(cache)
    later: Any = AsyncCachingTransport if library is httpx2 else legacy.AsyncCachingTransport
    with library.Client(transport=transport) as http:
        async with library.AsyncClient(transport=later(async_cache)) as async_http:
            options = HttpOptions(base_url=provider.url, httpx_client=http, httpx_async_client=async_http)
            sdk = genai.Client(api_key="k", http_options=options)
            asked: Any = {"model": "m", "contents": "hi"}
            ask = sdk.models.generate_content_stream if streams else sdk.models.generate_content
            found = [list(ask(**asked)) if streams else [ask(**asked)] for _ in range(3)]
            assert "".join(part.text or "" for part in found[0]) == WORDS
            assert [labels(parts) for parts in found] == [{"miss"}, {"hit"}, {"hit"}]
            check([said_by_gemini(parts) for parts in found], provider)
            provider.calls.clear()
            found = []
            for _ in range(3):
                if streams:
                    found.append([part async for part in await sdk.aio.models.generate_content_stream(**asked)])
                else:
                    found.append([await sdk.aio.models.generate_content(**asked)])
            assert "".join(part.text or "" for part in found[0]) == WORDS
            check([said_by_gemini(parts) for parts in found], provider)
