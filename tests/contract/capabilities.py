"""What stores can do beside the four verbs: most of them, and those that processes share."""

from __future__ import annotations

from aicache.protocols import (
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsFeed,
    SyncSupportsInfo,
    SyncSupportsLeases,
    SyncSupportsMany,
    SyncSupportsReclaim,
    SyncSupportsScan,
    SyncSupportsTags,
    SyncSupportsTTL,
)

__all__ = ["MOST", "SHARED", "SYNC_MOST", "SYNC_SHARED"]

MOST = frozenset({SupportsClear, SupportsInfo, SupportsMany, SupportsScan, SupportsTTL})
SHARED = MOST | {SupportsFeed, SupportsLeases, SupportsReclaim, SupportsTags}

SYNC_MOST = frozenset({SyncSupportsClear, SyncSupportsInfo, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL})
SYNC_SHARED = SYNC_MOST | {SyncSupportsFeed, SyncSupportsLeases, SyncSupportsReclaim, SyncSupportsTags}
