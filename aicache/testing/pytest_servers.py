"""Fixtures for tests against real servers: `pytest_plugins = ["aicache.testing.pytest_servers"]` in a `conftest.py`.

`redis_server` is one server for the whole run, `redis_url` its URL, `redis_prefix` a prefix that no other test has;
`redis_cluster` is a cluster for the whole run and `redis_sentinel` a master with a replica and sentinels. A test that
uses one of them is marked `redis`. Where no server can be found it is skipped, and in CI it fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TypeVar
from uuid import uuid4

import pytest

from aicache.errors import ConfigurationError
from aicache.testing.servers import RedisCluster, RedisSentinel, RedisServer, server_binary

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_report_header",
    "redis_cluster",
    "redis_prefix",
    "redis_sentinel",
    "redis_server",
    "redis_url",
]

_FIXTURES = {"redis_cluster", "redis_prefix", "redis_sentinel", "redis_server", "redis_url"}

S = TypeVar("S", bound=AbstractContextManager[object])


def pytest_report_header() -> str:
    """Which server the Redis tests run against."""
    found = server_binary()
    return f"redis server: {os.path.basename(found) if found else 'none, so its tests are skipped'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server."""
    for item in items:
        if _FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("redis")


@pytest.fixture(scope="session")
def redis_server() -> Generator[RedisServer]:
    """A server of this run's own."""
    yield from _run(RedisServer)


@pytest.fixture(scope="session")
def redis_cluster() -> Generator[RedisCluster]:
    """A cluster of this run's own: three masters, each with a replica."""
    yield from _run(RedisCluster)


@pytest.fixture(scope="session")
def redis_sentinel() -> Generator[RedisSentinel]:
    """A master of this run's own, with a replica and three sentinels."""
    yield from _run(RedisSentinel)


def _run(kind: Callable[[], S]) -> Generator[S]:
    try:
        servers = kind()
    except ConfigurationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with servers:
        yield servers


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of the server."""
    return redis_server.url


@pytest.fixture
def redis_prefix() -> str:
    """A prefix for keys that no other test has."""
    return f"test:{uuid4().hex}:"
