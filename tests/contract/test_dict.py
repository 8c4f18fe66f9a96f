"""Four verbs in fifteen lines keep the contract, in both flavours; they go by real time here."""

from __future__ import annotations

import inspect
import math
import time

from aicache.errors import ClosedError
from aicache.options import check_key, check_ttl
from aicache.testing import BackendContract, SyncBackendContract


class DictBackend:
    def __init__(self) -> None:
        self.entries, self.closed = {}, False

    async def get(self, key: str) -> bytes | None:
        if self.closed:
            raise ClosedError("this backend is closed; build a new one")
        value, ends = self.entries.get(check_key(key), (None, 0.0))
        return value if time.monotonic() < ends else None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await self.get(key)
        self.entries[key] = bytes(memoryview(value)), time.monotonic() + (check_ttl(ttl) or math.inf)

    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None and self.entries.pop(key, None) is not None

    async def aclose(self) -> None:
        self.closed = True


class SyncDictBackend:
    def __init__(self) -> None:
        self.entries, self.closed = {}, False

    def get(self, key: str) -> bytes | None:
        if self.closed:
            raise ClosedError("this backend is closed; build a new one")
        value, ends = self.entries.get(check_key(key), (None, 0.0))
        return value if time.monotonic() < ends else None

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.get(key)
        self.entries[key] = bytes(memoryview(value)), time.monotonic() + (check_ttl(ttl) or math.inf)

    def delete(self, key: str) -> bool:
        return self.get(key) is not None and self.entries.pop(key, None) is not None

    def close(self) -> None:
        self.closed = True


class TestDict(BackendContract):
    def make_backend(self) -> DictBackend:
        return DictBackend()


class TestSyncDict(SyncBackendContract):
    def make_backend(self) -> SyncDictBackend:
        return SyncDictBackend()


def test_they_are_small() -> None:
    for backend in (DictBackend, SyncDictBackend):
        assert len([line for line in inspect.getsource(backend).splitlines() if line.strip()]) <= 15
