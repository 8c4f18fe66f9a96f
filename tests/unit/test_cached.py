"""The decorator, in both flavours."""

from __future__ import annotations

import inspect

import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.errors import ConfigurationError, KeyEncodingError
from aicache_memory import MemoryBackend, SyncMemoryBackend


@pytest.fixture
async def cache():
    async with TieredCache([MemoryBackend()]) as made:
        yield made


async def test_an_answer_is_made_once_for_each_set_of_arguments(cache):
    calls = []

    @cache.cached()
    async def complete(messages, *, temperature=0.0):
        """Ask the model."""
        calls.append(messages)
        return {"content": len(messages), "temperature": temperature}

    messages = [{"role": "user", "content": "hello"}]
    assert await complete(messages) == await complete(messages=messages, temperature=0.0)
    assert await complete(messages, temperature=1.0) == {"content": 1, "temperature": 1.0}
    assert len(calls) == 2
    assert inspect.iscoroutinefunction(complete)
    assert (complete.__name__, complete.__doc__) == ("complete", "Ask the model.")


async def test_an_answer_can_be_forgotten(cache):
    calls = []

    @cache.cached(ttl=60)
    async def f(x):
        calls.append(x)
        return x

    await f(1)
    assert await cache.get(f.key(1)) == 1
    assert await f.invalidate(1)
    assert not await f.invalidate(1)
    await f(1)
    assert calls == [1, 1]


async def test_a_method_is_keyed_by_hand(cache):
    class Model:
        name = "small"

        @cache.cached(key=lambda self, prompt: f"{self.name}:{prompt}")
        async def ask(self, prompt):
            return prompt.upper()

        @cache.cached()
        async def unnamed(self, prompt):
            raise AssertionError("never called")

    assert await Model().ask("hi") == "HI"
    assert await cache.get("small:hi") == "HI"
    with pytest.raises(KeyEncodingError, match=r"\['self'\] is a .*Model.*pass key="):
        await Model().unnamed("hi")


async def test_a_plain_function_becomes_an_async_one(cache):
    @cache.cached()
    def f(x):
        return x + 1

    assert await f(1) == 2


async def test_a_ttl_is_checked_when_the_function_is_decorated(cache):
    with pytest.raises(ValueError, match="ttl must be more than 0"):
        cache.cached(ttl=0)


def test_the_sync_flavour():
    calls = []
    with SyncTieredCache([SyncMemoryBackend()]) as cache:

        @cache.cached()
        def f(x):
            calls.append(x)
            return [x]

        assert f(1) == f(x=1) == [1]
        assert calls == [1]
        assert f.invalidate(1)

        async def g():
            raise NotImplementedError

        with pytest.raises(ConfigurationError, match="decorate it with a TieredCache"):
            cache.cached()(g)
