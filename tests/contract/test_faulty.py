"""A faulty backend whose plan is empty keeps the contract as its inside does."""

from __future__ import annotations

from aicache.testing import BackendContract, FaultyBackend, SyncBackendContract, SyncFaultyBackend
from aicache_memory import MemoryBackend, SyncMemoryBackend

from .capabilities import MOST, SYNC_MOST


class TestFaulty(BackendContract):
    capabilities = MOST
    fake_time = True

    def make_backend(self) -> FaultyBackend:
        return FaultyBackend(MemoryBackend(clock=self.clock))


class TestSyncFaulty(SyncBackendContract):
    capabilities = SYNC_MOST
    fake_time = True

    def make_backend(self) -> SyncFaultyBackend:
        return SyncFaultyBackend(SyncMemoryBackend(clock=self.clock))
