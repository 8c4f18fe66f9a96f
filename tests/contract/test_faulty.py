"""A faulty backend whose plan is empty keeps the contract as its inside does."""

from __future__ import annotations

from aicache.protocols import (
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
from aicache.testing import BackendContract, FaultyBackend, SyncBackendContract, SyncFaultyBackend
from aicache_memory import MemoryBackend, SyncMemoryBackend


class TestFaulty(BackendContract):
    capabilities = (SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL)
    fake_time = True

    def make_backend(self) -> FaultyBackend:
        return FaultyBackend(MemoryBackend(clock=self.clock))


class TestSyncFaulty(SyncBackendContract):
    capabilities = (SyncSupportsClear, SyncSupportsInfo, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL)
    fake_time = True

    def make_backend(self) -> SyncFaultyBackend:
        return SyncFaultyBackend(SyncMemoryBackend(clock=self.clock))
