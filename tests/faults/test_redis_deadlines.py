"""A call to Redis ends at its deadline, whatever it waits for, and takes no younger call with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aicache import Breaker, SyncTieredCache, Tier
from aicache.errors import BackendBusyError, BackendTimeoutError, ClosedError
from aicache.testing.servers import RedisServer
from aicache_redis import RedisBackend, SyncRedisBackend
from aicache_redis._pool.deadline import _TimedSocket

pytestmark = pytest.mark.redis

MARGIN = 0.5  # for a slow machine


@pytest.fixture(scope="module")
def own_server():
    """A server that may be paused; each test leaves it running."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def dripping():
    """The URL of a server whose reply never ends: one byte of it every 20 ms, so that no single wait is long."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip(connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"$1000000\r\n")
            while not stop.wait(0.02):
                connection.sendall(b"x")

    def serve():
        with contextlib.suppress(OSError):
            while not stop.is_set():
                threading.Thread(target=drip, args=(listener.accept()[0],)).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    stop.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def timed(stopwatch):
    def timed(call):
        watch = stopwatch()
        with pytest.raises(BackendTimeoutError, match=r"within 0\.25 s"):
            call()
        return watch.seconds

    return timed


def test_a_thread_waits_no_longer_for_a_reply_that_drips(dripping, timed):
    backend = SyncRedisBackend(dripping)
    assert timed(lambda: backend.get("k")) < 0.25 + MARGIN
    backend.close()


async def test_a_task_waits_no_longer_for_a_reply_that_drips(dripping, stopwatch):
    backend = RedisBackend(dripping)
    watch = stopwatch()
    with pytest.raises(BackendTimeoutError):
        await backend.get("k")
    assert watch.seconds < 0.25 + MARGIN
    await backend.aclose()


def test_threads_that_wait_for_a_connection_to_a_hanging_server_wait_no_longer(own_server, timed):
    backend = SyncRedisBackend(own_server.url, max_connections=2)
    keys = [f"k{number}" for number in range(20)]
    backend.set_many({key: (key.encode(), None) for key in keys})
    own_server.pause()
    try:
        with ThreadPoolExecutor(20) as threads:
            seconds = list(threads.map(lambda key: timed(lambda: backend.get(key)), keys))
    finally:
        own_server.resume()
    assert max(seconds) < 0.25 + MARGIN
    with ThreadPoolExecutor(2) as threads:  # nobody gets what was asked in vain
        assert list(threads.map(backend.get, keys)) == [key.encode() for key in keys]
    backend.close()


def test_waiting_for_a_connection_of_our_own_is_no_fault_of_the_server(own_server):
    backend = SyncRedisBackend(own_server.url, max_connections=1)
    backend.set("k", b"v")
    wire = backend._links._pool.take()  # as a thread does whose reply is long
    with SyncTieredCache([Tier(backend=backend, name="redis", breaker=Breaker(failures=1))]) as cache:
        assert cache.get("k", "miss") == "miss"
        assert (cache.stats().tiers[0].timeouts, cache.stats().tiers[0].bypassed) == (1, 0)
        with pytest.raises(BackendBusyError, match="no connection was free"):
            backend.get("k")
        backend._links._pool.give(wire)
        assert backend.get("k") == b"v"
        assert cache.get("absent", "miss") == "miss"
        assert cache.stats().tiers[0].bypassed == 0


def test_closing_ends_the_calls_of_other_threads(own_server, monkeypatch):
    backend = SyncRedisBackend(own_server.url, timeout=30.0)
    backend.set("k", b"v")
    sent, sendall = threading.Event(), _TimedSocket.sendall

    def noted(self, data):
        sendall(self, data)
        sent.set()

    monkeypatch.setattr(_TimedSocket, "sendall", noted)
    own_server.pause()
    try:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(backend.get, "k")
            sent.wait(10)
            backend.close()
            assert isinstance(waiting.exception(10), ClosedError)
    finally:
        own_server.resume()


async def test_closing_ends_the_calls_under_way_and_those_in_the_queue(own_server):
    backend = RedisBackend(own_server.url, timeout=30.0, max_connections=1)
    await backend.set("k", b"v")
    own_server.pause()
    try:
        sent = asyncio.create_task(backend.get("k"))
        await asyncio.wait([sent], timeout=0.05)
        queued = [asyncio.create_task(backend.get("k")) for _ in range(3)]
        await asyncio.wait(queued, timeout=0.05)
        await asyncio.wait_for(backend.aclose(), 10)
        said = await asyncio.wait_for(asyncio.gather(sent, *queued, return_exceptions=True), 10)
    finally:
        own_server.resume()
    assert [type(error) for error in said] == [ClosedError] * 4
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_that_is_late_takes_no_younger_one_with_it(own_server):
    """Two wait in the queue behind one that hangs. When the elder's time is up, the younger still has some."""
    backend = RedisBackend(own_server.url, timeout=1.0, max_connections=1)
    await backend.set("k", b"v")
    own_server.pause()
    try:
        hangs = asyncio.create_task(backend.get("k"))
        await asyncio.wait([hangs], timeout=0.05)
        elder = asyncio.create_task(backend.get("k"))
        await asyncio.wait([hangs], timeout=0.6)
        younger = asyncio.create_task(backend.get("k"))
        assert isinstance((await asyncio.gather(elder, return_exceptions=True))[0], BackendTimeoutError)
        assert not younger.done()
    finally:
        own_server.resume()
    assert await younger == b"v"
    assert isinstance(hangs.exception(), BackendTimeoutError)
    await backend.aclose()


async def test_calls_without_end_on_a_hanging_server_end_each_in_time(own_server, stopwatch):
    """More callers than a pipeline takes, on one connection, while others keep coming."""
    backend = RedisBackend(own_server.url, max_connections=1)
    await backend.set("k", b"v")
    seconds = []

    async def call():
        start = time.monotonic()
        with contextlib.suppress(BackendTimeoutError):
            await backend.get("k")
        seconds.append(time.monotonic() - start)

    watch = stopwatch()
    own_server.pause()
    try:
        tasks = {asyncio.create_task(call()) for _ in range(2000)}
        for _ in range(5):
            await asyncio.wait(tasks, timeout=0.05)
            tasks |= {asyncio.create_task(call()) for _ in range(100)}
        await asyncio.gather(*tasks)
    finally:
        own_server.resume()
    assert len(seconds) == 2500
    assert max(seconds) < 0.25 + MARGIN + watch.lost
    watch = stopwatch()
    while True:  # first the server reads all that was asked in vain
        with contextlib.suppress(BackendTimeoutError):
            assert await backend.get("k") == b"v"
            break
    assert watch.seconds < 1 + MARGIN
    await backend.aclose()
