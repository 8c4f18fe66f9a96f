"""A good backend of fifteen lines, one with all the optional verbs, and the suites that must pass them.

The other modules here derive backends from these with one bug each; `test_planted_bugs.py` runs them in a project of
its own. In each suite of a bug, `caught_by` is the name of a test that must fail; others may fail as well.
"""

from __future__ import annotations

import math
from typing import Any

from aicache.errors import ClosedError
from aicache.options import check_key, check_ttl
from aicache.protocols import (
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
)
from aicache.testing import BackendContract, SharedStore


class Good:
    """The four verbs over a dict of stores, so that peers and neighbours can share one."""

    def __init__(self, clock: Any, stores: dict[str, Any] | None = None, name: str = "one") -> None:
        self.clock, self.closed = clock, False
        self.stores = {} if stores is None else stores
        self.name = name

    @property
    def entries(self) -> dict[str, tuple[bytes, float]]:
        return self.stores.setdefault(self.name, {})

    async def get(self, key: str) -> bytes | None:
        if self.closed:
            raise ClosedError("this backend is closed; build a new one")
        value, ends = self.entries.get(check_key(key), (None, 0.0))
        return value if self.clock() < ends else None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await self.get(key)
        self.entries[key] = bytes(memoryview(value)), self.clock() + (check_ttl(ttl) or math.inf)

    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None and self.entries.pop(key, None) is not None

    async def aclose(self) -> None:
        self.closed = True


class GoodMany(Good):
    """The optional verbs."""

    async def get_with_ttl(self, keys: Any) -> dict[str, tuple[bytes, float | None]]:
        await self.get("is it open")
        found = {key: value for key in keys if (value := await self.get(key)) is not None}
        lives = {key: self.entries[key][1] - self.clock() for key in found}
        return {key: (value, None if lives[key] == math.inf else lives[key]) for key, value in found.items()}

    async def get_many(self, keys: Any) -> dict[str, bytes]:
        return {key: value for key, (value, _) in (await self.get_with_ttl(keys)).items()}

    async def set_many(self, entries: Any) -> None:
        for key, (value, ttl) in entries.items():
            check_key(key), check_ttl(ttl), memoryview(value)
        await self.get("is it open")
        for key, (value, ttl) in entries.items():
            await self.set(key, value, ttl=ttl)

    async def delete_many(self, keys: Any) -> int:
        return sum([await self.delete(key) for key in [check_key(key) for key in keys]])

    async def scan(self, prefix: str = "") -> Any:
        for key in list(await self.get_many(list(self.entries))):
            if key.startswith(prefix):
                yield key

    async def clear(self) -> None:
        await self.get("is it open")
        self.entries.clear()

    async def info(self) -> dict[str, object]:
        return {"entries": len(self.entries)}


class Suite(BackendContract):
    fake_time = True
    kind: type[Good]

    def make_backend(self) -> Good:
        self.backend = self.kind(self.clock)
        return self.backend

    def make_peer(self) -> Good:
        return self.kind(self.clock, self.backend.stores)

    def make_neighbour(self) -> Good:
        return self.kind(self.clock, self.backend.stores, "other")

    async def raw_get(self, backend: Good, key: str) -> bytes | None:
        value, ends = backend.stores.get("one", {}).get(key, (None, 0.0))
        return value if self.clock() < ends else None

    async def raw_set(self, backend: Good, key: str, value: bytes, ttl: float | None) -> None:
        backend.stores.setdefault("one", {})[key] = value, self.clock() + (math.inf if ttl is None else ttl)


class TestGood(Suite):
    kind = Good


class ManySuite(Suite):
    capabilities = (SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL)


class TestGoodMany(ManySuite):
    kind = GoodMany


class SharedSuite(BackendContract):
    """Of stores that have leases, a feed and tags."""

    fake_time = True
    capabilities = (
        *(SupportsClear, SupportsMany, SupportsScan, SupportsTTL),
        *(SupportsLeases, SupportsFeed, SupportsTags, SupportsReclaim),
    )
    kind: type[SharedStore] = SharedStore

    def make_backend(self) -> SharedStore:
        self.backend = self.kind(clock=self.clock)
        return self.backend

    def make_peer(self) -> SharedStore:
        return self.backend.peer()


class TestGoodShared(SharedSuite):
    pass
