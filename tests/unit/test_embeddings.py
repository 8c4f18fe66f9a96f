"""`EmbeddingCache`: each text its own vector, in the form given, asked for once, and nothing kept of a bad batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from struct import pack, unpack
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aicache import EmbeddingCache, SyncEmbeddingCache, SyncTieredCache, TieredCache
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError
from aicache_memory import MemoryBackend, SyncMemoryBackend


def vector(text: str, dimensions: int = 3) -> list[float]:
    """A vector of its own for each short text, which float16 holds exactly."""
    return [float(len(text)), *map(float, text.encode()[: dimensions - 1].ljust(dimensions - 1))]


class Embedder:
    """Counts what it is asked for."""

    def __init__(self, form: Callable[[list[list[float]]], Any] = lambda vectors: vectors) -> None:
        self.asked: list[list[str]] = []
        self.form = form

    def __call__(self, texts: list[str]) -> Any:
        self.asked.append(list(texts))
        return self.form([vector(text) for text in texts])


@pytest.fixture
async def cache() -> AsyncIterator[EmbeddingCache]:
    async with EmbeddingCache([MemoryBackend()], model="m") as opened:
        yield opened


async def test_a_hit_asks_nobody(cache: EmbeddingCache) -> None:
    embed = Embedder()
    first = await cache.get_or_embed(["a", "b"], embed)
    again = await cache.get_or_embed(["b", "a"], embed)
    assert first == [vector("a"), vector("b")]
    assert again == [vector("b"), vector("a")]
    assert embed.asked == [["a", "b"]]


async def test_duplicates_are_asked_for_once(cache: EmbeddingCache) -> None:
    embed = Embedder()
    found = await cache.get_or_embed(["a", "b", "a", "a"], embed)
    assert found == [vector("a"), vector("b"), vector("a"), vector("a")]
    assert embed.asked == [["a", "b"]]
    found[0].append(9.0)
    assert found[2] == vector("a")


async def test_only_what_is_missing_is_asked_for(cache: EmbeddingCache) -> None:
    embed = Embedder()
    await cache.get_or_embed(["a", "c"], embed)
    assert await cache.get_or_embed(["a", "b", "c", "d"], embed) == [vector(text) for text in "abcd"]
    assert embed.asked == [["a", "c"], ["b", "d"]]


async def test_batches_are_of_the_providers_size() -> None:
    embed = Embedder()
    async with EmbeddingCache([MemoryBackend()], model="m", batch_size=2) as cache:
        assert await cache.get_or_embed(list("abcde"), embed) == [vector(text) for text in "abcde"]
    assert embed.asked == [["a", "b"], ["c", "d"], ["e"]]


async def test_what_another_call_has_in_hand_is_waited_for(cache: EmbeddingCache) -> None:
    asked: list[list[str]] = []
    gate = asyncio.Event()

    async def embed(texts: list[str]) -> list[list[float]]:
        asked.append(texts)
        await gate.wait()
        return [vector(text) for text in texts]

    calls = [asyncio.create_task(cache.get_or_embed(texts, embed)) for texts in (["a", "b"], ["b", "c"], ["c", "a"])]
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*calls) == [
        [vector("a"), vector("b")],
        [vector("b"), vector("c")],
        [vector("c"), vector("a")],
    ]
    assert sorted(text for texts in asked for text in texts) == ["a", "b", "c"]


async def test_no_text_is_no_vector(cache: EmbeddingCache) -> None:
    embed = Embedder()
    assert await cache.get_or_embed([], embed) == []
    assert embed.asked == []


async def test_texts_are_taken_as_they_are(cache: EmbeddingCache) -> None:
    texts = ["", " ", "a", "a ", "A", "ä", "a\u0308", "\ud800", "\x00"]
    seen: list[str] = []

    def embed(asked: list[str]) -> list[list[float]]:
        seen.extend(asked)
        return [[float(texts.index(text))] for text in asked]

    assert await cache.get_or_embed(texts, embed) == [[float(number)] for number in range(len(texts))]
    assert await cache.get_or_embed(texts[::-1], embed) == [[float(number)] for number in range(len(texts))][::-1]
    assert seen == texts


# -- forms


@pytest.mark.parametrize("is_hit", [False, True])
async def test_an_array_comes_back_as_an_array(cache: EmbeddingCache, is_hit: bool) -> None:
    embed = Embedder(np.array)
    if is_hit:
        await cache.get_or_embed(["a", "b"], embed)
    found = await cache.get_or_embed(["b", "a", "b"], embed)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    assert found.tolist() == [vector("b"), vector("a"), vector("b")]
    found[0] = 0  # it is the caller's own
    assert (await cache.get_or_embed(["b"], embed)).tolist() == [vector("b")]


@pytest.mark.parametrize("is_hit", [False, True])
async def test_rows_come_back_as_rows(cache: EmbeddingCache, is_hit: bool) -> None:
    embed = Embedder(lambda vectors: [np.array(one) for one in vectors])
    if is_hit:
        await cache.get_or_embed(["a", "b"], embed)
    found = await cache.get_or_embed(["b", "a"], embed)
    assert isinstance(found, list)
    assert [row.tolist() for row in found] == [vector("b"), vector("a")]
    found[0][:] = 0
    assert found[1].tolist() == vector("a")


@pytest.mark.parametrize("is_hit", [False, True])
@pytest.mark.parametrize("as_dicts", [False, True])
async def test_items_with_an_index_may_come_in_any_order(cache: EmbeddingCache, is_hit: bool, as_dicts: bool) -> None:
    def embed(texts: list[str]) -> list[Any]:
        items = [{"index": at, "embedding": vector(text)} for at, text in enumerate(texts)]
        return [item if as_dicts else SimpleNamespace(**item) for item in reversed(items)]

    if is_hit:
        await cache.get_or_embed(["a", "b"], embed)
    assert await cache.get_or_embed(["a", "b", "c"], embed) == [vector("a"), vector("b"), vector("c")]


async def test_lists_and_arrays_are_one_entry(cache: EmbeddingCache) -> None:
    await cache.get_or_embed(["a"], Embedder())
    found = await cache.get_or_embed(["a", "b"], Embedder(np.array))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [vector("a"), vector("b")]


# -- rounding


@pytest.mark.parametrize(("packing", "sign"), [("float32", "<f"), ("float16", "<e"), ("float64", "<d")])
@pytest.mark.parametrize("form", [lambda vectors: vectors, np.array], ids=["list", "array"])
async def test_what_comes_back_is_what_the_packing_holds(packing: Any, sign: str, form: Callable[[Any], Any]) -> None:
    numbers = [0.1, -1 / 3, 1e-5, 0.0, -0.0, 12.5]
    held = [unpack(sign, pack(sign, number))[0] for number in numbers]
    async with EmbeddingCache([MemoryBackend()], model="m", packing=packing) as cache:
        for _ in range(2):  # the first time too
            (found,) = await cache.get_or_embed(["a"], lambda _: form([numbers]))
            assert list(map(repr, map(float, found))) == list(map(repr, held))


async def test_a_packed_vector_is_four_bytes_for_each_number() -> None:
    store = MemoryBackend()
    async with EmbeddingCache([store], model="m") as cache:
        await cache.get_or_embed(["a"], lambda _: [[0.5] * 1536])
        entry = store.peek([key async for key in store.scan("")].pop())
        assert entry is not None
        assert len(entry.value) == 2 + 4 * 1536


# -- bad answers


BAD: dict[str, Any] = {
    "too few": [[1.0]],
    "too many": [[1.0]] * 3,
    "none": [],
    "other lengths": [[1.0], [1.0, 2.0]],
    "empty vectors": [[], []],
    "not a number": [[1.0], [float("nan")]],
    "infinite": [[float("inf")], [1.0]],
    "texts": [["a"], ["b"]],
    "too large": [[1e300], [1.0]],
    "a mapping": {"a": [1.0], "b": [2.0]},
    "a response": SimpleNamespace(data=[]),
    "None": None,
    "numbers": [1.0, 2.0],
    "lists and arrays": [[1.0], np.array([1.0])],
    "one dimension": np.array([1.0, 2.0]),
    "three dimensions": np.zeros((2, 2, 2)),
    "array with NaN": np.array([[1.0], [np.nan]]),
    "array too large": np.array([[1.0], [1e300]]),
    "array of texts": np.array([["a"], ["b"]]),
    "arrays of two dimensions": [np.zeros((1, 1)), np.zeros((1, 1))],
    "one index twice": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
    "another index": [{"index": 1, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}],
}


@pytest.mark.parametrize("name", BAD)
async def test_nothing_is_kept_of_a_bad_batch(cache: EmbeddingCache, name: str) -> None:
    with pytest.raises((InvalidArgumentError, InvalidTypeError), match=r"embed|vector"):
        await cache.get_or_embed(["a", "b"], lambda _: BAD[name])
    embed = Embedder()
    assert await cache.get_or_embed(["a", "b"], embed) == [vector("a"), vector("b")]
    assert embed.asked == [["a", "b"]]


async def test_another_length_than_before_is_refused_and_not_kept(cache: EmbeddingCache) -> None:
    await cache.get_or_embed(["a"], Embedder())
    with pytest.raises(InvalidArgumentError, match=r"one length, got 2 and 3.*revision"):
        await cache.get_or_embed(["a", "b"], lambda texts: [vector(text, 2) for text in texts])
    embed = Embedder()
    await cache.get_or_embed(["a", "b"], embed)
    assert embed.asked == [["b"]]


async def test_another_length_than_said_is_refused() -> None:
    async with EmbeddingCache([MemoryBackend()], model="m", dimensions=4) as cache:
        with pytest.raises(InvalidArgumentError, match="got 3 and 4"):
            await cache.get_or_embed(["a"], Embedder())


async def test_what_came_before_a_batch_that_fails_is_kept() -> None:
    async def embed(texts: list[str]) -> list[list[float]]:
        if "c" in texts:
            raise OSError("the provider is away")
        return [vector(text) for text in texts]

    async with EmbeddingCache([MemoryBackend()], model="m", batch_size=2) as cache:
        with pytest.raises(OSError, match="away"):
            await cache.get_or_embed(list("abcd"), embed)
        well = Embedder()
        assert await cache.get_or_embed(list("abcd"), well) == [vector(text) for text in "abcd"]
        assert well.asked == [["c", "d"]]


async def test_who_waits_for_a_batch_that_fails_later_asks_itself() -> None:
    gate = asyncio.Event()

    async def failing(texts: list[str]) -> list[list[float]]:
        await gate.wait()
        if "b" in texts:
            raise OSError("away")
        return [vector(text) for text in texts]

    well = Embedder()
    async with EmbeddingCache([MemoryBackend()], model="m", batch_size=1) as cache:
        first = asyncio.create_task(cache.get_or_embed(["a", "b"], failing))
        await asyncio.sleep(0)
        second = asyncio.create_task(cache.get_or_embed(["b", "a"], well))
        await asyncio.sleep(0)
        gate.set()
        assert await second == [vector("b"), vector("a")]
        assert well.asked == [["b"]]
        with pytest.raises(OSError, match="away"):
            await first


@pytest.mark.parametrize("foreign", ["a text", b"", b"l ", b"l\x20abc", b"l\x10ab", 7])
async def test_what_is_no_vector_is_made_again(foreign: Any) -> None:
    async with TieredCache([MemoryBackend()]) as tiered:
        cache = EmbeddingCache(tiered, model="m")
        await cache.get_or_embed(["a", "b"], Embedder())
        await tiered.set(cache._key("a"), foreign)
        embed = Embedder()
        for _ in range(2):
            assert await cache.get_or_embed(["b", "a"], embed) == [vector("b"), vector("a")]
        assert embed.asked == [["a"]]


async def test_kept_vectors_of_two_lengths_are_refused() -> None:
    async with TieredCache([MemoryBackend()]) as tiered:
        cache = EmbeddingCache(tiered, model="m")
        await cache.get_or_embed(["a", "b"], Embedder())
        await tiered.set(cache._key("a"), b"l\x20" + bytes(4))
        with pytest.raises(InvalidArgumentError, match="got 1 and 3"):
            await cache.get_or_embed(["a", "b"], Embedder())


# -- whose vectors


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"},
        {"model": "m", "provider": "p"},
        {"model": "m", "revision": "2"},
        {"model": "m", "dimensions": 3},
        {"model": "m", "task": "query"},
        {"model": "m", "scope": "tenant"},
        {"model": "m", "namespace": "elsewhere"},
        {"model": "m", "packing": "float64"},
    ],
    ids=str,
)
async def test_another_embedder_has_vectors_of_its_own(other: dict[str, Any]) -> None:
    async with TieredCache([MemoryBackend()]) as tiered:
        await EmbeddingCache(tiered, model="m").get_or_embed(["a"], Embedder())
        embed = Embedder()
        await EmbeddingCache(tiered, **other).get_or_embed(["a"], embed)
        assert embed.asked == [["a"]]
        await EmbeddingCache(tiered, **other).get_or_embed(["a"], embed)
        assert embed.asked == [["a"]]


async def test_the_keys_do_not_change() -> None:
    cache = EmbeddingCache([MemoryBackend()], model="text-embedding-3-small", scope="a b")
    key = "embeddings:[a%20b]:emb:text-embedding-3-small|1-"
    assert cache._key("hello").startswith(key)
    assert cache._key("hello").removeprefix(key) == ("d8f561285988a2ededcec66e190f0ad98bf2b0505b913918a7220b63efc74339")
    await cache.aclose()


async def test_it_forgets(cache: EmbeddingCache) -> None:
    embed = Embedder()
    await cache.get_or_embed(["a", "b", "c"], embed)
    assert await cache.invalidate(["a", "nothing"]) == 1
    assert await cache.invalidate_model() == 2
    await cache.get_or_embed(["a", "b", "c"], embed)
    assert embed.asked == [["a", "b", "c"]] * 2


async def test_a_cache_that_was_passed_in_stays_open() -> None:
    async with TieredCache([MemoryBackend()]) as tiered:
        async with EmbeddingCache(tiered, model="m") as cache:
            await cache.get_or_embed(["a"], Embedder())
        assert await tiered.get("nothing") is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"model": ""}, "model"),
        ({"model": "m", "batch_size": 0}, "batch_size"),
        ({"model": "m", "batch_size": 1.5}, "batch_size"),
        ({"model": "m", "dimensions": -1}, "dimensions"),
        ({"model": "m", "packing": "int8"}, "packing"),
        ({"model": "m", "scope": ""}, "scope"),
        ({"model": "m", "namespace": "a b"}, "namespace"),
        ({"model": "m", "ttl": 0}, "ttl"),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises((ConfigurationError, InvalidArgumentError), match=named):
        EmbeddingCache([MemoryBackend()], **options)


async def test_a_cache_of_the_other_flavour_is_refused() -> None:
    wrong: Any = SyncTieredCache([SyncMemoryBackend()])
    with pytest.raises(ConfigurationError, match="TieredCache"):
        EmbeddingCache(wrong, model="m")
    wrong.close()


@pytest.mark.parametrize(("texts", "named"), [("one text", "several texts"), (["a", 7], "each of texts")])
async def test_what_is_no_text_is_refused(cache: EmbeddingCache, texts: Any, named: str) -> None:
    with pytest.raises(InvalidTypeError, match=named):
        await cache.get_or_embed(texts, Embedder())


def test_without_asyncio() -> None:
    embed = Embedder()
    with SyncEmbeddingCache([SyncMemoryBackend()], model="m", batch_size=2) as cache:
        for _ in range(2):
            assert cache.get_or_embed(["a", "b", "a", "c"], embed) == [vector(text) for text in "abac"]
        assert embed.asked == [["a", "b"], ["c"]]
        with pytest.raises(InvalidArgumentError):
            cache.get_or_embed(["d"], lambda _: [])
        assert cache.invalidate_model() == 3
