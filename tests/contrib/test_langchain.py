"""`LangChainCache`: LangChain's own suites, and what they do not ask: what is kept, for whom, and whose objects."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompts import PromptTemplate
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.langchain import LangChainCache
from aicache.errors import ConfigurationError, InvalidArgumentError, UnsupportedError
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend


@pytest.fixture
def threads() -> Iterator[SyncTieredCache]:
    with SyncTieredCache([SyncMemoryBackend()]) as cache:
        yield cache


@pytest.fixture
async def tasks() -> AsyncIterator[TieredCache]:
    async with TieredCache([MemoryBackend()]) as cache:
        yield cache


class TestSync(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, threads: SyncTieredCache) -> LangChainCache:
        return LangChainCache(threads)


class TestAsync(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, tasks: TieredCache) -> LangChainCache:
        return LangChainCache(tasks)


class TestAsyncOverASyncCache(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, threads: SyncTieredCache) -> LangChainCache:
        return LangChainCache(threads)


@pytest.mark.redis
class TestSyncOverRedis(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, redis_url: str) -> Iterator[LangChainCache]:
        with SyncTieredCache([SyncRedisBackend(redis_url, prefix="langchain-sync:", timeout=5.0)]) as cache:
            yield LangChainCache(cache)
            cache.clear()


@pytest.mark.redis
class TestAsyncOverRedis(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, redis_url: str) -> AsyncIterator[LangChainCache]:
        async with TieredCache([RedisBackend(redis_url, prefix="langchain-async:", timeout=5.0)]) as cache:
            yield LangChainCache(cache)
            await cache.clear()


def answer(text: str = "yes", **said: Any) -> ChatGeneration:
    tools = said.pop("tool_calls", [])
    info = said.pop("generation_info", None)
    return ChatGeneration(
        message=AIMessage(content=text, response_metadata=said, tool_calls=tools), generation_info=info
    )


CALL = {"name": "search", "args": {"q": "x"}, "id": "1"}

KEPT: dict[str, Any] = {
    "plain": Generation(text="yes"),
    "nothing said of the end": answer(),
    "stop": answer(finish_reason="stop"),
    "STOP": answer(finish_reason="STOP"),
    "end_turn": answer(stop_reason="end_turn"),
    "completed": answer(status="completed"),
    "generation_info": answer(generation_info={"finish_reason": "stop"}),
}
NOT_KEPT: dict[str, Any] = {
    "cut off": answer(finish_reason="length"),
    "cut off, Anthropic": answer(stop_reason="max_tokens"),
    "cut off, Gemini": answer(finish_reason="MAX_TOKENS"),
    "incomplete": answer(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "filtered": answer(finish_reason="content_filter"),
    "refused": answer(stop_reason="refusal"),
    "paused": answer(stop_reason="pause_turn"),
    "an end that is not known": answer(finish_reason="who knows"),
    "cut off, in generation_info": answer(generation_info={"finish_reason": "length"}),
    "a bare generation": Generation(text="half an ans", generation_info={"finish_reason": "length"}),
    "empty": answer("", finish_reason="stop"),
    "empty text": Generation(text=""),
    "tools": answer("", finish_reason="tool_calls", tool_calls=[CALL]),
    "unparsable arguments": ChatGeneration(
        message=AIMessage(content="x", invalid_tool_calls=[{"name": "a", "args": "{", "id": "1", "error": "e"}])
    ),
    "what cannot be brought back": Generation(text="yes", generation_info={"when": object()}),
}


@pytest.mark.parametrize("name", KEPT)
def test_it_keeps(threads: SyncTieredCache, name: str) -> None:
    cache = LangChainCache(threads)
    cache.update("p", "llm", [KEPT[name]])
    assert cache.lookup("p", "llm") == [KEPT[name]]


@pytest.mark.parametrize("name", NOT_KEPT)
def test_it_does_not_keep(threads: SyncTieredCache, name: str) -> None:
    cache = LangChainCache(threads)
    cache.update("p", "llm", [NOT_KEPT[name]])
    assert cache.lookup("p", "llm") is None
    cache.update("q", "llm", [answer(), NOT_KEPT[name]])
    assert cache.lookup("q", "llm") is None
    assert threads.stats().tiers[0].writes == 0


def test_calls_of_tools_are_kept_when_asked_for(threads: SyncTieredCache) -> None:
    cache = LangChainCache(threads, tool_calls=True)
    for name in ("tools", "cut off", "unparsable arguments"):
        cache.update(name, "llm", [NOT_KEPT[name]])
    assert cache.lookup("tools", "llm") == [NOT_KEPT["tools"]]
    assert cache.lookup("cut off", "llm") is None
    assert cache.lookup("unparsable arguments", "llm") is None


def test_each_hit_has_objects_of_its_own(threads: SyncTieredCache) -> None:
    cache = LangChainCache(threads)
    given = answer(finish_reason="stop")
    cache.update("p", "llm", [given])
    given.message.content = "changed"
    first = cache.lookup("p", "llm")
    assert isinstance(first, list)
    first[0].message.usage_metadata = {"total_cost": 0}  # type: ignore[attr-defined]
    assert cache.lookup("p", "llm") == [answer(finish_reason="stop")]


def test_prompt_and_model_are_not_confused(threads: SyncTieredCache) -> None:
    cache = LangChainCache(threads)
    cache.update("ab", "c", [Generation(text="1")])
    assert cache.lookup("a", "bc") is None
    assert cache.lookup("abc", "") is None


def test_tenants_and_namespaces_are_apart(threads: SyncTieredCache) -> None:
    ours, theirs = LangChainCache(threads, scope="a"), LangChainCache(threads, scope="b")
    other, nobodys = LangChainCache(threads, namespace="other"), LangChainCache(threads)
    for cache in (ours, theirs, other, nobodys):
        assert cache.lookup("p", "llm") is None
        cache.update("p", "llm", [Generation(text="yes")])
    ours.clear()
    assert ours.lookup("p", "llm") is None
    assert [cache.lookup("p", "llm") is None for cache in (theirs, other, nobodys)] == [False] * 3


@pytest.mark.parametrize(
    "foreign",
    [
        "text",
        ["not json"],
        [7],
        ["{}"],
        ['{"lc": 1, "type": "constructor", "id": ["langchain", "llms", "openai", "OpenAI"], "kwargs": {}}'],
        [PromptTemplate.from_template("x").to_json()],
    ],
    ids=str,
)
def test_what_is_no_answer_is_a_miss(threads: SyncTieredCache, foreign: Any) -> None:
    cache = LangChainCache(threads)
    threads.set(cache._key("p", "llm"), foreign)
    assert cache.lookup("p", "llm") is None


def test_a_ttl_may_be_given(threads: SyncTieredCache) -> None:
    cache = LangChainCache(threads, ttl=60)
    cache.update("p", "llm", [Generation(text="yes")])
    left = threads.lookup(cache._key("p", "llm")).ttl_left
    assert left is not None
    assert 0 < left <= 60
    with pytest.raises(InvalidArgumentError, match="ttl"):
        LangChainCache(threads, ttl=0)


def test_a_chat_model_is_called_once(threads: SyncTieredCache) -> None:
    model = FakeListChatModel(responses=["one", "two"], cache=LangChainCache(threads))
    assert [model.invoke("hello").content for _ in range(2)] == ["one", "one"]
    assert model.invoke([HumanMessage("another")]).content == "two"


async def test_async_use_of_a_sync_cache_never_runs_on_the_loop(threads: SyncTieredCache) -> None:
    seen: set[int] = set()
    watched = SyncTieredCache([SyncMemoryBackend()], observers=[lambda _: seen.add(threading.get_ident())])
    model = GenericFakeChatModel(messages=iter([AIMessage("one")]), cache=LangChainCache(watched))
    assert [(await model.ainvoke("hello")).content for _ in range(2)] == ["one", "one"]
    assert seen
    assert threading.get_ident() not in seen
    watched.close()


async def test_sync_use_of_an_async_cache_is_refused_and_not_a_deadlock(tasks: TieredCache) -> None:
    cache = LangChainCache(tasks)
    for verb in (lambda: cache.lookup("p", "llm"), lambda: cache.update("p", "llm", [answer()]), cache.clear):
        with pytest.raises(UnsupportedError, match="SyncTieredCache"):
            verb()


@pytest.mark.redis
async def test_a_pair_shares_its_store(redis_url: str) -> None:
    both = (
        SyncTieredCache([SyncRedisBackend(redis_url, prefix="pair:", timeout=5.0)]),
        TieredCache([RedisBackend(redis_url, prefix="pair:", timeout=5.0)]),
    )
    cache = LangChainCache(both)
    await cache.aupdate("p", "llm", [answer()])
    assert await asyncio.to_thread(cache.lookup, "p", "llm") == [answer()]
    both[0].close()
    await both[1].aclose()


@pytest.mark.parametrize("wrong", [None, (), "cache", SyncMemoryBackend()], ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_cache_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="cache must be"):
        LangChainCache(wrong)
