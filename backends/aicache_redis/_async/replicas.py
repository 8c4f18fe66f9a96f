"""The way to the replicas of a cluster, or of a master that sentinels watch over, for values that may be behind.

It has the verbs of `ClusterLinks`: where a replica does not answer, the master does, within the same call.
"""

from __future__ import annotations

from typing import Any

from aicache_redis._async.cluster import ClusterLinks
from aicache_redis._async.sentinel import Sentinels
from aicache_redis._replicas import ReplicaMap, WatchedMap, watched
from aicache_redis._settings import Settings, failure_of
from aicache_redis._slots import SlotMap
from aicache_redis._url import Address

__all__ = ["ClusterReplicas", "SentinelReplicas"]


class _Replicas(ClusterLinks):
    """A node has half of a call's time: the rest is the master's."""

    def __init__(self, settings: Settings, slots: SlotMap) -> None:
        super().__init__(settings, slots)
        self._half = settings.within(settings.timeout / 2)

    def _settings_of(self, address: Address) -> Settings:
        return self._half.at(address)


class ClusterReplicas(_Replicas):
    """The replicas of a cluster."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, ReplicaMap(settings.target.nodes))
        self._arguments["connection_class"] = _reading(self._arguments["connection_class"])


def _reading(kind: Any) -> Any:
    """`kind`, a class of connections of the library redis, on which a replica answers and names no master instead."""

    class ToAReplica(kind):  # type: ignore[misc]
        async def connect(self) -> None:
            await kind.connect(self)
            try:
                await self.send_command("READONLY")
                await self.read_response()
            except Exception:
                await self.disconnect()
                raise

    return ToAReplica


class SentinelReplicas(_Replicas):
    """The replicas of which sentinels say that they follow their master."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, WatchedMap(settings.target.nodes))
        self._sentinels = Sentinels(self._half, self._arguments)

    async def _map_of(self, address: Address) -> Any:
        try:
            master = await self._sentinels.master(address)
            return watched(master, await self._sentinels.ask(address, "REPLICAS"))
        except Exception as error:
            raise failure_of(error, self.settings) from error
