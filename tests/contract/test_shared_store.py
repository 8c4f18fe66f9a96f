"""`SharedStore` keeps the contract, in both flavours."""

from __future__ import annotations

from aicache.protocols import SupportsInfo, SyncSupportsInfo
from aicache.testing import BackendContract, SharedStore, SyncBackendContract, SyncSharedStore

from .capabilities import SHARED, SYNC_SHARED


class TestSharedStore(BackendContract):
    fake_time = True
    capabilities = SHARED - {SupportsInfo}

    def make_backend(self) -> SharedStore:
        self.store = SharedStore(clock=self.clock)
        return self.store

    def make_peer(self) -> SharedStore:
        return self.store.peer()


class TestSyncSharedStore(SyncBackendContract):
    fake_time = True
    capabilities = SYNC_SHARED - {SyncSupportsInfo}

    def make_backend(self) -> SyncSharedStore:
        self.store = SyncSharedStore(clock=self.clock)
        return self.store

    def make_peer(self) -> SyncSharedStore:
        return self.store.peer()
