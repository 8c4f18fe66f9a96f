"""What the registry gives to a type checker: a backend of one flavour, which a cache of that flavour takes."""

from __future__ import annotations

from typing import assert_type

from aicache import SyncTieredCache, TieredCache, available_backends, open_backend, open_sync_backend
from aicache.protocols import CacheBackend, SyncCacheBackend

assert_type(open_backend("memory"), CacheBackend)
assert_type(open_backend("memory://", max_bytes=1000), CacheBackend)
assert_type(open_sync_backend("memory"), SyncCacheBackend)
assert_type(available_backends(), dict[str, str])
assert_type(available_backends(sync=True), dict[str, str])

open_backend()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
open_backend(name_or_url="memory")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
open_backend(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

TieredCache([open_backend("memory"), open_backend("redis://localhost:6379/0")])
TieredCache([open_sync_backend("memory")])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
SyncTieredCache([open_sync_backend("memory")])
SyncTieredCache([open_backend("memory")])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
