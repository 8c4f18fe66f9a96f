"""Sync in-process caches behind two verbs, `get` and `put`, so that every bench asks each of them in the same way."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

__all__ = ["TTL", "InProcess", "in_process"]

TTL = 3600.0


@dataclass(frozen=True)
class InProcess:
    """`get` gives None on a miss. `close` ends what runs beside it."""

    get: Callable[[str], Any]
    put: Callable[[str, Any], Any]
    close: Callable[[], Any] = lambda: None


def in_process(name: str, entries: int) -> InProcess:
    """A fresh one, by the name that stands in the tables, for so many entries."""
    return _MAKERS[name](entries)


def _tiered(ttl: float | None) -> Callable[[int], InProcess]:
    def make(entries: int) -> InProcess:
        from aicache import SyncTieredCache
        from aicache_memory import SyncMemoryBackend

        cache = SyncTieredCache([SyncMemoryBackend(entries, 2**34)])
        return InProcess(cache.get, lambda key, value: cache.set(key, value, ttl=ttl), cache.close)

    return make


def _backend(ttl: float | None) -> Callable[[int], InProcess]:
    def make(entries: int) -> InProcess:
        from aicache_memory import SyncMemoryBackend

        backend = SyncMemoryBackend(entries, None)

        def put(key: str, value: Any) -> None:
            backend.put(key, value, thaw=None, size=100, created=0.0, ttl=ttl)

        return InProcess(backend.peek, put, backend.close)

    return make


def _bytes(entries: int) -> InProcess:
    from aicache_memory import SyncMemoryBackend

    backend = SyncMemoryBackend(entries, 2**34)
    return InProcess(backend.get, lambda key, value: backend.set(key, value, ttl=TTL), backend.close)


def _cachetools(kind: str) -> Callable[[int], InProcess]:
    def make(entries: int) -> InProcess:
        import cachetools

        cache = cachetools.TTLCache(entries, TTL) if kind == "TTLCache" else cachetools.LRUCache(entries)
        return InProcess(cache.get, cache.__setitem__)

    return make


def _theine(entries: int) -> InProcess:
    from theine import Cache

    cache: Any = Cache(entries)
    ttl = timedelta(seconds=TTL)

    def get(key: str) -> Any:
        value, is_there = cache.get(key)
        return value if is_there else None

    return InProcess(get, lambda key, value: cache.set(key, value, ttl), cache.close)


def _moka(entries: int) -> InProcess:
    from moka_py import Moka

    cache: Any = Moka(capacity=entries, ttl=TTL)
    return InProcess(cache.get, cache.set)


def _lru_under_a_lock(entries: int) -> InProcess:
    kept: OrderedDict[str, Any] = OrderedDict()
    lock = threading.Lock()

    def get(key: str) -> Any:
        with lock:
            if key not in kept:
                return None
            kept.move_to_end(key)
            return kept[key]

    def put(key: str, value: Any) -> None:
        with lock:
            kept[key] = value
            kept.move_to_end(key)
            if len(kept) > entries:
                kept.popitem(last=False)

    return InProcess(get, put)


def _dict(_entries: int) -> InProcess:
    kept: dict[str, Any] = {}
    return InProcess(kept.get, kept.__setitem__)


_MAKERS: dict[str, Callable[[int], InProcess]] = {
    "aicache": _tiered(None),
    "aicache, ttl": _tiered(TTL),
    "aicache memory tier": _backend(None),
    "aicache memory tier, ttl": _backend(TTL),
    "aicache SyncMemoryBackend, bytes": _bytes,
    "cachetools TTLCache": _cachetools("TTLCache"),
    "cachetools LRUCache": _cachetools("LRUCache"),
    "theine": _theine,
    "moka-py": _moka,
    "OrderedDict LRU under a lock": _lru_under_a_lock,
    "floor: dict": _dict,
}
