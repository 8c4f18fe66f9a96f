"""Who decides whether a stream is stored, and for how long: `keep` and the policy, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Event, Policy, Skip, Store
from aicache.testing.payloads import same

from .streamed import CHUNKS, Upstream, never, read, stats


async def test_keep_is_asked_once_after_a_good_end(flavour):
    cache, asked = flavour.cache(flavour.memory()), []
    await read(cache, "k", Upstream(flavour), keep=lambda chunks: asked.append(list(chunks)))
    await read(cache, "k", never, keep=asked.append)
    await read(cache, "left", Upstream(flavour, ["a"] * 500), 1, keep=asked.append)
    with pytest.raises(ConnectionError):
        await read(cache, "fails", Upstream(flavour, fails_at=1), keep=asked.append)
    assert same(asked, [CHUNKS])


async def test_keep_may_refuse(flavour):
    events: list[Event] = []
    cache, upstream = flavour.cache(flavour.memory(), observers=[events.append]), Upstream(flavour, ["a", "length"])

    def keep(chunks):
        return Skip(chunks, "truncated") if chunks[-1] == "length" else None

    for _ in range(2):
        assert await read(cache, "k", upstream, keep=keep) == ["a", "length"]
    assert upstream.calls == 2
    assert stats(cache).skips == {"truncated": 2}
    assert [(event.key, event.reason) for event in events if event.kind == "skip"] == [("k", "truncated")] * 2


async def test_keep_may_say_how_long(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=100))
    await read(cache, "k", Upstream(flavour), keep=lambda chunks: Store(chunks, ttl=10))
    await read(cache, "all", Upstream(flavour), keep=lambda chunks: chunks)
    flavour.clock.advance(11)
    assert await cache.get("k") is None
    assert await cache.get("all") is not None


async def test_the_policy_may_refuse(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(store_if=lambda chunks: chunks[-1] == "stop"))
    await read(cache, "k", Upstream(flavour, ["a"]))
    await read(cache, "good", Upstream(flavour, ["a", "stop"]))
    assert [await cache.get("k"), await cache.get("good") is None] == [None, False]
    assert stats(cache).skips == {"store_if": 1}


@pytest.mark.parametrize(
    ("keep", "reason"), [(lambda chunks: chunks[99], "IndexError"), (lambda chunks: False, "InvalidTypeError")]
)
async def test_a_stream_that_cannot_be_judged_reaches_its_reader_and_is_not_stored(flavour, keep, reason, caplog):
    cache = flavour.cache(flavour.memory())
    assert await read(cache, "k", Upstream(flavour, ["a"]), keep=keep) == ["a"]
    assert await cache.get("k") is None
    assert stats(cache).skips == {reason: 1}
    assert "could not be judged" in caplog.text
