"""A provider on the loopback interface, and clients of the real SDKs over the transports that are tested."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.testing.provider import LoopbackProvider
from aicache_memory import MemoryBackend, SyncMemoryBackend


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    with LoopbackProvider() as provider:
        yield provider


@pytest.fixture
def cache() -> Iterator[SyncTieredCache]:
    with SyncTieredCache([SyncMemoryBackend()]) as cache:
        yield cache


@pytest.fixture
async def async_cache() -> AsyncIterator[TieredCache]:
    async with TieredCache([MemoryBackend()]) as cache:
        yield cache
