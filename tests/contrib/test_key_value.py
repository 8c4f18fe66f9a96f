"""`KeyValueStore`: the contract of py-key-value, beside its own store, and FastMCP's response caching on it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from key_value.aio.errors import InvalidTTLError, SerializationError
from key_value.aio.protocols import AsyncKeyValue
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.prefix_keys import PrefixKeysWrapper

from aicache import TieredCache
from aicache.contrib.key_value import KeyValueStore
from aicache_memory import MemoryBackend


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
async def cache(now: list[float]) -> AsyncIterator[TieredCache]:
    async with TieredCache([MemoryBackend(clock=lambda: now[0])]) as opened:
        yield opened


@pytest.fixture
def ours(cache: TieredCache) -> KeyValueStore:
    return KeyValueStore(cache)


@pytest.fixture(params=["ours", "their own"])
def store(request: pytest.FixtureRequest, ours: KeyValueStore) -> AsyncKeyValue:
    """What their own store does not do either is not asked for."""
    return ours if request.param == "ours" else MemoryStore()


def test_it_has_the_protocol(ours: KeyValueStore) -> None:
    assert isinstance(ours, AsyncKeyValue)


async def test_one_key(store: AsyncKeyValue) -> None:
    assert await store.get("k") is None
    assert await store.ttl("k") == (None, None)
    assert await store.delete("k") is False
    await store.put("k", {"a": 1})
    assert await store.get("k") == {"a": 1}
    assert await store.ttl("k") == ({"a": 1}, None)
    await store.put("k", {})
    assert await store.get("k") == {}
    assert await store.delete("k") is True
    assert await store.get("k") is None


async def test_collections_are_apart(store: AsyncKeyValue) -> None:
    await store.put("k", {"a": 1}, collection="one")
    await store.put("k", {"a": 2}, collection="two")
    await store.put("k", {"a": 3})
    assert [await store.get("k", collection=name) for name in ("one", "two", None, "three")] == [
        {"a": 1},
        {"a": 2},
        {"a": 3},
        None,
    ]
    assert await store.delete("k", collection="one") is True
    assert await store.get("k", collection="two") == {"a": 2}


async def test_many_keys(store: AsyncKeyValue) -> None:
    await store.put_many(["a", "b"], [{"n": 1}, {"n": 2}], collection="c")
    assert await store.get_many(["b", "x", "a"], collection="c") == [{"n": 2}, None, {"n": 1}]
    assert await store.ttl_many(["a", "x"], collection="c") == [({"n": 1}, None), (None, None)]
    assert await store.get_many([], collection="c") == []
    assert await store.delete_many(["a", "x", "b"], collection="c") == 2
    with pytest.raises(ValueError, match="values"):
        await store.put_many(["a"], [{}, {}])


async def test_a_ttl_is_seconds(store: AsyncKeyValue) -> None:
    await store.put("k", {"a": 1}, ttl=60)
    value, left = await store.ttl("k")
    assert value == {"a": 1}
    assert left is not None
    assert 59 < left <= 60
    await store.put_many(["m"], [{"a": 1}], ttl=1.5)
    ((_, left),) = await store.ttl_many(["m"])
    assert left is not None
    assert 1 < left <= 1.5


async def test_it_ends_with_its_ttl(ours: KeyValueStore, now: list[float]) -> None:
    await ours.put("k", {"a": 1}, ttl=10)
    now[0] += 9
    assert await ours.get("k") == {"a": 1}
    now[0] += 2
    assert await ours.get("k") is None
    assert await ours.ttl("k") == (None, None)


@pytest.mark.parametrize("ttl", [0, -1, True, "soon", math.nan], ids=str)
async def test_a_ttl_that_makes_no_sense_is_their_error(ours: KeyValueStore, ttl: Any) -> None:
    with pytest.raises(InvalidTTLError):
        await ours.put("k", {"a": 1}, ttl=ttl)
    assert await ours.get("k") is None


@pytest.mark.parametrize("value", [{"a": ...}, [1], "text", None], ids=str)
async def test_what_cannot_be_kept_is_their_error(ours: KeyValueStore, value: Any) -> None:
    with pytest.raises(SerializationError):
        await ours.put("k", value)
    with pytest.raises(SerializationError):
        await ours.put_many(["j", "k"], [{"a": 1}, value])
    assert await ours.get_many(["j", "k"]) == [None, None]


async def test_each_hit_is_a_dict_of_its_own(ours: KeyValueStore) -> None:
    given = {"list": [1]}
    await ours.put("k", given)
    given["list"].append(2)
    for one in [await ours.get("k"), *await ours.get_many(["k", "k", "k"])]:
        assert one == {"list": [1]}
        one["list"].append(3)


async def test_what_is_no_mapping_is_a_miss(ours: KeyValueStore, cache: TieredCache) -> None:
    await cache.set(ours._key("k", None), "text")
    assert await ours.get("k") is None
    assert await ours.ttl("k") == (None, None)


async def test_a_collection_and_all_can_be_destroyed(ours: KeyValueStore, cache: TieredCache) -> None:
    for collection in ("a", "b"):
        await ours.put("k", {"n": 1}, collection=collection)
    other = KeyValueStore(cache, namespace="other")
    await other.put("k", {"n": 2}, collection="a")
    assert await ours.destroy_collection("a") is True
    assert await ours.destroy_collection("a") is False
    assert await ours.get("k", collection="b") == {"n": 1}
    assert await ours.destroy() is True
    assert await ours.get("k", collection="b") is None
    assert await other.get("k", collection="a") == {"n": 2}


async def test_their_wrappers_go_round_it(ours: KeyValueStore) -> None:
    wrapped = PrefixKeysWrapper(key_value=ours, prefix="p")
    await wrapped.put("k", {"a": 1})
    assert await wrapped.get("k") == {"a": 1}
    assert await ours.get("k") is None


async def test_fastmcp_runs_a_tool_once(ours: KeyValueStore) -> None:
    server = FastMCP("test")
    server.add_middleware(ResponseCachingMiddleware(cache_storage=ours))
    called: list[int] = []

    @server.tool
    def square(number: int) -> int:
        called.append(number)
        return number**2

    async with Client(server) as client:
        answers = [(await client.call_tool("square", {"number": number})).data for number in (3, 3, 4, 3)]
        names = [[tool.name for tool in await client.list_tools()] for _ in range(2)]
    assert answers == [9, 9, 16, 9]
    assert called == [3, 4]
    assert names == [["square"]] * 2
