"""Backends, and caches over them, agree with a plain dict however their verbs are called."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from unittest import TestCase
from uuid import uuid4

import pytest
from hypothesis import settings

from aicache import SyncTieredCache, TieredCache
from aicache.testing import FakeClock, FaultyBackend, SyncFaultyBackend
from aicache.testing.machine import backend_machine, cache_machine
from aicache.testing.servers import RedisServer
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend
from aicache_redis import RedisBackend, SyncRedisBackend


class DictStore:
    """The four verbs and nothing more, so a cache goes by the times in the envelope."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.entries: dict[str, tuple[bytes, float]] = {}

    async def get(self, key: str) -> bytes | None:
        value, ends = self.entries.get(key, (None, 0.0))
        return value if self.clock() < ends else None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.entries[key] = value, self.clock() + (math.inf if ttl is None else ttl)

    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None and self.entries.pop(key, None) is not None

    async def aclose(self) -> None:
        self.entries = {}


def bytes_store(clock: FakeClock) -> FaultyBackend:
    """A store of bytes with every optional verb; nothing in it fails."""
    return FaultyBackend(MemoryBackend(clock=clock))


def sync_bytes_store(clock: FakeClock) -> SyncFaultyBackend:
    return SyncFaultyBackend(SyncMemoryBackend(clock=clock))


# -- each run starts with empty stores

BACKENDS = {
    "memory": backend_machine(lambda clock: MemoryBackend(clock=clock)),
    "sync memory": backend_machine(lambda clock: SyncMemoryBackend(clock=clock)),
    "dict": backend_machine(DictStore),
    "sync faultless": backend_machine(sync_bytes_store),
}

CACHES = {
    "one tier": cache_machine(lambda clock: [MemoryBackend(clock=clock)]),
    "sync one tier": cache_machine(lambda clock: [SyncMemoryBackend(clock=clock)]),
    "one tier of bytes": cache_machine(lambda clock: [DictStore(clock)]),
    "memory and null": cache_machine(lambda clock: [MemoryBackend(clock=clock), NullBackend()], forgetful={1}),
    "memory over dict": cache_machine(lambda clock: [MemoryBackend(clock=clock), DictStore(clock)]),
    "small memory over bytes": cache_machine(
        lambda clock: [MemoryBackend(max_entries=2, clock=clock), bytes_store(clock)], forgetful={0}
    ),
    "sync small memory over bytes": cache_machine(
        lambda clock: [SyncMemoryBackend(max_entries=2, clock=clock), sync_bytes_store(clock)], forgetful={0}
    ),
    "three tiers": cache_machine(lambda clock: [MemoryBackend(clock=clock), DictStore(clock), bytes_store(clock)]),
    "three small tiers": cache_machine(
        lambda clock: [MemoryBackend(max_entries=size, clock=clock) for size in (1, 2, 3)], forgetful={0, 1, 2}
    ),
    "nested": cache_machine(
        lambda clock: [
            MemoryBackend(clock=clock),
            TieredCache([MemoryBackend(clock=clock), bytes_store(clock)], wall_clock=clock),
        ]
    ),
    "sync nested": cache_machine(
        lambda clock: [
            SyncMemoryBackend(clock=clock),
            SyncTieredCache([SyncMemoryBackend(clock=clock), sync_bytes_store(clock)], wall_clock=clock),
        ]
    ),
}


@pytest.fixture(scope="module")
def url(redis_server: RedisServer) -> Iterator[str]:
    """A server of their own: to clear and to list is to walk over what all other tests have left in theirs."""
    with RedisServer() as server:
        yield server.url


def redis_machines(url: str, prefix: str) -> dict[str, type[TestCase]]:
    """Machines against a real server."""

    def options() -> dict[str, Any]:
        return {"url": url, "prefix": f"{prefix}{uuid4()}:", "timeout": 10}

    return {
        "redis": backend_machine(lambda _: RedisBackend(**options()), fake_time=False),
        "sync redis": backend_machine(lambda _: SyncRedisBackend(**options()), fake_time=False),
        "memory over redis": cache_machine(
            lambda clock: [MemoryBackend(clock=clock), RedisBackend(**options())], fake_time=False
        ),
    }


def run(case: type[TestCase], share: int = 1) -> None:
    """Run it with the profile's examples, or with one in so many of them."""
    of_the_profile = case.settings  # type: ignore[attr-defined]
    case.settings = settings(of_the_profile, max_examples=of_the_profile.max_examples // share)  # type: ignore[attr-defined]
    try:
        case().runTest()  # type: ignore[attr-defined]
    finally:
        case.settings = of_the_profile  # type: ignore[attr-defined]


EACH = pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in (BACKENDS | CACHES).items()])
EACH_OF_REDIS = pytest.mark.parametrize("name", redis_machines("", ""))


@EACH
def test_a_quarter_of_the_runs_agrees(case: type[TestCase]) -> None:
    run(case, 4)


@EACH_OF_REDIS
def test_a_quarter_of_the_runs_agrees_on_a_server(name: str, url: str, redis_prefix: str, believed: None) -> None:
    run(redis_machines(url, redis_prefix)[name], 4)


@pytest.mark.nightly
@pytest.mark.timeout(7200)  # the nightly profile has fifty times as many as the others
@EACH
def test_every_run_agrees(case: type[TestCase]) -> None:
    run(case)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@EACH_OF_REDIS
def test_every_run_agrees_on_a_server(name: str, url: str, redis_prefix: str, believed: None) -> None:
    run(redis_machines(url, redis_prefix)[name])
