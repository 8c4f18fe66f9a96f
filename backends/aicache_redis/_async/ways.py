"""Which way leads to the servers that a URL names."""

from __future__ import annotations

from typing import TypeAlias

from aicache_redis._async.cluster import ClusterLinks
from aicache_redis._async.link import Links
from aicache_redis._async.replicas import ClusterReplicas, SentinelReplicas
from aicache_redis._async.sentinel import SentinelLinks
from aicache_redis._settings import Settings

__all__ = ["Way", "reading_way", "way_of"]

Way: TypeAlias = Links | ClusterLinks


def way_of(settings: Settings) -> Way:
    """One for one server, for the master that sentinels know, or for a cluster."""
    kind = "" if settings.client is not None else settings.target.kind
    if kind == "cluster":
        return ClusterLinks(settings)
    return SentinelLinks(settings) if kind else Links(settings)


def reading_way(settings: Settings, way: Way) -> Way:
    """The one for what only reads values: `way`, which leads to the masters, or one to replicas."""
    if settings.read_from == "master":
        return way
    return ClusterReplicas(settings) if settings.is_clustered else SentinelReplicas(settings)
