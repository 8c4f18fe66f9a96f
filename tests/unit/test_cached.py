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


async def test_a_function_of_one_argument_is_called_in_every_way_it_could_be(cache):
    calls = []

    @cache.cached()
    async def ask(called="default"):
        calls.append(called)
        return [called]

    for _ in range(2):
        assert await ask("x") == await ask(called="x") == ["x"]
        assert await ask() == await ask("default") == await ask(called="default") == ["default"]
        assert await ask(None) == [None]
        assert await ask(["list"]) == [["list"]]
    assert calls == ["x", "default", None, ["list"]]
    assert inspect.iscoroutinefunction(ask)
    assert str(inspect.signature(ask)) == "(called='default')"
    for wrong in (lambda: ask("x", "y"), lambda: ask(other="x"), lambda: ask("x", called="y")):
        with pytest.raises(TypeError, match=r"ask\(\)"):
            await wrong()


async def test_an_argument_that_may_not_be_named_may_not_be_named_under_the_decorator(cache):
    @cache.cached()
    async def ask(text, /):
        return text

    assert await ask("x") == "x"
    with pytest.raises(TypeError, match="positional-only"):
        await ask(text="x")


async def test_no_argument_is_taken_for_another_that_is_equal(cache):
    class Text(str):
        pass

    @cache.cached()
    async def kind(value):
        return type(value).__name__

    for _ in range(2):
        assert [await kind(value) for value in (1, 1.0, True, "1")] == ["int", "float", "bool", "str"]
    with pytest.raises(KeyEncodingError):
        await kind(Text("1"))


def test_a_sync_function_of_one_argument_is_called_in_every_way_it_could_be():
    calls = []
    with SyncTieredCache([SyncMemoryBackend()]) as cache:

        @cache.cached()
        def ask(value):
            calls.append(value)
            return [value]

        for _ in range(2):
            assert ask("x") == ask(value="x") == ["x"]
        ask("x").append("harmless")
        assert ask("x") == ["x"]
        assert cache.stats().tiers[0].hits == 5
    assert calls == ["x"]


@pytest.mark.parametrize("kind", ["args", "kwargs", "two", "keyword", "builtin"])
def test_functions_of_other_arguments_are_wrapped_as_they_are(kind):
    def many(*values):
        return [*values]

    def named(**values):
        return [*values]

    def two(a, b=2):
        return [a, b]

    def keyword(*, a):
        return [a]

    function, args, kwargs, expected = {
        "args": (many, (1, 2), {}, [1, 2]),
        "kwargs": (named, (), {"a": 1}, ["a"]),
        "two": (two, ("x",), {}, ["x", 2]),
        "keyword": (keyword, (), {"a": 1}, [1]),
        "builtin": (len, ([1, 2],), {}, 2),
    }[kind]
    with SyncTieredCache([SyncMemoryBackend()]) as cache:
        kept = cache.cached()(function)
        assert kept(*args, **kwargs) == kept(*args, **kwargs) == expected
        assert cache.stats().loads == 1
