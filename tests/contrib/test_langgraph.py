"""`LangGraphCache`: the contract of `BaseCache`, beside LangGraph's own, and a graph whose nodes run once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.cache.base import BaseCache
from langgraph.cache.memory import InMemoryCache
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.langgraph import LangGraphCache
from aicache.errors import UnsupportedError
from aicache_memory import MemoryBackend, SyncMemoryBackend

A: Any = (("graph", "node"), "a")
B: Any = (("graph", "node"), "b")
OTHER: Any = (("graph", "other"), "a")
JOINED: Any = (("graphnode",), "a")


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def threads(now: list[float]) -> Iterator[SyncTieredCache]:
    with SyncTieredCache([SyncMemoryBackend(clock=lambda: now[0])]) as cache:
        yield cache


@pytest.fixture
async def tasks(now: list[float]) -> AsyncIterator[TieredCache]:
    async with TieredCache([MemoryBackend(clock=lambda: now[0])]) as cache:
        yield cache


@pytest.fixture(params=["ours", "LangGraph's own"])
def sync_cache(request: pytest.FixtureRequest, threads: SyncTieredCache) -> BaseCache[Any]:
    """What LangGraph's own does not do either is not asked for."""
    return LangGraphCache(threads) if request.param == "ours" else InMemoryCache()


@pytest.fixture(params=["async", "sync", "LangGraph's own"])
def async_cache(request: pytest.FixtureRequest, threads: SyncTieredCache, tasks: TieredCache) -> BaseCache[Any]:
    if request.param == "LangGraph's own":
        return InMemoryCache()
    return LangGraphCache(tasks if request.param == "async" else threads)


def test_the_contract(sync_cache: BaseCache[Any]) -> None:
    assert sync_cache.get([]) == {}
    assert sync_cache.get([A]) == {}
    sync_cache.set({A: (1, None), B: (None, 60), OTHER: ({"x": [1, 2]}, None)})
    assert sync_cache.get([B, A, JOINED, OTHER]) == {A: 1, B: None, OTHER: {"x": [1, 2]}}
    sync_cache.set({A: (2, None)})
    assert sync_cache.get([A]) == {A: 2}
    sync_cache.clear([A[0]])
    assert sync_cache.get([A, B, OTHER]) == {OTHER: {"x": [1, 2]}}
    sync_cache.clear()
    assert sync_cache.get([OTHER]) == {}


async def test_the_contract_with_await(async_cache: BaseCache[Any]) -> None:
    assert await async_cache.aget([]) == {}
    assert await async_cache.aget([A]) == {}
    await async_cache.aset({A: (1, None), B: (None, 60), OTHER: ({"x": [1, 2]}, None)})
    assert await async_cache.aget([B, A, JOINED, OTHER]) == {A: 1, B: None, OTHER: {"x": [1, 2]}}
    await async_cache.aclear([A[0]])
    assert await async_cache.aget([A, B, OTHER]) == {OTHER: {"x": [1, 2]}}
    await async_cache.aclear()
    assert await async_cache.aget([OTHER]) == {}


@pytest.mark.parametrize("ttl", [0, -1])
def test_a_ttl_that_is_over_keeps_nothing(sync_cache: BaseCache[Any], ttl: int) -> None:
    sync_cache.set({A: (1, None)})
    sync_cache.set({A: (2, ttl), B: (3, None)})
    assert sync_cache.get([A, B]) == {B: 3}


def test_each_has_its_own_ttl(threads: SyncTieredCache, now: list[float]) -> None:
    cache: LangGraphCache[Any] = LangGraphCache(threads)
    cache.set({A: (1, 10), B: (2, 20), OTHER: (3, None)})
    now[0] += 15
    assert cache.get([A, B, OTHER]) == {B: 2, OTHER: 3}
    now[0] += 10_000
    assert cache.get([A, B, OTHER]) == {OTHER: 3}


@dataclass
class Held:
    """A value that msgpack does not know and LangGraph's serializer does."""

    number: int


def test_values_are_those_of_the_serializer_and_fresh(threads: SyncTieredCache) -> None:
    cache: LangGraphCache[Any] = LangGraphCache(threads)
    value = {"messages": [AIMessage("hello")], "bytes": b"\x00", "set": {1}}
    cache.set({A: (value, None)})
    first = cache.get([A])[A]
    assert first == value
    first["messages"].clear()
    assert cache.get([A])[A] == value


def test_a_batch_is_one_look_up(threads: SyncTieredCache) -> None:
    cache: LangGraphCache[Any] = LangGraphCache(threads)
    cache.set({A: (1, None), B: (2, None)})
    before = threads.stats()
    cache.get([A, B, OTHER])
    after = threads.stats()
    assert (after.hits - before.hits, after.misses - before.misses) == (2, 1)


@pytest.mark.parametrize("foreign", ["text", [], ["msgpack"], ["no such kind", b""], ["msgpack", b"\xc1"], 7], ids=str)
def test_what_the_serializer_cannot_read_is_a_miss(threads: SyncTieredCache, foreign: Any) -> None:
    cache: LangGraphCache[Any] = LangGraphCache(threads)
    cache.set({B: (2, None)})
    threads.set(cache._key(*A), foreign)
    assert cache.get([A, B]) == {B: 2}


def test_namespaces_of_caches_are_apart(threads: SyncTieredCache) -> None:
    one: LangGraphCache[Any] = LangGraphCache(threads, namespace="one")
    two: LangGraphCache[Any] = LangGraphCache(threads, namespace="two")
    one.set({A: (1, None)})
    two.set({A: (2, None)})
    one.clear()
    assert (one.get([A]), two.get([A])) == ({}, {A: 2})


async def test_sync_use_of_an_async_cache_is_refused(tasks: TieredCache) -> None:
    cache: LangGraphCache[Any] = LangGraphCache(tasks)
    for verb in (lambda: cache.get([A]), lambda: cache.set({A: (1, None)}), cache.clear):
        with pytest.raises(UnsupportedError, match="SyncTieredCache"):
            verb()


class State(TypedDict):
    number: int


def graph(cache: BaseCache[Any], called: list[int]) -> Any:
    def square(state: State) -> State:
        called.append(state["number"])
        return {"number": state["number"] ** 2}

    builder = StateGraph(State)
    builder.add_node("square", square, cache_policy=CachePolicy(ttl=60))
    builder.add_edge(START, "square")
    builder.add_edge("square", END)
    return builder.compile(cache=cache)


def test_a_node_runs_once(threads: SyncTieredCache) -> None:
    called: list[int] = []
    compiled = graph(LangGraphCache(threads), called)
    assert [compiled.invoke({"number": number}) for number in (3, 4, 3)] == [{"number": n} for n in (9, 16, 9)]
    assert called == [3, 4]


async def test_a_node_runs_once_with_await(tasks: TieredCache) -> None:
    called: list[int] = []
    compiled = graph(LangGraphCache(tasks), called)
    invoke: Callable[..., Any] = compiled.ainvoke
    assert [await invoke({"number": number}) for number in (3, 3)] == [{"number": 9}] * 2
    assert called == [3]
