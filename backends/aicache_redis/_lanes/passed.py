"""The way through a client that was passed in: calls of one turn of the event loop go out as one pipeline of its own.

The client decides how it connects and waits. A pipeline runs in a task of ours, so a caller's cancellation does not
reach the client's connections, and has the deadline of the oldest call in it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aicache.errors import BackendError, ClosedError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command, Look, is_foreign
from aicache_redis._lanes.wire import waiting_of
from aicache_redis._settings import NEARLY_ALL, NoTurnError, Settings, failure_of, is_away, is_own_delay

__all__ = ["PassedLane"]


class _Call(NamedTuple):
    commands: Sequence[Command]
    size: int
    until: float
    replies: list[asyncio.Future[Any]]  # of all who asked for it
    is_single: bool


class PassedLane:
    """The calls of one event loop that go through a client; as a `Lane`."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._client = settings.client
        self._loop = loop
        self._time = loop.time
        self._queue: deque[_Call] = deque()
        self._looks: dict[Command, _Call] = {}  # the reads of this turn, which others may join
        self._busy: set[asyncio.Task[None]] = set()
        self._is_scheduled = False

    def ask(self, command: Command, size: int = 0) -> asyncio.Future[Any]:
        """The reply to come."""
        return self._add([command], size, is_single=True).replies[0]

    def look(self, look: Look, name: bytes) -> asyncio.Future[Any]:
        """The reply to come to what reads a value; as `Lane.look`."""
        command = look.command(name)
        call = self._looks.get(command)
        if call is None or call.until - self._time() < NEARLY_ALL * self._settings.timeout:
            call = self._looks[command] = self._add([command], 0, is_single=True)
        else:
            call.replies.append(self._loop.create_future())
        return call.replies[-1]

    def look_many(self, look: Look, names: Sequence[bytes]) -> asyncio.Future[list[Any]]:
        """The replies to come, in order, to what reads several values."""
        return self.ask_all([look.command(name) for name in names], 0)

    def ask_all(self, commands: Sequence[Command], size: int) -> asyncio.Future[list[Any]]:
        """The replies to come, in order."""
        return self._add(commands, size, is_single=False).replies[0]

    def _add(self, commands: Sequence[Command], size: int, *, is_single: bool) -> _Call:
        until = self._time() + self._settings.timeout
        call = _Call(commands, size, until, [self._loop.create_future()], is_single)
        self._queue.append(call)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)
        return call

    def _flush(self) -> None:
        self._is_scheduled = False
        self._looks.clear()
        while self._queue and len(self._busy) < self._settings.max_connections:
            batch: list[_Call] = []
            count = size = 0
            now = self._time()
            while self._queue and (not batch or self._goes_with(batch[0], count, size)):
                call = self._queue.popleft()
                if not waiting_of(call.replies):
                    continue  # nobody waits for a call that was cancelled in the queue
                if call.until <= now:
                    self._fail([call], NoTurnError())
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
            and call.until - first.until <= (1 - NEARLY_ALL) * self._settings.timeout
        )

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if self._queue and not self._is_scheduled:
            self._flush()

    async def _send(self, batch: list[_Call]) -> None:
        try:
            async with asyncio.timeout_at(batch[0].until):
                replies = await self._replies([command for call in batch for command in call.commands])
        except asyncio.CancelledError:
            self._fail(batch, ClosedError("this Redis backend was closed, or its event loop ended, during the call"))
            raise
        except Exception as error:
            late = self._time() - batch[0].until
            is_ours = isinstance(error, TimeoutError) and is_own_delay(late, self._settings.timeout)
            self._fail(batch, NoTurnError() if is_ours else error)
            return
        start = 0
        for call in batch:
            own = replies[start : start + len(call.commands)]
            start += len(call.commands)
            if call.is_single and isinstance(own[0], Exception) and not is_foreign(own[0]):
                self._fail([call], own[0])
                continue
            for reply in waiting_of(call.replies):
                reply.set_result(own[0] if call.is_single else own)

    async def _replies(self, commands: list[Command]) -> list[Any]:
        try:
            return await self._pipeline(commands)
        except Exception as error:
            if not is_away(error):
                raise
            # The server may have been restarted since the connection was last used. All our commands may be said twice.
            return await self._pipeline(commands)

    async def _pipeline(self, commands: list[Command]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.response_callbacks = {}  # replies as they are, not as the library would have them
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        if len(replies) != len(commands):
            raise BackendError(f"{len(replies)} replies to {len(commands)} commands")
        return replies

    def _fail(self, calls: Iterable[_Call], error: Exception) -> None:
        for call in calls:
            for reply in waiting_of(call.replies):
                reply.set_exception(failure_of(error, self._settings))

    async def aclose(self, why: str) -> None:
        """End the calls under way with `ClosedError`; the client stays open."""
        self._fail(self._queue, ClosedError(why))
        self._queue.clear()
        self._looks.clear()
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
