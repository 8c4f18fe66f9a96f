"""One cache for a FastAPI application: opened and closed with it, handed to its handlers. Needs the extra `fastapi`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from aicache.errors import ConfigurationError, MissingExtraError

try:
    from fastapi import FastAPI
    from fastapi.requests import HTTPConnection
except ImportError as error:
    raise MissingExtraError("fastapi needs its library: pip install 'aicache[fastapi]'") from error

__all__ = ["cache_lifespan", "get_cache"]

_NAME: Final = "aicache"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


def cache_lifespan(make: Callable[[], AbstractAsyncContextManager[Any]], inner: Lifespan | None = None) -> Lifespan:
    """A lifespan that opens a cache with the application and closes it with it.

    `make`: builds the cache, once for each start: `lambda: AIResponseCache(url)`, or a `TieredCache`. `inner`: the
    application's own lifespan, run within; what it yields is passed on.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Any]:
        async with make() as cache:
            setattr(app.state, _NAME, cache)
            try:
                if inner is None:
                    yield
                else:
                    async with inner(app) as state:
                        yield state
            finally:
                delattr(app.state, _NAME)

    return lifespan


def get_cache(connection: HTTPConnection) -> Any:
    """The application's cache, for `Depends(get_cache)`; in HTTP handlers and WebSockets. Override it in tests.

    Raises `ConfigurationError` where the application was not given `cache_lifespan`, or has not been started.
    """
    cache = getattr(connection.app.state, _NAME, None)
    if cache is None:
        raise ConfigurationError(
            "the application has no cache; build it with FastAPI(lifespan=cache_lifespan(...)), and in tests start it: "
            "with TestClient(app) as client"
        )
    return cache
