"""The null backend keeps all of the contract that a store of nothing can, in both flavours."""

from __future__ import annotations

from aicache.testing import BackendContract, SyncBackendContract
from aicache_null import NullBackend, SyncNullBackend

from .capabilities import MOST, SYNC_MOST


class TestNull(BackendContract):
    capabilities = MOST
    stores = False

    def make_backend(self) -> NullBackend:
        return NullBackend()


class TestSyncNull(SyncBackendContract):
    capabilities = SYNC_MOST
    stores = False

    def make_backend(self) -> SyncNullBackend:
        return SyncNullBackend()
