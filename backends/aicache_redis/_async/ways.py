"""Which way leads to the servers that a URL names."""

from __future__ import annotations

from typing import TypeAlias

from aicache_redis._async.cluster import ClusterLinks
from aicache_redis._async.link import Links
from aicache_redis._async.sentinel import SentinelLinks
from aicache_redis._settings import Settings

__all__ = ["Way", "way_of"]

Way: TypeAlias = Links | ClusterLinks


def way_of(settings: Settings) -> Way:
    """One for one server, for the master that sentinels know, or for a cluster."""
    kind = "" if settings.client is not None else settings.target.kind
    if kind == "cluster":
        return ClusterLinks(settings)
    return SentinelLinks(settings) if kind else Links(settings)
