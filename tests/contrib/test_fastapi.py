"""One cache for an application: opened with it, closed with it, in handlers and WebSockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient

from aicache import AIResponseCache
from aicache.contrib.fastapi import cache_lifespan, get_cache
from aicache.errors import ClosedError, ConfigurationError

Cache = Annotated[AIResponseCache, Depends(get_cache)]


def application(lifespan: Any, called: list[str]) -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    async def ask() -> dict[str, Any]:
        called.append("model")
        return {"answer": 42}

    @app.get("/answer")
    async def answer(cache: Cache, q: str) -> dict[str, Any]:
        return await cache.get_or_compute(q, "qa", {}, ask)

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, cache: Cache) -> None:
        await websocket.accept()
        await websocket.send_json(await cache.get_cached_response("hello", "qa", {}))
        await websocket.close()

    @app.get("/state")
    async def state(request: Request) -> dict[str, Any]:
        return {"own": request.state.own}

    return app


def test_handlers_share_one_cache_for_the_life_of_the_application() -> None:
    made: list[AIResponseCache] = []
    called: list[str] = []

    def make() -> AIResponseCache:
        made.append(AIResponseCache("memory://"))
        return made[-1]

    app = application(cache_lifespan(make), called)
    assert made == []
    with TestClient(app) as client:
        hits = [client.get("/answer", params={"q": "hello"}).json()["cache_hit"] for _ in range(3)]
        with client.websocket_connect("/socket") as socket:
            assert socket.receive_json()["answer"] == 42
    assert hits == [False, True, True]
    assert called == ["model"]
    assert len(made) == 1
    with TestClient(app) as client:  # a second start has a cache of its own
        assert client.get("/answer", params={"q": "hello"}).json()["cache_hit"] is False
    assert len(made) == 2


async def test_it_is_closed_with_the_application() -> None:
    app = FastAPI(lifespan=cache_lifespan(lambda: AIResponseCache("memory://")))
    async with app.router.lifespan_context(app):
        cache = app.state.aicache
        await cache.lookup("a", "qa", {})
    with pytest.raises(ClosedError):
        await cache.lookup("a", "qa", {})
    assert not hasattr(app.state, "aicache")


def test_the_applications_own_lifespan_runs_within() -> None:
    order: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        order.append(type(app.state.aicache).__name__)
        yield {"own": 7}
        order.append("closed")

    app = application(cache_lifespan(lambda: AIResponseCache("memory://"), own), [])
    with TestClient(app) as client:
        assert client.get("/state").json() == {"own": 7}
    assert order == ["AIResponseCache", "closed"]


def test_it_can_be_overridden_in_tests() -> None:
    app = application(None, [])
    app.dependency_overrides[get_cache] = lambda: AIResponseCache("memory://")
    assert TestClient(app).get("/answer", params={"q": "hello"}).json()["answer"] == 42


def test_an_application_without_one_says_what_to_do() -> None:
    client = TestClient(application(None, []))
    with pytest.raises(ConfigurationError, match="cache_lifespan"):
        client.get("/answer", params={"q": "hello"})
