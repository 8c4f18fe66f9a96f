"""`CachedAnswers` in real agents: what is asked twice is answered once, and only good answers are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from aicache import TieredCache
from aicache.contrib.pydantic_ai import CachedAnswers
from aicache_memory import MemoryBackend


@pytest.fixture
async def cache() -> AsyncIterator[TieredCache]:
    async with TieredCache([MemoryBackend()]) as opened:
        yield opened


class Provider:
    """A model that counts what it is asked for."""

    def __init__(self, *responses: ModelResponse) -> None:
        self.calls = 0
        self.responses = responses or (ModelResponse([TextPart("an answer")], finish_reason="stop"),)

    async def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        response = self.responses[min(self.calls, len(self.responses) - 1)]
        self.calls += 1
        await asyncio.sleep(0)
        return replace(response, usage=RequestUsage(input_tokens=10, output_tokens=5))

    async def stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | dict[int]]:
        self.calls += 1
        for word in ("an ", "answer"):
            yield word

    def agent(self, cache: TieredCache, **options: Any) -> Agent[Any, Any]:
        name = options.pop("model_name", "counted")
        model = FunctionModel(self.answer, stream_function=self.stream, model_name=name)
        capability = CachedAnswers(
            cache, **{key: options.pop(key) for key in ("tool_calls", "scope", "ttl") if key in options}
        )
        return Agent(model, capabilities=[capability], **options)


async def test_the_second_run_calls_nobody(cache: TieredCache) -> None:
    provider = Provider()
    agent = provider.agent(cache)
    outputs = [(await agent.run("hello")).output for _ in range(3)]
    assert outputs == ["an answer"] * 3
    assert provider.calls == 1


async def test_a_hit_is_marked_and_its_usage_is_not_counted_again(cache: TieredCache) -> None:
    agent = Provider().agent(cache)
    first, second = await agent.run("hello"), await agent.run("hello")
    assert first.usage.output_tokens == 5
    assert (second.usage.input_tokens, second.usage.output_tokens) == (0, 0)
    response = second.all_messages()[-1]
    assert isinstance(response, ModelResponse)
    assert response.metadata == {"aicache": {"cache_hit": True, "usage": {"input_tokens": 10, "output_tokens": 5}}}


async def test_each_hit_has_objects_of_its_own(cache: TieredCache) -> None:
    agent = Provider().agent(cache)
    for _ in range(3):
        response = (await agent.run("hello")).all_messages()[-1]
        assert isinstance(response, ModelResponse)
        (part,) = response.parts
        assert isinstance(part, TextPart)
        assert part.content == "an answer"
        part.content = "changed"


async def test_many_at_the_same_time_make_one_call(cache: TieredCache) -> None:
    provider = Provider()
    agent = provider.agent(cache)
    results = await asyncio.gather(*[agent.run("hello") for _ in range(20)])
    assert {result.output for result in results} == {"an answer"}
    assert provider.calls == 1
    assert sum(result.usage.output_tokens for result in results) == 5


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "hello!"},
        {"instructions": "be brief"},
        {"model_settings": ModelSettings(temperature=0.5)},
        {"model_settings": ModelSettings(seed=1)},
        {"model_settings": ModelSettings(extra_body={"top_k": 1})},
        {"model_name": "another"},
        {"scope": "tenant"},
        {"output_type": [str, int]},
    ],
    ids=str,
)
async def test_another_request_is_another_answer(cache: TieredCache, other: dict[str, Any]) -> None:
    provider = Provider()
    await provider.agent(cache).run("hello")
    options = dict(other)
    prompt = options.pop("prompt", "hello")
    await provider.agent(cache, **options).run(prompt)
    assert provider.calls == 2


@pytest.mark.parametrize(
    "settings", [{"timeout": 3}, {"extra_headers": {"authorization": "secret"}}], ids=["timeout", "credentials"]
)
async def test_how_it_is_called_is_not_what_is_asked(cache: TieredCache, settings: Any) -> None:
    provider = Provider()
    agent = provider.agent(cache)
    await agent.run("hello")
    await agent.run("hello", model_settings=settings)
    assert provider.calls == 1


async def test_a_conversation_is_answered_again_turn_by_turn(cache: TieredCache) -> None:
    provider = Provider()
    agent = provider.agent(cache)
    for _ in range(2):
        first = await agent.run("hello")
        await agent.run("and then?", message_history=first.all_messages())
    assert provider.calls == 2


BAD: dict[str, ModelResponse] = {
    "cut off": ModelResponse([TextPart("half an ans")], finish_reason="length"),
    "filtered": ModelResponse([TextPart("no")], finish_reason="content_filter"),
    "failed": ModelResponse([TextPart("no")], finish_reason="error"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_is_not_kept(cache: TieredCache, name: str) -> None:
    provider = Provider(BAD[name], ModelResponse([TextPart("whole")], finish_reason="stop"))
    agent = provider.agent(cache)
    try:
        await agent.run("hello")
    except UnexpectedModelBehavior:
        assert name == "filtered"
    assert [(await agent.run("hello")).output for _ in range(2)] == ["whole"] * 2
    assert provider.calls == 2


class Output(BaseModel):
    number: int


async def test_a_structured_answer_is_an_answer(cache: TieredCache) -> None:
    provider = Provider(ModelResponse([ToolCallPart("final_result", {"number": 7})], finish_reason="tool_call"))
    agent = provider.agent(cache, output_type=Output)
    assert [(await agent.run("hello")).output for _ in range(2)] == [Output(number=7)] * 2
    assert provider.calls == 1


@pytest.mark.parametrize(("tool_calls", "calls"), [(False, 3), (True, 2)])
async def test_calls_of_tools_are_kept_when_asked_for(cache: TieredCache, tool_calls: bool, calls: int) -> None:
    def answers(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        nonlocal called
        called += 1
        if any(isinstance(part, ToolReturnPart) for message in messages for part in message.parts):
            return ModelResponse([TextPart("sunny")], finish_reason="stop")
        return ModelResponse([ToolCallPart("weather", {"city": "Oslo"})], finish_reason="tool_call")

    called, ran = 0, 0
    agent = Agent(FunctionModel(answers), capabilities=[CachedAnswers(cache, tool_calls=tool_calls)])

    @agent.tool_plain
    def weather(city: str) -> str:
        nonlocal ran
        ran += 1
        return f"sun over {city}"

    assert [(await agent.run("hello")).output for _ in range(2)] == ["sunny"] * 2
    assert (called, ran) == (calls, 2)  # each call has an id of its own, and the answer to it is the same


async def test_a_stream_is_kept_once_it_is_whole(cache: TieredCache) -> None:
    provider = Provider()
    agent = provider.agent(cache)
    for _ in range(2):
        async with agent.run_stream("hello") as result:
            assert await result.get_output() == "an answer"
    assert provider.calls == 1


async def test_what_the_model_raises_reaches_the_caller_and_is_not_kept(cache: TieredCache) -> None:
    calls = 0

    def answers(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("away")
        return ModelResponse([TextPart("yes")])

    agent = Agent(FunctionModel(answers), capabilities=[CachedAnswers(cache)])
    with pytest.raises(OSError, match="away"):
        await agent.run("hello")
    assert (await agent.run("hello")).output == "yes"


async def test_what_is_no_answer_is_a_miss(cache: TieredCache) -> None:
    keys: list[str] = []
    watched = TieredCache([MemoryBackend()], observers=[lambda event: keys.append(event.key or "")])
    provider = Provider()
    await provider.agent(watched).run("hello")
    (key,) = {key for key in keys if key}
    for foreign in ("text", "[]", 7):
        await watched.set(key, foreign)
        assert (await provider.agent(watched).run("hello")).output == "an answer"
    assert provider.calls == 4
    await watched.aclose()


async def test_the_test_model_works_with_it(cache: TieredCache) -> None:
    agent = Agent(TestModel(custom_output_text="yes"), capabilities=[CachedAnswers(cache, ttl=60)])
    assert [(await agent.run("hello")).output for _ in range(2)] == ["yes"] * 2
    assert cache.stats().loads == 1
