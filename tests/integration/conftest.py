"""Both flavours of the Redis backend under one set of test bodies, and a plain client that judges them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis

from aicache_redis import RedisBackend, SyncRedisBackend


class Verbs:
    """A backend of either flavour whose verbs can be awaited."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.backend, name)
        return self._settled(verb) if callable(verb) else verb

    @staticmethod
    def _settled(verb: Callable[..., Any]) -> Callable[..., Any]:
        async def settled(*args: Any, **kwargs: Any) -> Any:
            said = verb(*args, **kwargs)
            if inspect.isawaitable(said):
                return await said
            if inspect.isasyncgen(said):
                return [item async for item in said]
            return list(said) if inspect.isgenerator(said) else said

        return settled

    async def end(self) -> None:
        """Close it, whichever the word for that is."""
        await (self.aclose() if hasattr(self.backend, "aclose") else self.close())


@pytest.fixture(params=[RedisBackend, SyncRedisBackend], ids=["async", "sync"])
async def make(
    request: pytest.FixtureRequest, redis_url: str, redis_prefix: str
) -> AsyncIterator[Callable[..., Verbs]]:
    """Makes backends on the server, of either flavour, and closes them."""
    made: list[Verbs] = []

    def build(**options: Any) -> Verbs:
        made.append(Verbs(request.param(**{"url": redis_url, "prefix": redis_prefix, "timeout": 5.0, **options})))
        return made[-1]

    yield build
    for backend in made:
        await backend.end()


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client on the same server."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
