"""Which classes are backends to a type checker. A line that must fail carries the error it must fail with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import assert_type

from aicache.protocols import (
    CacheBackend,
    Compressor,
    HasDeadline,
    HoldsEntries,
    Serializer,
    SupportsClear,
    SupportsInfo,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    SyncCacheBackend,
    SyncSupportsClear,
    SyncSupportsInfo,
    SyncSupportsMany,
    SyncSupportsScan,
    SyncSupportsTTL,
)
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend, SyncNullBackend


class Store:
    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    async def delete(self, key: str) -> bool:
        return False

    async def aclose(self) -> None: ...


class SyncStore:
    def get(self, key: str) -> bytes | None: ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    def delete(self, key: str) -> bool:
        return False

    def close(self) -> None: ...


class ForgetsTTL(Store):
    async def set(self, key: str, value: bytes) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class ReturnsText(Store):
    async def get(self, key: str) -> str | None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class Many(Store):
    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {}

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None: ...

    async def delete_many(self, keys: Sequence[str]) -> int:
        return 0

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        yield prefix


class SyncMany(SyncStore):
    def scan(self, prefix: str = "") -> Iterator[str]:
        yield prefix


# What conforms is a backend of its own flavour.
backend: CacheBackend = Store()
sync_backend: SyncCacheBackend = SyncStore()
many: SupportsMany = Many()
scan: SupportsScan = Many()
sync_scan: SyncSupportsScan = SyncMany()

# And of no other.
wrong: CacheBackend = SyncStore()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
sync_wrong: SyncCacheBackend = Store()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_ttl: CacheBackend = ForgetsTTL()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_bytes: CacheBackend = ReturnsText()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_many: SupportsMany = Store()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_scan: SupportsScan = SyncMany()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_info: SupportsInfo = Many()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
no_entries: HoldsEntries = Store()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

# The shipped backends say with their types what they can do.
memory: CacheBackend = MemoryBackend()
memory_entries: HoldsEntries = MemoryBackend()
memory_many: SupportsMany = MemoryBackend()
memory_ttl: SupportsTTL = MemoryBackend()
memory_scan: SupportsScan = MemoryBackend()
memory_clear: SupportsClear = MemoryBackend()
memory_info: SupportsInfo = MemoryBackend()
memory_deadline: HasDeadline = MemoryBackend()
sync_memory: SyncCacheBackend = SyncMemoryBackend()
sync_memory_entries: HoldsEntries = SyncMemoryBackend()
sync_memory_many: SyncSupportsMany = SyncMemoryBackend()
sync_memory_ttl: SyncSupportsTTL = SyncMemoryBackend()
sync_memory_scan: SyncSupportsScan = SyncMemoryBackend()
sync_memory_clear: SyncSupportsClear = SyncMemoryBackend()
sync_memory_info: SyncSupportsInfo = SyncMemoryBackend()
null: CacheBackend = NullBackend()
sync_null: SyncCacheBackend = SyncNullBackend()


class Text:
    @property
    def id(self) -> int:
        return 200

    def dumps(self, value: object) -> bytes:
        return str(value).encode()

    def loads(self, data: bytes) -> object:
        return data.decode()


class Shouts:
    id: int = 201

    def compress(self, data: bytes) -> bytes | None:
        return data.upper()

    def decompress(self, data: bytes) -> bytes:
        return data


serializer: Serializer = Text()
no_serializer: Serializer = Shouts()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
unbounded: Compressor = Shouts()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


async def use(store: CacheBackend, sync_store: SyncCacheBackend) -> None:
    assert_type(await store.get("key"), bytes | None)
    assert_type(sync_store.get("key"), bytes | None)
    assert_type(await store.delete("key"), bool)
    await store.set("key", "text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await store.set("key", b"bytes", 60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await store.set("key", b"bytes", ttl=60)
