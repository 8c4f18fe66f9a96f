"""Recordings that are stale, and streams whose key is forgotten while they are under way, in both flavours."""

from __future__ import annotations

from typing import Any

import pytest

from aicache import Policy

from .streamed import Upstream, inner, is_idle, never, read, read_into, stats, step


async def stale(flavour, **options):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10, stale_if_error=100, **options))
    await read(cache, "k", Upstream(flavour, ["old"]))
    flavour.clock.advance(11)
    return cache


async def test_a_stale_recording_stands_in_for_a_stream_that_does_not_begin(flavour):
    cache = await stale(flavour)
    failing = Upstream(flavour, fails_at=0)
    assert await read(cache, "k", failing) == ["old"]
    assert await read(cache, "k", never) == ["old"]  # it has just failed
    flavour.clock.advance(6)
    assert await read(cache, "k", Upstream(flavour, ["new"])) == ["new"]
    assert await read(cache, "k", never) == ["new"]
    assert (failing.calls, stats(cache).stale, stats(cache).load_errors) == (1, 2, 1)
    assert is_idle(cache)


async def test_it_stands_in_for_nothing_that_has_begun(flavour):
    cache = await stale(flavour)
    chunks = inner(cache).stream("k", Upstream(flavour, ["new", "…"], fails_at=1))
    assert await step(chunks) == "new"
    with pytest.raises(ConnectionError):
        await step(chunks)
    assert stats(cache).stale == 0


async def test_one_that_is_too_old_does_not_stand_in(flavour):
    cache = await stale(flavour)
    flavour.clock.advance(200)
    with pytest.raises(ConnectionError):
        await read(cache, "k", Upstream(flavour, fails_at=0))


@pytest.mark.parametrize("invalidate", ["delete", "clear", "set", "delete_prefix"])
async def test_an_invalidated_stream_goes_on_for_its_readers_and_for_nobody_else(flavour, invalidate):
    cache = flavour.cache(flavour.memory())
    early = inner(cache).stream("k", Upstream(flavour, ["a", "b"] + ["…"] * 300))
    assert await step(early) == "a"
    arguments = {"delete": ["k"], "clear": [], "set": ["k", "value"], "delete_prefix": ["k"]}[invalidate]
    await getattr(cache, invalidate)(*arguments)
    assert await read(cache, "k", Upstream(flavour, ["new"])) == ["new"]
    assert await step(early) == "b"
    left: list[Any] = []
    await read_into(left, early)
    assert left == ["…"] * 300
    assert await read(cache, "k", never) == ["new"]
    assert (stats(cache).overtaken, stats(cache).joins) == (1, 0)
    assert is_idle(cache)
