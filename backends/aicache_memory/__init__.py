"""The memory backend of aicache: entries in this process, bounded, for the fastest tier."""

from aicache_memory._async import MemoryBackend
from aicache_memory._sync import SyncMemoryBackend

__all__ = ["MemoryBackend", "SyncMemoryBackend"]
