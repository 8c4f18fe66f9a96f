"""The memory backend keeps the contract, in both flavours."""

from __future__ import annotations

from aicache.protocols import (
    HoldsEntries,
    SupportsClear,
    SupportsInfo,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsInfo,
    SyncSupportsMany,
    SyncSupportsScan,
    SyncSupportsTTL,
)
from aicache.testing import BackendContract, SyncBackendContract
from aicache_memory import MemoryBackend, SyncMemoryBackend


class TestMemory(BackendContract):
    capabilities = (HoldsEntries, SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL)
    fake_time = True

    def make_backend(self) -> MemoryBackend:
        return MemoryBackend(clock=self.clock)


class TestSyncMemory(SyncBackendContract):
    capabilities = (
        HoldsEntries,
        SyncSupportsClear,
        SyncSupportsInfo,
        SyncSupportsMany,
        SyncSupportsScan,
        SyncSupportsTTL,
    )
    fake_time = True

    def make_backend(self) -> SyncMemoryBackend:
        return SyncMemoryBackend(clock=self.clock)
