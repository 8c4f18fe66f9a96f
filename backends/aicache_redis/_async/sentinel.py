"""The way to a master that sentinels watch over: each connection asks them where it is, and believes it only if the
server there says so too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aicache.errors import BackendError
from aicache_redis._async.link import Links
from aicache_redis._async.together import FLAVOUR
from aicache_redis._commands import Command
from aicache_redis._leases import Conditions
from aicache_redis._settings import Settings, is_away, is_late
from aicache_redis._url import Address

__all__ = ["SentinelLinks", "Sentinels"]


class SentinelLinks(Links):
    """The master of one name. One that turns out to be a replica is left, and the call goes to who is master now."""

    def __init__(self, settings: Settings) -> None:
        arguments = settings.connection(FLAVOUR)
        self._master = Master(settings, arguments)
        super().__init__(settings, {**arguments, "connection_class": self._master.connection_class()})

    async def write(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order, to commands that write."""
        try:
            return await super().write(commands)
        except BackendError as error:
            if not _is_demoted(error):
                raise
        await self.renew()
        return await super().write(commands)

    async def guarded(self, conditions: Conditions, commands: Sequence[Command]) -> bool:
        """Carry out commands, all or none, if what stands under some names is what may; say whether they were."""
        try:
            return await super().guarded(conditions, commands)
        except BackendError as error:
            if not _is_demoted(error):
                raise
        await self.renew()
        return await super().guarded(conditions, commands)

    async def origin(self, name: bytes) -> str:
        """Which server a name is on: another may not know all that this one did."""
        if self._master.address is None:
            await self.read([("PTTL", name)])
        found = self._master.address
        return "" if found is None else str(found)


def _is_demoted(error: BackendError) -> bool:
    cause = error.__cause__
    return "READONLY" in str(cause) or type(cause).__name__ == "ReadOnlyError"


class Sentinels:
    """Asks sentinels of one name, each for half of the `timeout` at most."""

    def __init__(self, settings: Settings, arguments: Mapping[str, Any]) -> None:
        target = settings.target
        self.name = target.name
        self._kind = arguments["connection_class"]
        kept = {name: value for name, value in arguments.items() if name.startswith(("ssl_", "retry", "protocol"))}
        half = settings.timeout / 2
        self._arguments = {**kept, **target.credentials, "socket_timeout": half, "socket_connect_timeout": half}

    async def ask(self, sentinel: Address, verb: str) -> Any:
        """What it says of the name."""
        connection = self._kind(host=sentinel.host, port=sentinel.port, **self._arguments)
        try:
            await connection.connect()
            await connection.send_command("SENTINEL", verb, self.name)
            return await connection.read_response()
        finally:
            await connection.disconnect()

    async def master(self, sentinel: Address) -> Address:
        """Where it says that the master is."""
        reply = await self.ask(sentinel, "GET-MASTER-ADDR-BY-NAME")
        if not reply:
            raise ConnectionError(f"the sentinel {sentinel} does not know {self.name!r}")
        return Address(reply[0].decode(), int(reply[1]))


class Master:
    """Finds the master. `address`: where it was when it was last connected to.

    The sentinels are asked one after the other; one that does not help is asked last from then on.
    """

    def __init__(self, settings: Settings, arguments: Mapping[str, Any]) -> None:
        self.address: Address | None = None
        self._asked = Sentinels(settings, arguments)
        self._sentinels = list(settings.target.nodes)
        self._kind = arguments["connection_class"]

    def connection_class(self) -> Any:
        """A class of connections of the library redis that connect to the master, wherever it is."""
        master, kind = self, self._kind

        class ToTheMaster(kind):  # type: ignore[misc,valid-type]
            async def connect(self) -> None:
                error: Exception | None = None
                for sentinel in tuple(master._sentinels):
                    try:
                        self.host, self.port = address = await master._asked.master(sentinel)
                        await kind.connect(self)
                        await self.send_command("ROLE")
                        (role, *_) = await self.read_response()
                        if role == b"master":
                            master.address = address
                            return
                        raise ConnectionError(f"{address} is no master any more")
                    except Exception as failure:
                        await self.disconnect()
                        if not (is_away(failure) or is_late(failure)):
                            raise
                        error = failure
                    master._is_of_no_help(sentinel)
                raise ConnectionError(f"no sentinel led to a master {master._asked.name!r}: {error}") from error

        return ToTheMaster

    def _is_of_no_help(self, sentinel: Address) -> None:
        if sentinel in self._sentinels:
            self._sentinels.remove(sentinel)
            self._sentinels.append(sentinel)
