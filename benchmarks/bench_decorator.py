"""A hit of a decorated function: one argument, keywords, a list of messages; and a miss, that is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from harness import Contender, Run, Scenario
from values import messages

__all__ = ["scenarios"]

TEXT = "It is 42. " * 100
TTL = 3600

Ask = Callable[..., Awaitable[str]]
Decorator = Callable[[Ask], Any]
Wrapped = Callable[[], AsyncGenerator[Decorator]]


def scenarios() -> list[Scenario]:
    """Three ways of calling, and what is called the first time."""
    one: tuple[Any, dict[str, Any]] = ("What is the answer?",), {}
    keywords: tuple[Any, dict[str, Any]] = ("What is the answer?",), {"model": "a-model", "temperature": 0.5}
    listed: tuple[Any, dict[str, Any]] = (), {"messages": messages(), "model": "a-model"}
    return [
        _scenario("one argument", "ask(prompt)", *one),
        _scenario("keywords", "ask(prompt, model=…, temperature=…)", *keywords),
        _scenario("messages", "ask(messages=…, model=…), with 2 kB of dicts in a list", *listed, is_hashable=False),
        _miss(),
    ]


def _scenario(
    name: str, what: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_hashable: bool = True
) -> Scenario:
    every = _OF_HASHABLE if is_hashable else _OF_ANYTHING
    contenders = [Contender(who, _hitting(wrapped, args, kwargs), note) for who, wrapped, note in every]
    contenders.append(Contender("floor: the bare call", _bare(args, kwargs), "no cache", is_floor=True))
    what = f"await {what} of an async function that was asked before"
    return Scenario(f"decorator hit, {name}", what, contenders, "aicache")


def _miss() -> Scenario:
    contenders = [Contender(who, _missing(wrapped), note) for who, wrapped, note in _OF_HASHABLE]
    what = "await ask(prompt) of an async function that has not been asked this before; it returns at once"
    return Scenario("decorator miss, one argument", what, contenders, "aicache")


def _function(loads: list[None]) -> Ask:
    async def ask(prompt: str = "", *, messages: Any = None, model: str = "", temperature: float = 0.0) -> str:  # noqa: ARG001 they are the key
        loads.append(None)
        return TEXT

    return ask


def _hitting(wrapped: Wrapped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        async with asynccontextmanager(wrapped)() as decorator:
            loads: list[None] = []
            ask = decorator(_function(loads))
            assert await ask(*args, **kwargs) == await ask(*args, **kwargs) == TEXT
            assert len(loads) == 1, "a hit was loaded again"
            assert await ask(*args, **{**kwargs, "model": "another"}) == TEXT
            assert len(loads) == 2, "another model's answer was handed out"
            yield _calls(ask, args, kwargs)

    return opened


def _missing(wrapped: Wrapped) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        async with asynccontextmanager(wrapped)() as decorator:
            loads: list[None] = []
            ask = decorator(_function(loads))

            async def run(count: int) -> None:
                before = len(loads)
                for number in range(before, before + count):
                    await ask(f"What is {number}?")
                assert len(loads) == before + count, "one of them was not called"

            await run(1)
            assert await ask("What is 0?") == TEXT
            assert len(loads) == 1, "nothing was stored"
            yield run

    return opened


def _bare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        async def ask(prompt: str = "", *, messages: Any = None, model: str = "", temperature: float = 0.0) -> str:  # noqa: ARG001 as above
            return TEXT

        yield _calls(ask, args, kwargs)

    return opened


def _calls(ask: Ask, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
    async def run(count: int) -> None:
        for _ in range(count):
            await ask(*args, **kwargs)

    return run


async def _aicache() -> AsyncGenerator[Decorator]:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    async with TieredCache([MemoryBackend()]) as cache:
        yield cache.cached(ttl=TTL)


async def _cashews() -> AsyncGenerator[Decorator]:
    from cashews import Cache

    cache = Cache()
    cache.setup("mem://")
    yield cache(ttl=TTL)
    await cache.close()


async def _aiocache() -> AsyncGenerator[Decorator]:
    from aiocache import cached

    yield cached(ttl=TTL)


async def _async_lru() -> AsyncGenerator[Decorator]:
    from async_lru import alru_cache

    yield alru_cache(maxsize=1024, ttl=TTL)


_OF_ANYTHING: list[tuple[str, Wrapped, str]] = [
    ("aicache", _aicache, "single flight"),
    ("cashews mem://", _cashews, "single flight"),
    ("aiocache memory", _aiocache, "no single flight; 5 s for each call"),
]
_OF_HASHABLE = [*_OF_ANYTHING, ("async-lru", _async_lru, "only for arguments that can be hashed; single flight")]
