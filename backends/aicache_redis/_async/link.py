"""The async way to the server. Written by hand in both flavours.

Each event loop of each process has a link of its own: a socket is bound to its loop, and must not be shared after a
fork. A link has one lane for what reads and one for what writes, so a read never waits behind a large value, and writes
keep their order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final

from aicache.errors import ClosedError
from aicache_redis._commands import Command, portions, refusal, weight
from aicache_redis._lanes.lane import Lane
from aicache_redis._lanes.passed import PassedLane
from aicache_redis._settings import Settings, check_client, failure_of

__all__ = ["Links"]

_CLOSED: Final = "this Redis backend was closed, or its event loop ended, during the call"
_inherited: Final[list[object]] = []  # links of the process we were forked from: its sockets are not ours to close


class Links:
    """One link for each event loop; the settings are common. Raises the errors of `_settings.failure_of`."""

    def __init__(self, settings: Settings) -> None:
        if settings.client is not None:
            check_client(settings.client, is_async=True)
        self._arguments = {} if settings.client is not None else settings.connection("redis.asyncio")
        self.settings = settings
        self._closed = False
        self._pid = os.getpid()
        self._links: dict[asyncio.AbstractEventLoop, _Link] = {}

    def ask(self, command: Command) -> asyncio.Future[Any]:
        """The reply to come to a command that reads."""
        return self._here().reads.ask_once(command)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order, to commands that read."""
        return await self._replies(self._here().reads, commands)

    async def write(self, commands: Sequence[Command]) -> list[Any]:
        """The same for commands that write, and for reads that nobody is to wait behind."""
        return await self._replies(self._here().writes, commands)

    async def _replies(self, lane: Lane | PassedLane, commands: Sequence[Command]) -> list[Any]:
        if len(commands) == 1:
            return [await lane.ask(commands[0], weight(commands[0]))]
        replies: list[Any] = []
        for portion, size in portions(commands):
            replies += await lane.ask_all(portion, size)
        refused = refusal(replies)
        if refused is not None:
            raise failure_of(refused, self.settings)
        return replies

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

    async def aclose(self) -> None:
        """End the calls under way with `ClosedError` and close the connections that are ours."""
        self._closed = True
        link = self._links.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.aclose()


class _Link:
    def __init__(self, settings: Settings, arguments: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        if settings.client is not None:
            self.reads: Lane | PassedLane = PassedLane(settings, loop)
            self.writes: Lane | PassedLane = self.reads
        else:
            self.reads = Lane(settings, arguments, loop)
            self.writes = Lane(settings, arguments, loop) if settings.max_connections > 1 else self.reads
        # The connections are closed when the loop shuts down its generators, as `asyncio.run` does at its end.
        self._end = self._until_the_end()
        with suppress(StopIteration):
            anext(self._end).send(None)

    async def _until_the_end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.reads.aclose(_CLOSED)
            await self.writes.aclose(_CLOSED)

    async def aclose(self) -> None:
        await self._end.aclose()
