"""Real Redis or Valkey servers for tests, on free ports of this machine, with nothing kept when they end: one
(`RedisServer`), a cluster (`RedisCluster`), or a master with a replica and sentinels (`RedisSentinel`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aicache.errors import ConfigurationError
from aicache.testing._server import RedisServer, free_port, server_binary, until

__all__ = ["RedisCluster", "RedisSentinel", "RedisServer", "server_binary"]

_AT_ONCE: Final = ("--repl-diskless-sync-delay", "0")  # a replica need not wait for others
_SLOTS: Final = 16_384
_NODE_TIMEOUT: Final = 1000  # milliseconds after which a node of a cluster is taken for dead


class _Group:
    """Servers that start and end together, as a context manager."""

    def __init__(self, servers: Sequence[RedisServer]) -> None:
        self._servers = servers

    def start(self) -> None:
        """Start all and return when they know each other."""
        for server in self._servers:
            server.start()
        self._introduce()

    def _introduce(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """End all and remove what they wrote."""
        for server in self._servers:
            server.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RedisCluster(_Group):
    """A cluster: `masters` that share the slots, each with a replica or without; a replica takes over a few seconds
    after its master has ended. `arguments`: more of each server's own.
    """

    def __init__(self, masters: int = 3, *, replicas: bool = True, arguments: Sequence[str] = ()) -> None:
        own: tuple[str, ...] = ("--cluster-enabled", "yes", *_AT_ONCE, "--cluster-node-timeout", str(_NODE_TIMEOUT))
        # What has lost a master goes on with the rest, and any replica may take over, however old its news.
        own += ("--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0")
        self._count = masters
        self.nodes = [_ClusterNode(*own, *arguments) for _ in range(masters * (2 if replicas else 1))]
        """The masters, and then their replicas in the same order."""
        super().__init__(self.nodes)

    @property
    def url(self) -> str:
        """Where its masters are."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[: self._count])

    def master_of(self, slot: int) -> RedisServer:
        """Who has a slot, as most nodes that run see it."""
        for node in self.nodes:
            if node.is_running:
                for first, last, (_, port, *_), *_ in node.say("CLUSTER", "SLOTS"):
                    if first <= slot <= last:
                        found = next(other for other in self.nodes if other.port == port)
                        if found.is_running:
                            return found
        raise ConfigurationError(f"no node of the cluster has slot {slot}")

    def move(self, slot: int, to: RedisServer) -> None:
        """Give a slot with all its keys to another master, while both go on serving it."""
        source = self.master_of(slot)
        ids = {node.port: node.say("CLUSTER", "MYID").decode() for node in (source, to)}
        to.say("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source.port])
        source.say("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[to.port])
        while names := source.say("CLUSTER", "GETKEYSINSLOT", str(slot), "100"):
            for name in names:
                source.say("MIGRATE", "127.0.0.1", str(to.port), name.decode(), "0", "5000")
        for node in (to, source):
            node.say("CLUSTER", "SETSLOT", str(slot), "NODE", ids[to.port])

    def _introduce(self) -> None:
        count, nodes = self._count, self.nodes
        for at, node in enumerate(nodes[:count]):
            slots = range(at * _SLOTS // count, (at + 1) * _SLOTS // count)
            node.say("CLUSTER", "ADDSLOTS", *map(str, slots))
        for at, node in enumerate(nodes, 1):
            node.say("CLUSTER", "SET-CONFIG-EPOCH", str(at))
        for node in nodes[1:]:
            nodes[0].say("CLUSTER", "MEET", "127.0.0.1", str(node.port))
        known = b"cluster_known_nodes:%d\r" % len(nodes)
        until(lambda: all(known in node.say("CLUSTER", "INFO") for node in nodes), "the cluster's nodes did not meet")
        for master, replica in zip(nodes, nodes[count:], strict=False):
            replica.say("CLUSTER", "REPLICATE", master.say("CLUSTER", "MYID").decode())
        until(self._is_ready, "the cluster did not come up")

    def _is_ready(self) -> bool:
        """Whether each node serves, follows its master, and knows all replicas, for whoever asks it for them."""
        owners = len(self.nodes) // self._count
        return (
            all(b"cluster_state:ok" in node.say("CLUSTER", "INFO") for node in self.nodes)
            and all(b"master_link_status:up" in node.say("INFO", "replication") for node in self.nodes[self._count :])
            and all(len(own) == owners for node in self.nodes for _, _, *own in node.say("CLUSTER", "SLOTS"))
        )


class RedisSentinel(_Group):
    """A master by the name of `main`, a replica, and three sentinels that let it take over half a second after the
    master has ended. `arguments`: more of each server's own.
    """

    name = "main"

    def __init__(self, *arguments: str) -> None:
        master = RedisServer(*_AT_ONCE, *arguments)
        self.servers = [master, RedisServer("--replicaof", "127.0.0.1", str(master.port), *_AT_ONCE, *arguments)]
        """The master and the replica as they began."""
        self.sentinels = [_Sentinel(master) for _ in range(3)]
        super().__init__([*self.servers, *self.sentinels])

    @property
    def url(self) -> str:
        """Where its sentinels are, with the name of the master."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{self.name}/0"

    def master(self) -> RedisServer:
        """Who the sentinels say it is."""
        _, port = self.sentinels[0].say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)
        return next(server for server in self.servers if server.port == int(port))

    def _introduce(self) -> None:
        # The sentinels ask the master for its replicas at once, and then only after ten seconds.
        until(self._is_followed, "the replica did not find its master")
        for sentinel in self.sentinels:
            sentinel.watch(self.name)
        until(self._is_ready, "the sentinels did not find each other")

    def _is_ready(self) -> bool:
        for sentinel in self.sentinels:
            said = sentinel.say("SENTINEL", "MASTER", self.name)
            facts = dict(zip(said[::2], said[1::2], strict=True))
            if (facts[b"num-slaves"], facts[b"num-other-sentinels"]) != (b"1", b"2"):
                return False
            (replica,) = sentinel.say("SENTINEL", "REPLICAS", self.name)
            if dict(zip(replica[::2], replica[1::2], strict=True))[b"master-link-status"] != b"ok":
                return False  # it has not been asked yet
        return True

    def _is_followed(self) -> bool:
        return b"state=online" in self.servers[0].say("INFO", "replication")


class _ClusterNode(RedisServer):
    def __init__(self, *arguments: str) -> None:
        super().__init__(*arguments)
        self.port = free_port(with_bus=True)


class _Sentinel(RedisServer):
    def __init__(self, master: RedisServer) -> None:
        super().__init__()
        self._master = master

    def _command(self) -> list[str]:
        conf = Path(self._folder.name) / "sentinel.conf"
        if not conf.exists():  # it is the sentinel's to change
            conf.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self._folder.name}\n")
        return [self._binary, str(conf), "--sentinel"]

    def watch(self, name: str) -> None:
        with suppress(ConfigurationError):  # a server before Redis 7 takes two seconds to hear of the others
            self.say("SENTINEL", "DEBUG", "PUBLISH-PERIOD", "100")
        self.say("SENTINEL", "MONITOR", name, "127.0.0.1", str(self._master.port), "2")
        for option, value in (("down-after-milliseconds", "500"), ("failover-timeout", "3000")):
            self.say("SENTINEL", "SET", name, option, value)
