"""A hundred vectors of 1,536 numbers, all of them kept in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from harness import Contender, Run, Scenario, repeated
from values import embedding, text

__all__ = ["scenarios"]

TEXTS = [text(400, number) for number in range(100)]
NAME = "embeddings, a hit of 100"


def scenarios() -> list[Scenario]:
    """One."""
    import numpy as np

    # What a packing of float32 holds, so that every contender gives back the same.
    vectors: Any = np.array([embedding(seed=number) for number in range(100)], "<f4")
    contenders = [
        Contender("aicache, arrays", _aicache(vectors), "an array of the caller's own, from float32 in memory"),
        Contender("aicache, lists", _aicache(vectors.tolist()), "lists of the caller's own, from float32 in memory"),
        Contender("get_many of a cache", _get_many(vectors.tolist()), "the lists as values: 8 bytes for each number"),
        Contender("floor: dict of lists", _dict(vectors.tolist()), "a copy of each; 32 bytes for each number", True),
    ]
    return [Scenario(NAME, "100 vectors of 1,536 numbers by their texts", contenders, "aicache, arrays")]


def _aicache(vectors: Any) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        from aicache import EmbeddingCache
        from aicache_memory import MemoryBackend

        async with EmbeddingCache([MemoryBackend()], model="m") as cache:

            def embed(_: list[str]) -> Any:
                return vectors

            def nobody(_: list[str]) -> Any:
                raise AssertionError("not a hit")

            await cache.get_or_embed(TEXTS, embed)
            found: Any = await cache.get_or_embed(TEXTS, nobody)
            assert _plain(found) == _plain(vectors)
            yield repeated(lambda: cache.get_or_embed(TEXTS, nobody))

    return opened


def _get_many(vectors: list[list[float]]) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend

        async with TieredCache([MemoryBackend()]) as cache:
            await cache.set_many(dict(zip(TEXTS, vectors, strict=True)))
            found = await cache.get_many(TEXTS)
            assert [found[text] for text in TEXTS] == vectors
            yield repeated(lambda: cache.get_many(TEXTS))

    return opened


def _dict(vectors: list[list[float]]) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        kept = dict(zip(TEXTS, vectors, strict=True))

        async def read() -> list[list[float]]:
            return [list(kept[text]) for text in TEXTS]

        assert await read() == vectors
        yield repeated(read)

    return opened


def _plain(vectors: Any) -> list[list[float]]:
    plain: list[list[float]] = vectors if isinstance(vectors, list) else vectors.tolist()
    return plain
