"""The Redis and Valkey backend of aicache. The library redis is loaded when a backend is built."""

from aicache_redis._async.backend import RedisBackend
from aicache_redis._sync.backend import SyncRedisBackend

__all__ = ["RedisBackend", "SyncRedisBackend"]
