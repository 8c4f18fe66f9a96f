"""Which options of a Redis backend a type checker lets in, and what it says that the backend can do."""

from __future__ import annotations

from aicache.protocols import ReadsReplicas, SupportsLeases, SyncReadsReplicas, SyncSupportsLeases
from aicache_redis import RedisBackend, SyncRedisBackend

backend = RedisBackend("redis+cluster://host", read_from="prefer_replica")
sync_backend = SyncRedisBackend("redis+sentinel://host/name", read_from="master")
RedisBackend(read_from="replicas")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
SyncRedisBackend(read_from=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

replicas: ReadsReplicas = backend
leases: SupportsLeases = replicas
sync_replicas: SyncReadsReplicas = sync_backend
sync_leases: SyncSupportsLeases = sync_replicas
wrong: ReadsReplicas = sync_backend  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
backend.reads_replicas = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
