"""How a stream is kept, and which cannot be, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Event, JsonSerializer, Policy

from .streamed import END, Upstream, inner, is_idle, never, read, stats, step


async def test_under_the_key_is_a_recording_that_says_when_each_chunk_came(flavour):
    cache = flavour.cache(flavour.memory())
    await read(cache, "k", Upstream(flavour, ["a", "b"], pause=0.25))
    assert await cache.get("k") == {"aicache.stream": 1, "chunks": ["a", "b"], "at": [250_000, 500_000, 750_000]}


async def test_a_recording_may_be_set_by_hand(flavour):
    cache = flavour.cache(flavour.memory())
    await cache.set("k", {"aicache.stream": 1, "chunks": ["a"], "at": [0, 1_000_000]})
    assert await read(cache, "k", never) == ["a"]


OTHERS = [
    "text",
    ["a"],
    {},
    {"chunks": ["a"], "at": [0, 0]},
    {"aicache.stream": 2, "chunks": ["a"], "at": [0, 0]},
    {"aicache.stream": True, "chunks": ["a"], "at": [0, 0]},
    {"aicache.stream": 1, "chunks": "a", "at": [0, 0]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0, "1"]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0, True]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0, 0.5]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [-1, 0]},
    {"aicache.stream": 1, "chunks": ["a"]},
]


@pytest.mark.parametrize("value", OTHERS)
async def test_what_is_no_recording_is_a_counted_miss(flavour, value):
    events: list[Event] = []
    cache = flavour.cache(flavour.memory(), observers=[events.append])
    await cache.set("k", value)
    assert await read(cache, "k", Upstream(flavour, ["fresh"])) == ["fresh"]
    counts = stats(cache)
    assert (counts.hits, counts.misses, counts.tiers[0].refused) == (0, 1, {"not a stream": 1})
    assert [event.reason for event in events if event.kind == "miss"] == ["memory: not a stream"]
    assert await read(cache, "k", never) == ["fresh"]


async def test_it_is_stored_once_and_not_before_the_end(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    chunks = inner(cache).stream("k", Upstream(flavour, ["a", "b"], fails_at=None))
    assert [await step(chunks), await step(chunks)] == ["a", "b"]
    if not flavour.is_async:  # whose task may have seen the end by now
        assert ("set", "k") not in store.log
    assert await step(chunks) is END
    assert store.log.count(("set", "k")) == 1


async def test_it_lives_as_long_as_its_ttl(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10))
    upstream = Upstream(flavour, ["a"])
    await read(cache, "k", upstream)
    await read(cache, "longer", upstream, ttl=100)
    flavour.clock.advance(11)
    await read(cache, "longer", never)
    await read(cache, "k", upstream)
    assert upstream.calls == 3


async def test_json_keeps_what_json_can(flavour):
    cache = flavour.cache(flavour.memory(), flavour.store(), serializer=JsonSerializer())
    chunks = [{"delta": "a"}, None, 1.5, ""]
    assert await read(cache, "k", Upstream(flavour, chunks)) == chunks
    assert await read(cache, "k", never) == chunks


@pytest.mark.parametrize(("chunk", "options"), [(b"bytes", {"serializer": JsonSerializer()}), (object(), {})])
async def test_what_cannot_be_kept_passes_through(flavour, chunk, options):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store(), **options), Upstream(flavour, ["a", chunk, "b"])
    for _ in range(2):
        assert await read(cache, "k", upstream) == ["a", chunk, "b"]
    assert (upstream.calls, stats(cache).unserializable) == (2, 2)
    assert await cache.get("k") is None


async def test_what_is_too_large_passes_through(flavour):
    cache, chunks = flavour.cache(flavour.memory()), [b"x" * 1000] * 50
    upstream = Upstream(flavour, chunks)
    assert await read(cache, "k", upstream, max_bytes=10_000) == chunks
    assert await cache.get("k") is None
    assert stats(cache).skips == {"size": 1}
    assert await read(cache, "k", upstream, max_bytes=100_000) == chunks
    assert await read(cache, "k", never) == chunks
    assert is_idle(cache)
