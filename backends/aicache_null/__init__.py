"""The null backend of aicache: stores nothing, for tests and for switching caching off."""

from aicache_null._async import NullBackend
from aicache_null._sync import SyncNullBackend

__all__ = ["NullBackend", "SyncNullBackend"]
