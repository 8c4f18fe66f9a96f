"""AIResponseCache while its server is away, hangs, refuses or holds foreign bytes: its application never notices."""

from __future__ import annotations

import asyncio
import logging
import sys
from uuid import uuid4

import pytest
import redis

from aicache import AIResponseCache, SyncAIResponseCache
from aicache.testing.servers import RedisServer

pytestmark = pytest.mark.redis

BOUND = 0.3 + 0.3  # what is promised, and what a slow machine may add


@pytest.fixture(scope="module")
def own_server():
    """A server that may be hurt; each test leaves it running."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "aicache")
    return lambda: [record.levelname for record in caplog.records]


@pytest.fixture
def namespace():
    return f"t{uuid4().hex}"[:32]


@pytest.fixture
def timed(stopwatch):
    async def timed(call):
        watch = stopwatch()
        return await call, watch.seconds

    return timed


async def everything_works_in_memory(cache):
    await cache.cache_response("t", "qa", {}, {"a": 1})
    assert (await cache.lookup("t", "qa", {})).tier == "memory"
    assert (await cache.get_or_compute("u", "qa", {}, lambda: {"b": 2}))["b"] == 2
    assert (await cache.get_or_compute("u", "qa", {}, dict))["cache_hit"] is True
    stats = await cache.get_cache_stats()
    assert stats.memory["memory_cache_entries"] == 2
    assert stats.redis["status"] == "unavailable"
    assert stats.redis["keys"] is None
    assert await cache.invalidate_by_operation("qa") == 2
    assert await cache.lookup("t", "qa", {}) is None


async def test_without_the_library_it_works_on_memory_alone(monkeypatch, log):
    for module in [name for name in sys.modules if name == "redis" or name.startswith("redis.")]:
        monkeypatch.setitem(sys.modules, module, None)
    async with AIResponseCache("redis://localhost:6379") as cache:
        assert await cache.connect() is False
        await everything_works_in_memory(cache)
        await cache.cache_response("long" * 1000, "qa", {}, 1)  # memory is the lowest tier there is
        assert (await cache.lookup("long" * 1000, "qa", {})).tier == "memory"
    assert log() == ["WARNING"]


def test_without_the_library_threads_work_on_memory_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.connection", None)
    with SyncAIResponseCache() as cache:
        assert cache.connect() is False
        cache.cache_response("t", "qa", {}, 1)
        assert cache.lookup("t", "qa", {}).response == 1


async def test_with_no_server_it_works_on_memory_alone(log, timed):
    cache = AIResponseCache("redis://127.0.0.1:1")
    connected, seconds = await timed(cache.connect())
    assert connected is False
    assert seconds < 1
    assert await cache.connect() is False
    await everything_works_in_memory(cache)
    await cache.cache_response("long" * 1000, "qa", {}, 1)
    assert await cache.lookup("long" * 1000, "qa", {}) is None
    await cache.aclose()
    assert log() == ["WARNING"]


async def test_a_server_that_dies_and_comes_back_is_found_again(own_server, namespace, log):
    async with AIResponseCache(own_server.url, namespace=namespace) as cache:
        await cache.cache_response("t", "qa", {}, 1)
        assert await cache.connect() is True
        own_server.kill()
        assert await cache.connect() is False
        await cache.cache_response("u", "qa", {}, 2)
        assert (await cache.lookup("u", "qa", {})).tier == "memory"
        assert await cache.lookup("long" * 500, "qa", {}) is None
        assert (await cache.get_cache_stats()).redis["status"] == "unavailable"
        own_server.start()
        assert await cache.connect() is True
        await cache.cache_response("long" * 500, "qa", {}, 3)
        assert (await cache.lookup("long" * 500, "qa", {})).tier == "redis"
        assert (await cache.get_cache_stats()).redis["status"] == "connected"
    assert log() == ["WARNING", "INFO"]


async def test_no_call_waits_long_for_a_server_that_hangs(own_server, namespace, log, timed):
    async with AIResponseCache(own_server.url, namespace=namespace) as cache:
        own_server.pause()
        try:
            for call in (
                cache.connect(),
                cache.get_cached_response("t", "qa", {}),
                cache.cache_response("t", "qa", {}, 1),
                cache.get_or_compute("u", "qa", {}, lambda: 2),
                cache.get_or_compute("long" * 500, "qa", {}, lambda: 3),
                cache.get_cached_response("long" * 500, "qa", {}),
                cache.get_cache_stats(),
                cache.invalidate_memory_cache(),
                cache.invalidate_response("t", "qa", {}),
                cache.invalidate_by_operation("qa"),
                cache.invalidate_all(),
            ):
                _, seconds = await timed(call)
                assert seconds < BOUND, call
            asked = [cache.get_or_compute(f"long{n}" * 500, "qa", {}, lambda: {"a": 1}) for n in range(100)]
            answers, seconds = await timed(asyncio.gather(*asked))
            assert seconds < BOUND
            assert [answer["a"] for answer in answers] == [1] * 100
        finally:
            own_server.resume()
        assert await cache.connect()
        await cache.cache_response("after", "qa", {}, 1)
    assert log() == ["WARNING", "INFO"]


async def test_what_is_none_of_ours_under_our_key_is_a_counted_miss(own_server, namespace):
    with redis.Redis.from_url(own_server.url) as raw:
        async with AIResponseCache(own_server.url, namespace=namespace, memory_cache_size=0) as cache:
            await cache.cache_response("one", "qa", {}, "answer one")
            await cache.cache_response("two", "qa", {}, "answer two")
            one, two = (cache.key_generator.generate_cache_key(text, "qa", {}) for text in ("one", "two"))
            sound, other = raw.get(one), raw.get(two)
            for planted in (b"", b"\0", b"{}", other, sound[:-1], sound + b"\0", bytes([sound[0] ^ 1]) + sound[1:]):
                raw.set(one, planted)
                assert await cache.get_cached_response("one", "qa", {}) is None
            raw.delete(one)
            raw.lpush(one, "a list")
            assert await cache.get_cached_response("one", "qa", {}) is None
            assert (await cache.get_or_compute("one", "qa", {}, lambda: "made anew"))["response"] == "made anew"
            assert (await cache.lookup("one", "qa", {})).response == "made anew"
            assert (await cache.lookup("two", "qa", {})).response == "answer two"
            assert cache.get_performance_summary()["cache_misses"] == 9


FULL = ("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")


@pytest.mark.parametrize("arguments", [FULL, ("--requirepass", "x")], ids=["full", "password"])
async def test_a_server_that_refuses_is_a_miss(arguments, log, heard):
    with RedisServer(*arguments) as server:
        async with AIResponseCache(server.url) as cache:
            await cache.cache_response("t", "qa", {}, {"a": "x"})
            assert (await cache.lookup("t", "qa", {})).tier == "memory"
            assert await cache.lookup("long" * 500, "qa", {}) is None
            assert (await cache.get_or_compute("long" * 500, "qa", {}, lambda: {"a": 1}))["a"] == 1
            assert (await cache.get_cache_stats()).redis["status"] in ("error", "connected")
            await cache.invalidate_all()
    assert "ERROR" not in log()


async def test_a_server_that_wants_a_password_is_an_error_and_not_away():
    with RedisServer("--requirepass", "x") as server:
        async with AIResponseCache(server.url) as cache:
            assert await cache.connect() is False
            assert (await cache.get_cache_stats()).redis["status"] == "error"


def test_threads_on_a_server_that_hangs(own_server, namespace, stopwatch):
    with SyncAIResponseCache(own_server.url, namespace=namespace) as cache:
        own_server.pause()
        try:
            for call in (
                lambda: cache.get_cached_response("long" * 500, "qa", {}),
                lambda: cache.cache_response("t", "qa", {}, 1),
                lambda: cache.get_or_compute("u", "qa", {}, lambda: 2),
            ):
                watch = stopwatch()
                call()
                assert watch.seconds < BOUND
        finally:
            own_server.resume()
