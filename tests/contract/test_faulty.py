"""A faulty backend whose plan is empty keeps the contract as its inside does."""

from __future__ import annotations

from aicache.protocols import SupportsInfo, SyncSupportsInfo
from aicache.testing import (
    BackendContract,
    FaultyBackend,
    SharedStore,
    SyncBackendContract,
    SyncFaultyBackend,
    SyncSharedStore,
)
from aicache_memory import MemoryBackend, SyncMemoryBackend

from .capabilities import MOST, SHARED, SYNC_MOST, SYNC_SHARED


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


class TestFaultyShared(BackendContract):
    capabilities = SHARED - {SupportsInfo}
    fake_time = True

    def make_backend(self) -> FaultyBackend:
        self.store = SharedStore(clock=self.clock)
        return FaultyBackend(self.store)

    def make_peer(self) -> FaultyBackend:
        return FaultyBackend(self.store.peer())


class TestSyncFaultyShared(SyncBackendContract):
    capabilities = SYNC_SHARED - {SyncSupportsInfo}
    fake_time = True

    def make_backend(self) -> SyncFaultyBackend:
        self.store = SyncSharedStore(clock=self.clock)
        return SyncFaultyBackend(self.store)

    def make_peer(self) -> SyncFaultyBackend:
        return SyncFaultyBackend(self.store.peer())
