"""The async way to the server. Written by hand in both flavours.

Each event loop of each process has a link of its own: a socket is bound to its loop, and must not be shared after a
fork. A link has one lane, and where much is written, or something large, a second one for what writes: so a read never
waits behind a large value, and writes keep their order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aicache.errors import ClosedError
from aicache_redis._async.patience import patiently
from aicache_redis._commands import LOOK, MOST_COMMANDS, Command, Look, portions, weight
from aicache_redis._lanes.lane import Lane
from aicache_redis._lanes.passed import PassedLane
from aicache_redis._leases import Conditions
from aicache_redis._settings import Settings, check_client, checked, failure_of, imported

__all__ = ["Links"]

_CLOSED: Final = "this Redis backend was closed, or its event loop ended, during the call"
_inherited: Final[list[object]] = []  # links of the process we were forked from: its sockets are not ours to close


class Links:
    """One link for each event loop; the settings are common. Raises the errors of `_settings.failure_of`."""

    def __init__(self, settings: Settings, arguments: dict[str, Any] | None = None) -> None:
        """`arguments`: those of a connection, where they are not the settings'."""
        if settings.client is not None:
            check_client(settings.client, is_async=True)
            arguments = {}
        self._arguments = settings.connection("redis.asyncio") if arguments is None else arguments
        self.settings = settings
        self._closed = False
        self._pid = os.getpid()
        self._links: dict[asyncio.AbstractEventLoop, _Link] = {}

    def look(self, look: Look, name: bytes) -> asyncio.Future[Any]:
        """The reply to come to what reads a value."""
        return self._here().reads.look(look, name)

    async def look_many(self, look: Look, names: Sequence[bytes]) -> list[Any]:
        """The replies, in order, to what reads several values."""
        lane = self._here().reads
        replies: list[Any] = []
        for start in range(0, len(names), MOST_COMMANDS):
            replies += await lane.look_many(look, names[start : start + MOST_COMMANDS])
        return checked(replies, self.settings)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order, to commands that read."""
        lane = self._here().reads
        replies: list[Any] = []
        for portion, size in portions(commands):
            replies += await lane.ask_all(portion, size)
        return checked(replies, self.settings)

    def ask(self, command: Command) -> asyncio.Future[Any]:
        """The reply to come to a command that writes, or that nobody is to wait behind."""
        size = weight(command)
        return self._here().writes_of(size).ask(command, size)

    async def write(self, commands: Sequence[Command]) -> list[Any]:
        """The same for several, in order."""
        link = self._here()
        replies: list[Any] = []
        for portion, size in portions(commands):
            replies += await link.writes_of(size).ask_all(portion, size)
        return checked(replies, self.settings)

    def sent(self, packed: bytes, count: int, size: int, *, is_read: bool) -> asyncio.Future[list[Any]]:
        """The replies to come to commands as they are on the wire; errors are among them."""
        link = self._here()
        lane: Any = link.reads if is_read else link.writes_of(size)  # a `Lane`: nobody packs for a client
        replies: asyncio.Future[list[Any]] = lane.ask_packed(packed, count, size)
        return replies

    async def slices(self, command_of: Callable[[int], Command]) -> AsyncIterator[list[bytes]]:
        """Names, some at a time, of what SCAN lists; a name may come twice."""
        cursor = 0
        while True:
            ask = partial(self.read, [command_of(cursor)])
            ((cursor, names),) = await (patiently(ask) if cursor else ask())  # a server that is away is told of at once
            yield names
            cursor = int(cursor)
            if not cursor:
                return

    async def masters(self) -> list[Links]:
        """This one."""
        return [self]

    async def origin(self, name: bytes) -> str:  # noqa: ARG002 there is only one
        """Nothing: it is always the same server."""
        return ""

    async def follow(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands of which the first waits, on a connection of their own."""
        return checked(await self._here().feed().ask_all(commands, 0), self.settings)

    async def guarded(self, conditions: Conditions, commands: Sequence[Command]) -> bool:
        """Carry out commands, all or none, if what stands under some names is what may; say whether they were.

        For servers that deny EVAL: WATCH, MULTI and EXEC, by the library, on a connection that nobody shares.
        """
        library = imported("redis")
        try:
            async with asyncio.timeout(self.settings.timeout), self._here().client().pipeline() as pipeline:
                await pipeline.watch(*[name for name, _ in conditions])
                for name, allowed in conditions:
                    if await pipeline.execute_command("GET", name) not in allowed:
                        return False
                pipeline.multi()
                for command in commands:
                    pipeline.execute_command(*command)
                await pipeline.execute()
                return True
        except library.WatchError:
            return False
        except Exception as error:
            raise failure_of(error, self.settings) from error

    def _here(self) -> _Link:
        if self._closed:
            raise ClosedError("this Redis backend is closed; build a new one")
        loop = asyncio.get_running_loop()
        if os.getpid() != self._pid:
            _inherited.append(dict(self._links))
            self._links.clear()
            self._pid = os.getpid()
        link = self._links.get(loop)
        if link is None:
            for ended in [other for other in tuple(self._links) if other.is_closed()]:
                self._links.pop(ended, None)
            link = self._links[loop] = _Link(self.settings, self._arguments, loop)
        return link

    async def renew(self) -> None:
        """Leave the connections of this event loop; what is under way is said again on new ones."""
        await self._here().renew()

    async def aclose(self) -> None:
        """End the calls under way with `ClosedError` and close the connections that are ours."""
        self._closed = True
        link = self._links.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.aclose()


class _Link:
    """The lanes of one event loop. What is written goes with what is read, until it is so much that a read would have
    to wait behind it: from then on all of it has a lane of its own, so that writes keep their order.
    """

    def __init__(self, settings: Settings, arguments: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._arguments = arguments
        self._loop = loop
        self.reads: Lane | PassedLane
        self._only: Lane | None = None  # it also writes, and would rather not
        if settings.client is not None:
            self.reads = PassedLane(settings, loop)
        else:
            self.reads = lane = Lane(settings, arguments, loop)
            self._only = lane if settings.max_connections > 1 else None
        self._writes = self.reads
        self._feed: Lane | PassedLane | None = None
        self._client: Any = settings.client
        # The connections are closed when the loop shuts down its generators, as `asyncio.run` does at its end.
        self._end = self._until_the_end()
        with suppress(StopIteration):
            anext(self._end).send(None)

    def writes_of(self, size: int) -> Lane | PassedLane:
        """Where a write of so many bytes goes."""
        only = self._only
        if only is not None and size + only.size > LOOK:
            self._only = None
            before = only if only.is_busy else None
            self._writes = Lane(self._settings, self._arguments, self._loop, before)
        return self._writes

    def feed(self) -> Lane | PassedLane:
        """Where nobody minds waiting."""
        if self._feed is None:
            passed = self._settings.client is not None
            self._feed = (
                PassedLane(self._settings, self._loop) if passed else Lane(self._settings, self._arguments, self._loop)
            )
        return self._feed

    async def renew(self) -> None:
        """Leave the connections for new ones."""
        for lane in {self.reads, self._writes, self._feed}:
            if isinstance(lane, Lane):
                lane.renew()
        if self._client is not None:
            await self._client.connection_pool.disconnect(inuse_connections=False)

    def client(self) -> Any:
        """A client of the library."""
        if self._client is None:
            library = imported("redis.asyncio")
            self._client = library.Redis(connection_pool=library.ConnectionPool(**self._arguments))
        return self._client

    async def _until_the_end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            for lane in (self.reads, self._writes, self._feed):
                if lane is not None:
                    await lane.aclose(_CLOSED)
            if self._client is not self._settings.client:
                await self._client.aclose(close_connection_pool=True)

    async def aclose(self) -> None:
        await self._end.aclose()
