"""The memory backend keeps the contract, in both flavours."""

from __future__ import annotations

from aicache.protocols import SupportsMany, SupportsTTL, SyncSupportsMany, SyncSupportsTTL
from aicache.testing import BackendContract, SyncBackendContract
from aicache_memory import MemoryBackend, SyncMemoryBackend


class TestMemory(BackendContract):
    capabilities = (SupportsMany, SupportsTTL)
    fake_time = True

    def make_backend(self) -> MemoryBackend:
        return MemoryBackend(clock=self.clock)


class TestSyncMemory(SyncBackendContract):
    capabilities = (SyncSupportsMany, SyncSupportsTTL)
    fake_time = True

    def make_backend(self) -> SyncMemoryBackend:
        return SyncMemoryBackend(clock=self.clock)
