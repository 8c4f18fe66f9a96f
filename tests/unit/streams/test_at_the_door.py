"""What streams refuse: arguments, factories, and everything once the cache is closed, in both flavours."""

from __future__ import annotations

import pytest

from aicache.errors import ClosedError, InvalidArgumentError, InvalidTypeError, ReentrantLoadError
from aicache.testing.payloads import same

from .streamed import CHUNKS, Upstream, inner, is_idle, never, read, step


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"key": 1}, InvalidTypeError, "key must be a str"),
        ({"key": ""}, InvalidArgumentError, "key must not be empty"),
        ({"factory": "chunks"}, InvalidTypeError, "factory must be callable"),
        ({"pacing": "slow"}, InvalidArgumentError, 'pacing must be "instant" or "recorded", got \'slow\''),
        ({"max_bytes": 0}, InvalidArgumentError, "max_bytes must be at least 1, got 0"),
        ({"max_bytes": 1.5}, InvalidTypeError, "max_bytes must be a whole number of bytes, got 1.5"),
        ({"ttl": -1}, InvalidArgumentError, "ttl must be more than 0"),
    ],
)
async def test_bad_arguments_are_refused_at_once(flavour, arguments, error, message):
    given = {"key": "k", "factory": never, **arguments}
    with pytest.raises(error, match=message):
        inner(flavour.cache(flavour.memory())).stream(given.pop("key"), given.pop("factory"), **given)


@pytest.mark.parametrize("upstream", ["text", b"bytes", {"a": 1}, 7, None])
async def test_a_factory_that_returns_no_iterator_is_refused(flavour, upstream):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidTypeError, match="factory must return an iterator of chunks"):
        await read(cache, "k", lambda: upstream)
    assert is_idle(cache)


async def test_a_closed_cache_streams_no_more(flavour):
    cache = flavour.cache(flavour.memory())
    early = inner(cache).stream("k", never)
    await cache.aclose()
    with pytest.raises(ClosedError):
        inner(cache).stream("k", never)
    with pytest.raises(ClosedError):
        await step(early)


async def test_a_factory_that_streams_its_own_key_is_refused(flavour):
    cache = flavour.cache(flavour.memory())
    nested = lambda: inner(cache).stream("k", nested)  # noqa: E731 it names itself
    with pytest.raises(ReentrantLoadError, match="'k'"):
        await read(cache, "k", nested)
    assert await read(cache, "k", Upstream(flavour, ["a"])) == ["a"]


async def test_a_factory_may_stream_another_key(flavour):
    cache = flavour.cache(flavour.memory())
    upstream = Upstream(flavour)
    assert same(await read(cache, "outer", lambda: inner(cache).stream("inner", upstream)), CHUNKS)
    assert same(await read(cache, "outer", never), CHUNKS)
    assert same(await read(cache, "inner", never), CHUNKS)
    assert is_idle(cache)
