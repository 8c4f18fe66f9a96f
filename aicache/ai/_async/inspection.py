"""Asks the tiers what they hold of one cache. The figures never raise: what cannot be told is None."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from aicache.ai.stats import MemoryStats, SharedStats
from aicache.errors import BackendTimeoutError, BackendUnavailableError
from aicache.protocols import SupportsInfo, SupportsScan, supports

__all__ = ["keys_in", "memory_stats", "shared_stats"]


async def shared_stats(backend: Any, prefix: str) -> SharedStats:
    """The shared tier (None: there is none), with the keys that begin with `prefix`, counted in slices."""
    stats: SharedStats = {
        "status": "unavailable",
        "keys": None,
        "memory_used": None,
        "memory_used_bytes": None,
        "connected_clients": None,
    }
    if backend is None:
        return stats
    try:
        if supports(backend, SupportsInfo):
            info: dict[str, Any] = dict(await backend.info())
            stats["memory_used"] = info.get("used_memory_human")
            stats["memory_used_bytes"] = info.get("used_memory")
            stats["connected_clients"] = info.get("connected_clients")
        else:
            await backend.get(f"{prefix}health")
        if supports(backend, SupportsScan):
            stats["keys"] = await _count(backend, prefix)
        stats["status"] = "connected"
    except Exception as error:
        stats["status"] = _status(error)
    return stats


async def memory_stats(backend: Any, prefix: str) -> MemoryStats:
    """The tier in this process (None: there is none)."""
    entries, limit, held = 0, None, 0
    if backend is not None and supports(backend, SupportsScan):
        entries = held = await _count(backend, prefix)
    if backend is not None and supports(backend, SupportsInfo):
        info: dict[str, Any] = dict(await backend.info())
        limit, held = cast("int | None", info.get("max_entries")), cast("int", info.get("entries", held))
    return {
        "memory_cache_entries": entries,
        "memory_cache_size_limit": limit,
        "memory_cache_utilization": 100.0 * held / limit if limit else 0.0,
    }


async def keys_in(backends: Iterable[Any], prefix: str) -> set[str]:
    """The keys that begin with `prefix`, in any of these that can list them."""
    return {key for backend in backends if supports(backend, SupportsScan) for key in await _keys(backend, prefix)}


async def _count(backend: Any, prefix: str) -> int:
    return len(await _keys(backend, prefix))


async def _keys(backend: Any, prefix: str) -> set[str]:
    return {key async for key in backend.scan(prefix)}


def _status(error: Exception) -> Literal["unavailable", "error"]:
    return "unavailable" if isinstance(error, BackendUnavailableError | BackendTimeoutError | OSError) else "error"
