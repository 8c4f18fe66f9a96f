"""The null backend keeps all of the contract that a store of nothing can, in both flavours."""

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
from aicache.testing import BackendContract, SyncBackendContract
from aicache_null import NullBackend, SyncNullBackend


class TestNull(BackendContract):
    capabilities = (SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL)
    stores = False

    def make_backend(self) -> NullBackend:
        return NullBackend()


class TestSyncNull(SyncBackendContract):
    capabilities = (SyncSupportsClear, SyncSupportsInfo, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL)
    stores = False

    def make_backend(self) -> SyncNullBackend:
        return SyncNullBackend()
