"""The proxy does to a connection what it says, and the cache behind it loses nothing but time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from aicache import TieredCache
from aicache.errors import BackendError, BackendTimeoutError
from aicache.testing import FaultProxy
from aicache_redis import RedisBackend, SyncRedisBackend

pytestmark = pytest.mark.redis


@pytest.fixture
def proxy(redis_server):
    with FaultProxy(int(redis_server.url.rpartition(":")[2].partition("/")[0])) as made:
        yield made
    assert "fault-proxy" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
async def backend(proxy, redis_prefix):
    made = RedisBackend(f"redis://127.0.0.1:{proxy.port}/0", prefix=redis_prefix, timeout=2)
    yield made
    await made.aclose()


async def test_what_passes_through_is_the_same(proxy, backend):
    value = bytes(range(256)) * 1000
    await backend.set("k", value)
    assert await backend.get("k") == value
    assert proxy.connections == 2
    assert proxy.received > len(value) < proxy.sent


async def test_replies_that_are_split_into_single_bytes_are_put_together(proxy, backend):
    proxy.splits = True
    await backend.set("k", b"value" * 20)
    assert await backend.get_many(["k", "absent"]) == {"k": b"value" * 20}


async def test_a_delay_is_waited_for(proxy, backend):
    await backend.set("k", b"v")
    assert await backend.get("k") == b"v"
    proxy.delay = 0.05
    begun = time.monotonic()
    assert await backend.get("k") == b"v"
    assert time.monotonic() - begun >= 0.05


async def test_connections_that_are_cut_are_made_again(proxy, backend):
    await backend.set("k", b"v")
    for _ in range(3):
        proxy.cut()
        assert await backend.get("k") == b"v"
    assert proxy.connections >= 4


async def test_a_server_that_refuses_is_away_until_it_does_not(proxy, backend):
    await backend.set("k", b"v")
    proxy.refuses = True
    proxy.cut()
    with pytest.raises(BackendError):
        await backend.get("k")
    proxy.refuses = False
    assert await backend.get("k") == b"v"


async def test_a_black_hole_costs_the_deadline(proxy, redis_prefix):
    backend = RedisBackend(f"redis://127.0.0.1:{proxy.port}/0", prefix=redis_prefix)
    await backend.set("k", b"v")
    proxy.swallows = True
    begun = time.monotonic()
    with pytest.raises(BackendTimeoutError):
        await backend.get("k")
    assert 0.2 < time.monotonic() - begun < 1
    await backend.aclose()


async def test_a_connection_that_is_reset_in_the_middle_of_a_reply_loses_nobody(proxy, backend):
    values = {f"k{number}": bytes([number]) * 5000 for number in range(20)}
    await backend.set_many({key: (value, 60) for key, value in values.items()})
    proxy.resets_after = 30_000
    wrong = lost = 0
    for _ in range(10):
        try:
            found = await backend.get_many(list(values))
            wrong += found != values
        except BackendError:
            lost += 1
    proxy.resets_after = None
    assert wrong == 0
    assert await backend.get_many(list(values)) == values


async def test_a_half_closed_connection_is_replaced(proxy, backend):
    await backend.set("k", b"v")
    assert await backend.get("k") == b"v"
    proxy.half_close()
    assert await backend.get("k") == b"v"


async def test_replies_with_wrong_bits_are_never_believed(proxy, redis_prefix):
    proxy.corrupts = 0.3
    backend = RedisBackend(f"redis://127.0.0.1:{proxy.port}/0", prefix=redis_prefix, timeout=0.2)
    async with TieredCache([backend]) as cache:
        for number in range(60):
            key = f"k{number % 5}"
            await cache.set(key, key * 50)
            assert await cache.get(key, key * 50) == key * 50


def test_threads_use_it_too(proxy, redis_prefix):
    backend = SyncRedisBackend(f"redis://127.0.0.1:{proxy.port}/0", prefix=redis_prefix, timeout=2)
    backend.set("k", b"v")
    proxy.cut()
    assert backend.get("k") == b"v"
    proxy.half_close()
    assert backend.get("k") == b"v"
    backend.close()


async def test_nothing_listens_when_it_has_ended(redis_server):
    with FaultProxy(int(redis_server.url.rpartition(":")[2].partition("/")[0])) as made:
        port = made.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PING\r\n")
        assert await reader.readline() == b"+PONG\r\n"
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(OSError, match=r"refused|Errno"):
        socket.create_connection(("127.0.0.1", port), timeout=1)


async def test_a_half_open_link_says_nothing_and_a_new_one_is_served(proxy, redis_server, redis_prefix):
    backend = RedisBackend(f"redis://127.0.0.1:{proxy.port}/0", prefix=redis_prefix, timeout=0.2)
    await backend.set("k", b"v")
    before = proxy.connections
    proxy.silence()
    with pytest.raises(BackendTimeoutError):
        await backend.get("k")
    assert proxy.connections == before
    async with asyncio.timeout(10):
        while await _answer(backend) != b"v":
            pass
    assert proxy.connections > before
    await backend.aclose()


async def _answer(backend):
    try:
        return await backend.get("k")
    except BackendTimeoutError:
        return None
