"""The async way to the server: calls that come together go together, as one pipeline. Written by hand in both flavours.

Each event loop of each process has a link of its own: a client is bound to its loop, and a socket must not be shared
after a fork. A call puts its commands into the link's queue; what is there when the loop comes round goes out as one
pipeline, run by a task of ours. So a caller's cancellation never reaches the socket, and no reply can come to another's
question. Each call has a deadline, the wait in the queue included; a pipeline that misses it loses its connection, late
replies with it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aicache.errors import BackendError, ClosedError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command, portions, refusal
from aicache_redis._settings import Settings, check_client, imported, is_away, translated

__all__ = ["Links"]

_inherited: Final[list[object]] = []  # links of the process we were forked from: its sockets are not ours to close


class _Call(NamedTuple):
    commands: Sequence[Command]
    size: int
    until: float
    replies: asyncio.Future[list[Any]]


class Links:
    """One link for each event loop; the settings are common."""

    def __init__(self, settings: Settings) -> None:
        if settings.client is not None:
            check_client(settings.client, is_async=True)
        else:
            settings.connection("redis.asyncio")  # fails now and not at the first call
        self.settings = settings
        self._closed = False
        self._pid = os.getpid()
        self._links: dict[asyncio.AbstractEventLoop, _Link] = {}

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order.

        Raises `BackendError` where the server is away or refuses one of them, `BackendTimeoutError` where it is late.
        """
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
            link = self._links[loop] = _Link(self.settings, loop)
            await link.watch()
        replies: list[Any] = []
        for portion, size in portions(commands):
            replies += await link.call(portion, size)
        return replies

    async def aclose(self) -> None:
        """End the calls under way with `ClosedError` and close the connections that are ours."""
        self._closed = True
        link = self._links.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.aclose()


class _Link:
    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._owns = settings.client is None
        client = settings.client
        if client is None:
            asyncio_redis = imported("redis.asyncio")
            client = asyncio_redis.Redis(
                connection_pool=asyncio_redis.ConnectionPool(**settings.connection("redis.asyncio"))
            )
        self._client = client
        self._idle: list[Any] = []
        self._refusals: Any = imported("redis.exceptions").ResponseError
        self._parsers: Any = {} if client is settings.client else client.response_callbacks
        self._loop = loop
        self._queue: deque[_Call] = deque()
        self._busy: set[asyncio.Task[None]] = set()
        self._scheduled = False
        self._end: AsyncGenerator[None] | None = None

    async def watch(self) -> None:
        """Have the connections closed when the loop shuts down its generators, as `asyncio.run` does at its end."""
        self._end = self._until_the_end()
        await anext(self._end)

    async def _until_the_end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self._disconnect()

    async def call(self, commands: Sequence[Command], size: int) -> list[Any]:
        """Queue the commands and wait for their replies."""
        replies: asyncio.Future[list[Any]] = self._loop.create_future()
        self._queue.append(_Call(commands, size, self._loop.time() + self._settings.timeout, replies))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)
        return await replies

    def _flush(self) -> None:
        self._scheduled = False
        while self._queue and len(self._busy) < self._settings.max_connections:
            batch: list[_Call] = []
            count = size = 0
            now = self._loop.time()
            while self._queue and (not batch or self._goes_with(batch[0], count, size)):
                call = self._queue.popleft()
                if call.replies.done():
                    continue  # nobody waits for a call that was cancelled in the queue
                if call.until <= now:
                    self._fail([call], translated(TimeoutError(), self._settings.place, self._settings.timeout))
                    continue
                batch.append(call)
                count += len(call.commands)
                size += call.size
            if batch:
                task = self._loop.create_task(self._send(batch))
                self._busy.add(task)
                task.add_done_callback(self._sent)

    def _goes_with(self, first: _Call, count: int, size: int) -> bool:
        """Whether the next call fits a batch. Its deadline is the first's: a call that came much later waits."""
        call = self._queue[0]
        return (
            count + len(call.commands) <= MOST_COMMANDS
            and size + call.size <= MOST_BYTES
            and call.until - first.until <= self._settings.timeout / 10
        )

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if self._queue and not self._scheduled:
            self._flush()

    async def _send(self, batch: list[_Call]) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout_at(batch[0].until):
                replies = await self._replies([command for call in batch for command in call.commands])
        except asyncio.CancelledError:
            self._fail(batch, ClosedError("this Redis backend was closed, or its event loop ended, during the call"))
            raise
        except Exception as error:
            failure = translated(error, settings.place, settings.timeout)
            failure.__cause__ = error
            self._fail(batch, failure)
            return
        start = 0
        for call in batch:
            own = replies[start : start + len(call.commands)]
            start += len(call.commands)
            refused = refusal(own)
            if call.replies.done():
                continue
            if refused is None:
                call.replies.set_result(own)
            else:
                failure = translated(refused, settings.place, settings.timeout)
                failure.__cause__ = refused
                call.replies.set_exception(failure)

    async def _replies(self, commands: list[Command]) -> list[Any]:
        try:
            return await self._pipeline(commands)
        except Exception as error:
            if not is_away(error):
                raise
            # The server may have been restarted since the connection was last used. All our commands may be said twice.
            for connection in self._idle:
                await connection.disconnect(nowait=True)
            return await self._pipeline(commands)

    async def _pipeline(self, commands: list[Command]) -> list[Any]:
        if not self._owns:
            return await self._through_a_client(commands)
        # What is taken from the pool is kept for the next time. A connection that fails, or whose call is cancelled,
        # disconnects itself, and connects again when it is used.
        connection = self._idle.pop() if self._idle else await self._client.connection_pool.get_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [await self._reply(connection, command[0]) for command in commands]
        finally:
            self._idle.append(connection)

    async def _reply(self, connection: Any, name: str) -> Any:
        try:
            reply = await connection.read_response()
        except self._refusals as refused:
            return refused
        parse = self._parsers.get(name)
        return reply if parse is None else parse(reply)

    async def _through_a_client(self, commands: list[Command]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        if len(replies) != len(commands):
            raise BackendError(f"{len(replies)} replies to {len(commands)} commands")
        return replies

    @staticmethod
    def _fail(batch: list[_Call], error: Exception) -> None:
        for call in batch:
            if not call.replies.done():
                call.replies.set_exception(error)

    async def _disconnect(self) -> None:
        if self._owns:
            with suppress(Exception):  # it is going away, and whether it says goodbye is all the same
                await self._client.aclose(close_connection_pool=True)

    async def aclose(self) -> None:
        for call in self._queue:
            if not call.replies.done():
                call.replies.set_exception(ClosedError("this Redis backend was closed during the call"))
        self._queue.clear()
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        if self._end is not None:
            await self._end.aclose()
