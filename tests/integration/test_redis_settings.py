"""How a Redis backend is told where its server is, and what it refuses."""

from __future__ import annotations

import logging
import sys

import pytest
import redis
import redis.asyncio

from aicache import TieredCache, open_backend, open_sync_backend
from aicache.errors import (
    BackendError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidTypeError,
    MissingExtraError,
)
from aicache.testing.servers import RedisServer
from aicache_redis import RedisBackend, SyncRedisBackend

BOTH = pytest.mark.parametrize("kind", [RedisBackend, SyncRedisBackend])


@BOTH
@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_every_scheme_is_taken(kind, scheme):
    assert repr(kind(f"{scheme}://example.invalid:7000/3")).startswith(
        f"{kind.__name__}('{scheme}://example.invalid:7000/3'"
    )


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_the_registry_opens_it(redis_url, redis_prefix, scheme):
    url = redis_url.replace("redis://", f"{scheme}://")
    backend, sync = open_backend(url, prefix=redis_prefix), open_sync_backend(url, prefix=redis_prefix)
    await backend.set("k", b"v")
    assert sync.get("k") == b"v"
    await backend.aclose()
    sync.close()


@BOTH
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "http://localhost"}, "url must begin with one of redis, .* got 'http://localhost'"),
        ({"url": "localhost:6379"}, "url must begin with"),
        ({"url": "redis://localhost:port"}, "check port and db"),
        ({"url": "redis://localhost:6379/0?socket_timeout=60"}, "socket_timeout.*timeout="),
        ({"url": "redis://localhost:6379/0?decode_responses=true"}, "decode_responses"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": None}, "timeout must be more than 0 and at most 3600 seconds, got None"),
        ({"timeout": 4000}, "at most 3600"),
        ({"max_connections": 0}, "max_connections must be at least 1, got 0"),
        ({"max_value_bytes": 0}, "max_value_bytes must be at least 1, got 0"),
        ({"read_from": "replicas"}, "read_from must be 'master' or 'prefer_replica', got 'replicas'"),
        ({"read_from": None}, "read_from must be 'master' or 'prefer_replica', got None"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_is_refused_by_name(kind, options, says):
    with pytest.raises(InvalidArgumentError, match=says):
        kind(**options)


@BOTH
@pytest.mark.parametrize("options", [{"url": None}, {"url": b"redis://"}, {"prefix": None}, {"timeout": "1"}], ids=repr)
def test_what_has_another_type_is_refused_by_name(kind, options):
    with pytest.raises(InvalidTypeError, match=next(iter(options))):
        kind(**options)


@BOTH
def test_a_password_is_never_shown(kind):
    url = "redis://user:s3cr3t@localhost:port/0"
    with pytest.raises(InvalidArgumentError) as refused:
        kind(url)
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__context__ is None  # nor in the trace
    backend = kind("redis://user:s3cr3t@localhost:1/0")
    assert "s3cr3t" not in repr(backend)
    assert "localhost:1" in repr(backend)


async def test_a_password_is_used_and_shown_nowhere(caplog):
    with RedisServer("--requirepass", "s3cr3t") as server:
        good = server.url.replace("://", "://:s3cr3t@")
        async with TieredCache([RedisBackend(good, prefix="p:", timeout=5.0)]) as cache:
            await cache.set("k", 1)
            assert await cache.get("k") == 1
        for url in (server.url, server.url.replace("://", "://:s3cr3t-wrong@")):
            backend = RedisBackend(url, timeout=5.0)
            with pytest.raises(BackendError, match=r"Auth") as refused:
                await backend.get("k")
            assert "s3cr3t" not in str(refused.value)
            await backend.aclose()
            with caplog.at_level(logging.DEBUG, "aicache"):
                async with TieredCache([RedisBackend(url)]) as cache:
                    assert await cache.get("k") is None
        assert "s3cr3t" not in caplog.text


@pytest.mark.redis
async def test_a_unix_socket_is_taken(redis_server, redis_prefix):
    url = f"unix://{redis_server.socket_path}?db=0"
    patient = {"prefix": redis_prefix, "timeout": 5.0}
    one, other = RedisBackend(url, **patient), SyncRedisBackend(url, **patient)
    await one.set("k", b"v")
    assert other.get("k") == b"v"
    await one.aclose()
    other.close()


@BOTH
def test_the_missing_library_is_named_with_its_extra(kind, monkeypatch):
    for module in [name for name in sys.modules if name == "redis" or name.startswith("redis.")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aicache\[redis\]'"):
        kind()


async def test_a_client_that_is_passed_in_is_used_and_not_closed(redis_url, redis_prefix):
    client, sync_client = redis.asyncio.Redis.from_url(redis_url), redis.Redis.from_url(redis_url)
    backend, sync = (
        RedisBackend(client=client, prefix=redis_prefix, timeout=5.0),
        SyncRedisBackend(client=sync_client, prefix=redis_prefix, timeout=5.0),
    )
    await backend.set("k", b"v")
    assert sync.get("k") == b"v"
    await backend.aclose()
    sync.close()
    assert await client.get(redis_prefix + "k") == b"v"
    assert sync_client.get(redis_prefix + "k") == b"v"
    await client.aclose()
    sync_client.close()


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"host": "example.invalid", "port": 7000, "db": 3, "password": "s3cr3t"}, "redis://example.invalid:7000/3"),
        ({"unix_socket_path": "/run/redis.sock"}, "unix:///run/redis.sock"),
    ],
)
def test_a_client_that_is_passed_in_is_named_by_its_server(options, place):
    client, sync_client = redis.asyncio.Redis(**options), redis.Redis(**options)
    assert repr(RedisBackend(client=client)) == f"RedisBackend('{place}', prefix='aicache:')"
    assert repr(SyncRedisBackend(client=sync_client)) == f"SyncRedisBackend('{place}', prefix='aicache:')"


def test_a_url_and_a_client_are_one_too_many(redis_url):
    with pytest.raises(ConfigurationError, match=r"url is 'redis://.*and client is given too; leave out one of them"):
        SyncRedisBackend(redis_url, client=redis.Redis.from_url(redis_url))


ONE_SERVER = r"read_from is 'prefer_replica' and .* is one server: .*redis\+sentinel://.*or leave read_from out"


@BOTH
@pytest.mark.parametrize("url", ["redis://host:1/0", "rediss://host", "unix:///run/redis.sock"])
def test_of_one_server_there_is_no_replica_to_read(kind, url):
    with pytest.raises(ConfigurationError, match=ONE_SERVER):
        kind(url, read_from="prefer_replica")


def test_of_a_client_that_is_passed_in_there_is_no_replica_to_read(redis_url):
    with pytest.raises(ConfigurationError, match=ONE_SERVER):
        SyncRedisBackend(client=redis.Redis.from_url(redis_url), read_from="prefer_replica")


def test_a_client_of_the_wrong_kind_is_refused(redis_url):
    client, sync_client = redis.asyncio.Redis.from_url(redis_url), redis.Redis.from_url(redis_url)
    with pytest.raises(ConfigurationError, match=r"client is a sync redis\.Redis; pass one of redis\.asyncio"):
        RedisBackend(client=sync_client)
    with pytest.raises(ConfigurationError, match=r"client is an async redis\.Redis; pass one of redis"):
        SyncRedisBackend(client=client)
    with pytest.raises(ConfigurationError, match="decode_responses=False"):
        SyncRedisBackend(client=redis.Redis.from_url(redis_url, decode_responses=True))
    with pytest.raises(ConfigurationError, match="client must be a client of redis or valkey"):
        SyncRedisBackend(client=object())
    sync_client.close()
