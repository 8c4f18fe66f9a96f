"""Streams in both flavours: what comes back, what is stored, and what is not."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any

from tests.unit.conftest import Awaited, Flavour

CHUNKS = ["a", "", None, b"\x00", {"delta": {"tool_calls": [1]}}, [], ("t",), 0, "z"]


@dataclass
class Upstream:
    """A factory of streams that counts what becomes of them. `fails_at`: the chunk instead of which it raises."""

    flavour: Flavour
    chunks: list[Any] = field(default_factory=lambda: list(CHUNKS))
    fails_at: int | None = None
    pauses: float = 0.0
    calls: int = 0
    pulled: int = 0
    closed: int = 0

    error = ConnectionError("provider down")

    def __call__(self) -> Any:
        self.calls += 1
        return self._later() if self.flavour.is_async else self._now()

    def _now(self):
        try:
            for at, chunk in enumerate(self.chunks):
                self.flavour.clock.advance(self.pauses)
                if at == self.fails_at:
                    raise self.error
                self.pulled += 1
                yield chunk
            if self.fails_at == len(self.chunks):
                raise self.error
        finally:
            self.closed += 1

    async def _later(self):
        for chunk in self._now():
            await asyncio.sleep(0)
            yield chunk


def inner(cache: Any) -> Any:
    return cache.inner if isinstance(cache, Awaited) else cache


async def read(cache: Any, key: str, factory: Any, most: int | None = None, **options: Any) -> list[Any]:
    """The chunks that a caller gets, the first `most` of them only; then it stops reading."""
    got: list[Any] = []
    chunks = inner(cache).stream(key, factory, **options)
    try:
        if inspect.isasyncgen(chunks):
            while len(got) != most:
                got.append(await anext(chunks))
        else:
            while len(got) != most:
                got.append(next(chunks))
    except (StopAsyncIteration, StopIteration):
        pass
    finally:
        await chunks.aclose() if inspect.isasyncgen(chunks) else chunks.close()
    return got


def under_way(cache: Any) -> int:
    """The streams that the cache has not yet let go of."""
    running = inner(cache)._running
    return len(running.table) + len(running.pumps if hasattr(running, "pumps") else running.threads)


def same(got: Any, wanted: Any) -> bool:
    return got == wanted and repr(got) == repr(wanted)


async def test_what_is_recorded_comes_back_chunk_for_chunk(flavour):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store()), Upstream(flavour)
    first = await read(cache, "k", upstream)
    again = await read(cache, "k", upstream)
    assert same(first, CHUNKS)
    assert same(again, CHUNKS)
    assert upstream.calls == 1
    stats = cache.inner.stats() if isinstance(cache, Awaited) else cache.stats()
    assert (stats.loads, stats.misses, stats.hits, stats.joins) == (1, 1, 1, 0)
    assert under_way(cache) == 0


async def test_a_recording_is_found_in_a_lower_tier_and_promoted(flavour):
    store = flavour.store()
    await read(flavour.cache(store), "k", Upstream(flavour))
    cache = flavour.cache(flavour.memory(), store)
    upstream = Upstream(flavour)
    assert same(await read(cache, "k", upstream), CHUNKS)
    assert same(await read(cache, "k", upstream), CHUNKS)
    assert upstream.calls == 0
    assert store.log.count(("get", "k")) == 2


async def test_each_caller_has_chunks_of_its_own(flavour):
    cache, upstream = flavour.cache(flavour.memory()), Upstream(flavour, [{"n": [1]}, {"n": [2]}])
    for _ in range(3):
        got = await read(cache, "k", upstream)
        assert got == [{"n": [1]}, {"n": [2]}]
        got[0]["n"].append("mine")
        got[1].clear()
    assert upstream.calls == 1


async def test_the_reader_may_change_a_chunk_before_the_stream_has_ended(flavour):
    cache = flavour.cache(flavour.memory())
    chunks = inner(cache).stream("k", Upstream(flavour, [{"n": 1}, {"n": 2}]))
    if flavour.is_async:
        async for chunk in chunks:
            chunk.clear()
    else:
        for chunk in chunks:
            chunk.clear()
    assert await read(cache, "k", None.__class__) == [{"n": 1}, {"n": 2}]
