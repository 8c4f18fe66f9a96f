"""The memory backend keeps the contract, in both flavours."""

from __future__ import annotations

from aicache.protocols import HoldsEntries
from aicache.testing import BackendContract, SyncBackendContract
from aicache_memory import MemoryBackend, SyncMemoryBackend

from .capabilities import MOST, SYNC_MOST


class TestMemory(BackendContract):
    capabilities = MOST | {HoldsEntries}
    fake_time = True

    def make_backend(self) -> MemoryBackend:
        return MemoryBackend(clock=self.clock)


class TestSyncMemory(SyncBackendContract):
    capabilities = SYNC_MOST | {HoldsEntries}
    fake_time = True

    def make_backend(self) -> SyncMemoryBackend:
        return SyncMemoryBackend(clock=self.clock)
