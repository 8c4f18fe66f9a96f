"""LangGraph's cache of node results: `graph.compile(cache=LangGraphCache(cache))`. Needs the extra `langgraph`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar, cast

from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache._sync.tiered import SyncTieredCache
from aicache.ai.escaping import named
from aicache.contrib._both_ways import BothWays
from aicache.errors import MissingExtraError

try:
    from langgraph.cache.base import BaseCache, FullKey, Namespace
    from langgraph.checkpoint.serde.base import SerializerProtocol
except ImportError as error:
    raise MissingExtraError("langgraph needs its library: pip install 'aicache[langgraph]'") from error

__all__ = ["LangGraphCache"]

V = TypeVar("V")

_VERSION: Final = "1-"


class LangGraphCache(BaseCache[V]):
    """Keeps what nodes returned, for the ttl of their `CachePolicy` (None: no expiry; 0 and less: not at all).

    `cache`: a `SyncTieredCache`, whose async use goes through a thread; a `TieredCache`, for `ainvoke` alone; or a pair
    of both over the same shared store. It stays its owner's.
    `serde`: LangGraph's own serializer, or another. `namespace`: what all keys begin with.

    A batch is one look-up. Each hit gets objects of its own, and a kept None is a hit. What the serializer cannot bring
    back, written by another release perhaps, is a miss.
    """

    def __init__(
        self,
        cache: SyncTieredCache | TieredCache | tuple[SyncTieredCache, TieredCache],
        *,
        serde: SerializerProtocol | None = None,
        namespace: str = "langgraph",
    ) -> None:
        super().__init__(serde=serde)
        self._caches = BothWays(cache)
        self._prefix = f"{named(namespace, 64)}:"

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, V]:
        """The kept ones."""
        wanted = self._wanted(keys)
        return self._found(wanted, self._caches.sync.get_many(wanted))

    def set(self, pairs: Mapping[FullKey, tuple[V, int | None]]) -> None:
        """Keep values, each for its ttl."""
        for ttl, values in self._by_ttl(pairs).items():
            if ttl is None or ttl > 0:
                self._caches.sync.set_many(values, ttl=ttl)
            else:
                self._caches.sync.delete_many(values)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces; None: of all."""
        for prefix in self._prefixes(namespaces):
            self._caches.sync.delete_prefix(prefix)

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, V]:
        """The kept ones."""
        wanted = self._wanted(keys)
        return self._found(wanted, await self._caches.call("get_many", wanted))

    async def aset(self, pairs: Mapping[FullKey, tuple[V, int | None]]) -> None:
        """Keep values, each for its ttl."""
        for ttl, values in self._by_ttl(pairs).items():
            if ttl is None or ttl > 0:
                await self._caches.call("set_many", values, ttl=ttl)
            else:
                await self._caches.call("delete_many", values)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces; None: of all."""
        for prefix in self._prefixes(namespaces):
            await self._caches.call("delete_prefix", prefix)

    def _wanted(self, keys: Sequence[FullKey]) -> dict[str, FullKey]:
        return {self._key(namespace, key): (tuple(namespace), key) for namespace, key in keys}

    def _found(self, wanted: Mapping[str, FullKey], kept: Mapping[str, Any]) -> dict[FullKey, V]:
        found: dict[FullKey, V] = {}
        for key, value in kept.items():
            try:
                kind, content = value
                found[wanted[key]] = cast("V", self.serde.loads_typed((kind, content)))
            except Exception:
                continue
        return found

    def _by_ttl(self, pairs: Mapping[FullKey, tuple[V, int | None]]) -> dict[int | None, dict[str, Any]]:
        groups: dict[int | None, dict[str, Any]] = {}
        for (namespace, key), (value, ttl) in pairs.items():
            groups.setdefault(ttl, {})[self._key(namespace, key)] = list(self.serde.dumps_typed(value))
        return groups

    def _prefixes(self, namespaces: Sequence[Namespace] | None) -> list[str]:
        return [self._prefix] if namespaces is None else [self._namespaced(namespace) for namespace in namespaces]

    def _key(self, namespace: Namespace, key: str) -> str:
        return self._namespaced(namespace) + _digest(key)

    def _namespaced(self, namespace: Namespace) -> str:
        return f"{self._prefix}{_VERSION}{_digest(*namespace)}:"


def _digest(*parts: str) -> str:
    return sha256(canonical(parts, "key")).hexdigest()[:40]  # 160 bits
