"""What a backend must be: four verbs, async and sync side by side."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["CacheBackend", "SyncCacheBackend"]


@runtime_checkable
class CacheBackend(Protocol):
    """All that a backend must be, to be used in a `TieredCache`."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    async def delete(self, key: str) -> bool: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class SyncCacheBackend(Protocol):
    """All that a backend must be, to be used in a `SyncTieredCache`, from any number of threads."""

    def get(self, key: str) -> bytes | None: ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    def delete(self, key: str) -> bool: ...

    def close(self) -> None: ...
