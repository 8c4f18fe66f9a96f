"""A stream that breaks is not stored, nor one that is left, unless the policy has it completed, in both flavours."""

from __future__ import annotations

import pytest

from aicache import Policy
from aicache.testing.payloads import same

from .streamed import CHUNKS, Upstream, inner, is_idle, never, read, read_into, rest, stats, stop


@pytest.mark.parametrize("at", range(len(CHUNKS) + 1))
async def test_a_stream_that_breaks_is_not_stored_wherever_it_does(flavour, at):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store()), Upstream(flavour, fails_at=at)
    chunks, got = inner(cache).stream("k", upstream), []
    with pytest.raises(ConnectionError) as raised:
        await read_into(got, chunks)
    assert raised.value is upstream.error
    assert same(got, CHUNKS[:at])
    assert await cache.get("k") is None
    assert (stats(cache).loads, stats(cache).load_errors, upstream.closed) == (1, 1, 1)
    assert is_idle(cache)


@pytest.mark.parametrize("at", range(1, len(CHUNKS) + 1))
async def test_a_stream_that_is_left_is_closed_and_not_stored_wherever_that_is(flavour, at):
    store = flavour.store()
    cache, upstream = flavour.cache(store), Upstream(flavour, [*CHUNKS, *["more"] * 300])
    assert same(await read(cache, "k", upstream, at), CHUNKS[:at])
    assert upstream.closed == 1
    assert store.data == {}
    assert stats(cache).skips == {"abandoned": 1}
    assert is_idle(cache)


async def test_a_stream_that_is_never_read_asks_for_nothing(flavour):
    cache = flavour.cache(flavour.memory())
    await stop(inner(cache).stream("k", never))
    assert (stats(cache).loads, stats(cache).misses) == (0, 0)


@pytest.mark.parametrize("at", [1, 3])
async def test_a_stream_that_is_left_is_completed_where_the_policy_says_so(flavour, at):
    cache, upstream = flavour.cache(flavour.memory(), policy=Policy(abandoned="complete")), Upstream(flavour)
    assert same(await read(cache, "k", upstream, at), CHUNKS[:at])
    await rest(cache)
    assert same(await read(cache, "k", never), CHUNKS)
    assert upstream.closed == 1
    assert is_idle(cache)


async def test_nobody_completes_what_cannot_be_stored(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(abandoned="complete"))
    upstream = Upstream(flavour, [b"x" * 1000] * 100)
    await read(cache, "k", upstream, 1, max_bytes=10_000)
    await rest(cache)
    assert (upstream.closed, upstream.pulled < 15) == (1, True)
    assert stats(cache).skips == {"size": 1}
    assert is_idle(cache)
