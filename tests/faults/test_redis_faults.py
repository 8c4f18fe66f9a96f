"""What a Redis tier does when its server dies, hangs, lies or refuses; a real server wherever one can be made to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import threading

import hiredis
import pytest

from aicache import SyncTieredCache, Tier, TieredCache
from aicache.errors import BackendError, BackendTimeoutError, BackendUnavailableError
from aicache.testing import FakeClock
from aicache.testing.servers import RedisServer
from aicache_memory import MemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

pytestmark = pytest.mark.redis

TIMEOUT = 0.25
MARGIN = 0.5  # for a slow machine; what is measured on an idle one is a few milliseconds


@pytest.fixture(scope="module")
def own_server():
    """A server that may be hurt; each test leaves it running."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def took(stopwatch):
    async def took(call):
        watch = stopwatch()
        try:
            return await call, watch.seconds
        except Exception as error:
            return error, watch.seconds

    return took


async def test_a_server_that_is_not_there_is_unavailable_at_once(took):
    backend = RedisBackend("redis://127.0.0.1:1/0")
    error, seconds = await took(backend.get("k"))
    assert isinstance(error, BackendUnavailableError)
    assert "127.0.0.1:1" in str(error)
    assert error.__cause__ is not None
    assert seconds < TIMEOUT + MARGIN
    await backend.aclose()
    with pytest.raises(BackendUnavailableError):
        SyncRedisBackend("redis://127.0.0.1:1/0").get("k")


async def test_a_server_that_dies_is_a_counted_miss_and_is_found_again(own_server, caplog, heard):
    caplog.set_level(logging.INFO, "aicache")
    clock = FakeClock()
    tiers = [MemoryBackend(), Tier(backend=RedisBackend(own_server.url), name="redis")]
    async with TieredCache(tiers, clock=clock) as cache:
        await cache.set("k", "v")
        own_server.kill()
        assert await cache.get("k") == "v"  # memory goes on
        assert await cache.get("other", "miss") == "miss"
        await cache.set("written", 1)
        assert await cache.get_or_set("made", lambda: 2) == 2
        assert await cache.get("written") == 1
        own_server.start()
        clock.advance(1)  # the breaker has opened
        assert await cache.get("absent", "miss") == "miss"
        await cache.set("after", 3)
        assert await RedisBackend(own_server.url).get("after") is not None
        redis_stats = cache.stats().tiers[1]
        assert redis_stats.errors + redis_stats.timeouts == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_restart_between_two_calls_is_not_noticed(own_server):
    backend, sync = RedisBackend(own_server.url), SyncRedisBackend(own_server.url)
    await backend.set("k", b"v")
    sync.set("s", b"v")
    own_server.kill()
    own_server.start()
    assert await backend.get("k") is None
    assert sync.get("s") is None
    await backend.set("k", b"v")
    assert await backend.get("k") == b"v"
    await backend.aclose()
    sync.close()


async def test_a_server_that_hangs_costs_each_caller_the_deadline_and_no_late_reply_is_taken_for_another(
    own_server, took
):
    backend = RedisBackend(own_server.url)
    keys = [f"hang:{number}" for number in range(50)]
    await backend.set_many({key: (key.encode(), None) for key in keys})
    own_server.pause()
    try:
        said = await asyncio.gather(*(took(backend.get(key)) for key in keys))
    finally:
        own_server.resume()
    assert all(isinstance(error, BackendTimeoutError) for error, _ in said)
    assert max(seconds for _, seconds in said) < TIMEOUT + MARGIN
    for _ in range(5):  # the replies to what was asked in vain may come now
        answers = await asyncio.gather(*(backend.get(key) for key in reversed(keys)))
        assert answers == [key.encode() for key in reversed(keys)]
    await backend.aclose()


async def test_a_cache_on_a_server_that_hangs_answers_in_time(own_server, took):
    async with TieredCache([MemoryBackend(), RedisBackend(own_server.url)]) as cache:
        await cache.get("warm")
        own_server.pause()
        try:
            for call in (cache.get("k"), cache.set("k", 1), cache.delete("k"), cache.get_or_set("m", lambda: 1)):
                said, seconds = await took(call)
                assert not isinstance(said, Exception)
                assert seconds < TIMEOUT + MARGIN
        finally:
            own_server.resume()


def test_a_sync_cache_on_a_server_that_hangs_answers_in_time(own_server, stopwatch):
    with SyncTieredCache([SyncRedisBackend(own_server.url)]) as cache:
        cache.get("warm")
        own_server.pause()
        try:
            watch = stopwatch()
            assert cache.get("k", "miss") == "miss"
            assert watch.seconds < TIMEOUT + MARGIN
        finally:
            own_server.resume()
        cache.set("k", 1)
        assert cache.get("k") == 1


async def test_a_full_server_refuses_and_nothing_raises():
    with RedisServer("--maxmemory", "2mb", "--maxmemory-policy", "noeviction") as server:
        backend = RedisBackend(server.url)
        entries = {str(number): (bytes(100_000), None) for number in range(100)}
        with pytest.raises(BackendError, match=r"OutOfMemory|OOM"):
            await backend.set_many(entries)
        async with TieredCache([backend]) as cache:
            await cache.set("k", os.urandom(1_000_000))
            assert await cache.get("k") is None
            assert cache.stats().tiers[0].errors == 1


# What no real server can be brought to say.


@contextlib.contextmanager
def lying_server(answer):
    """A server that calls `answer(received, connection)` for whatever comes in."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection):
        with contextlib.suppress(OSError):
            while received := connection.recv(65536):
                answer(received, connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join(5)


def say(*words):
    return lambda received, connection: connection.sendall(b"".join(words))


LIES = {
    "silence": lambda received, connection: None,
    "garbage": say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "half a reply": say(b"$100\r\nhalf"),
    "nothing more": lambda received, connection: connection.shutdown(socket.SHUT_RDWR),
    "an error": say(b"-ERR no such luck\r\n" * 20),
    "loading": say(b"-LOADING Redis is loading the dataset in memory\r\n" * 20),
    "another type": say(b":7\r\n" * 20),
    "a nested array": say(b"*1\r\n" * 20 + b":1\r\n"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_server_that_lies_is_a_counted_miss_in_time(lie, took):
    with lying_server(LIES[lie]) as url:
        async with TieredCache([RedisBackend(url)]) as cache:
            said, seconds = await took(cache.get("k", "miss"))
            assert said == "miss"
            assert seconds < TIMEOUT + MARGIN
            stats = cache.stats().tiers[0]
            assert stats.errors + stats.timeouts + sum(stats.refused.values()) == 1


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_to_a_thread_is_a_counted_miss(lie):
    with lying_server(LIES[lie]) as url, SyncTieredCache([SyncRedisBackend(url)]) as cache:
        assert cache.get("k", "miss") == "miss"
        stats = cache.stats().tiers[0]
        assert stats.errors + stats.timeouts + sum(stats.refused.values()) == 1


async def test_a_server_that_loads_is_away_rather_than_wrong():
    with lying_server(LIES["loading"]) as url:
        backend, sync = RedisBackend(url), SyncRedisBackend(url)
        with pytest.raises(BackendUnavailableError, match=r"LOADING|loading"):
            await backend.get("k")
        with pytest.raises(BackendUnavailableError, match=r"LOADING|loading"):
            sync.get("k")
        await backend.aclose()
        sync.close()


def swapping(port):
    """An answer that asks the real server, and turns the order of the values in one pipeline round."""
    upstream = socket.create_connection(("127.0.0.1", port))

    def answer(received, connection):
        asked, told, replies = hiredis.Reader(), hiredis.Reader(), []
        asked.feed(received)
        count = sum(1 for _ in iter(asked.gets, False))
        upstream.sendall(received)
        while len(replies) < count:
            told.feed(upstream.recv(65536))
            replies += iter(told.gets, False)
        for reply in reversed(replies):
            connection.sendall(b"$%d\r\n%b\r\n" % (len(reply), reply) if isinstance(reply, bytes) else b"+OK\r\n")

    return upstream, answer


async def test_replies_that_changed_places_are_refused_and_never_returned(own_server):
    """A desynchronised connection, as a proxy or a broken client makes one: each reply goes to the wrong question."""
    async with TieredCache([RedisBackend(own_server.url)]) as honest:
        await honest.set_many({"one": "answer one", "two": "answer two", "three": "answer three"})
    upstream, answer = swapping(own_server.port)
    with upstream, lying_server(answer) as url:
        async with TieredCache([RedisBackend(url)]) as cache:
            assert await cache.get_many(["one", "two"]) == {}
            assert cache.stats().tiers[0].refused == {"tag": 2}
            assert await cache.get_many(["one", "two", "three"]) == {"two": "answer two"}  # which stayed in its place
            keys = ["three", "one", "two"]  # the first goes ahead, the others together
            said = dict(zip(keys, await asyncio.gather(*(cache.get(key, "miss") for key in keys)), strict=True))
            assert all(word in ("miss", f"answer {key}") for key, word in said.items())
            lost = list(said.values()).count("miss")
            assert lost >= 2
            assert cache.stats().tiers[0].refused == {"tag": 4 + lost}
            assert await cache.get("one") == "answer one"


@pytest.mark.parametrize("together", [True, False])
def test_a_reply_that_nobody_asked_for_reaches_no_thread(together):
    """It comes with the reply that was asked for, or after it, while the connection is idle."""
    foreign = b"$7\r\nforeign\r\n"
    count = 0

    def answer(received, connection):
        nonlocal count
        asked = hiredis.Reader()
        asked.feed(received)
        for command in iter(asked.gets, False):
            if command[0] != b"GETRANGE":
                connection.sendall(b"+OK\r\n")
                continue
            count += 1
            own = b"$%d\r\n%b\r\n" % (len(command[1]), command[1])
            if count == 1 and together:
                connection.sendall(own + foreign)
            else:
                connection.sendall(own)
                if count == 1:
                    connection.sendall(foreign)

    with lying_server(answer) as url:
        backend = SyncRedisBackend(url, prefix="", timeout=10)
        for key in ("a", "b", "c"):
            assert backend.get(key) == key.encode()
            if key == "a" and not together:
                select.select([backend._links._pool._idle[0]._socket.fileno()], [], [], 10)  # until it has come
        backend.close()
