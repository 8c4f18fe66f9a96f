"""What the transports give to a type checker: each fits the clients of its own library and flavour."""

from __future__ import annotations

from typing import assert_type

import httpx
import httpx2

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.http import AsyncCachingTransport, CachingTransport, StorePolicy, TransportStats, explain
from aicache.contrib.http import httpx as legacy


def use(cache: SyncTieredCache, async_cache: TieredCache) -> None:
    transport = CachingTransport(cache, httpx2.HTTPTransport(), store=StorePolicy(samples=2), scope="a", ttl=60)
    httpx2.Client(transport=transport)
    httpx2.AsyncClient(transport=AsyncCachingTransport(async_cache, pacing="recorded"))
    httpx.Client(transport=legacy.CachingTransport(cache))
    httpx.AsyncClient(transport=legacy.AsyncCachingTransport(async_cache))
    assert_type(transport.stats(), TransportStats)
    assert explain({}, {}) is None
    CachingTransport(async_cache)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    httpx.Client(transport=transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StorePolicy(sampling="often")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
