"""Calls in a row over one socket: those of one turn of the event loop go out in one write.

A call that finds nothing under way is sent at once; others wait for the loop to come round, and then go together. No
caller touches the socket, so no cancellation can, and no reply comes to another's question. All calls have the same
time, so the oldest is the first that can be late, and one timer watches them all. A call that is late costs the
connection: late replies go with it, and those behind it are sent again on a new one. (All our commands may be said
twice.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aicache.errors import ClosedError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command, is_foreign
from aicache_redis._lanes.wire import Call, Wire
from aicache_redis._settings import NoTurnError, Settings, failure_of, imported

__all__ = ["Lane"]


class Lane:
    """The calls of one event loop that share a socket. It connects when it is used and there is no connection."""

    def __init__(self, settings: Settings, arguments: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._timeout = settings.timeout
        self._arguments = arguments
        self._loop = loop
        self._pack: Any = imported("hiredis").pack_command
        self._queue: deque[Call] = deque()
        self._unsent: dict[bytes, Call] = {}  # those in the queue that others may join
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_scheduled = False

    def ask(self, command: Command, size: int = 0) -> asyncio.Future[Any]:
        """The reply to come."""
        reply = self._loop.create_future()
        self._add(Call(self._pack(command), 1, size, self._loop.time() + self._timeout, reply, None))
        return reply

    def ask_once(self, command: Command) -> asyncio.Future[Any]:
        """The reply to come to what reads; asked for again before it is sent, it is asked for once."""
        reply = self._loop.create_future()
        packed = self._pack(command)
        call = self._unsent.get(packed)
        if call is not None:
            call.join(reply)
            return reply
        call = Call(packed, 1, 0, self._loop.time() + self._timeout, reply, None)
        if self._add(call):
            self._unsent[packed] = call
        return reply

    def ask_all(self, commands: Sequence[Command], size: int) -> asyncio.Future[list[Any]]:
        """The replies to come, in order."""
        reply = self._loop.create_future()
        packed = b"".join([self._pack(command) for command in commands])
        self._add(Call(packed, len(commands), size, self._loop.time() + self._timeout, reply, []))
        return reply

    def _add(self, call: Call) -> bool:
        """Send the call, or have it sent; say whether it is still to be."""
        if self._timer is None:
            self._timer = self._loop.call_at(call.until, self._watch)
        wire = self._wire
        if wire is not None and not wire.waiting and not self._queue:
            wire.send((call,))
            return False
        self._queue.append(call)
        self._schedule()
        return True

    # -- sending

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_scheduled = False
        self._unsent.clear()
        wire, queue = self._wire, self._queue
        if wire is None:
            if queue and self._connecting is None:
                self._connecting = self._loop.create_task(self._connect())
            return
        self._expire(NoTurnError())
        batch: list[Call] = []
        count, size = wire.count, wire.size
        while queue:
            call = queue[0]
            count += call.count
            size += call.size
            if (count > MOST_COMMANDS or size > MOST_BYTES) and (batch or wire.waiting):
                break  # the rest when replies have come
            queue.popleft()
            if call.is_wanted():
                batch.append(call)
            else:  # it was cancelled in the queue
                count -= call.count
                size -= call.size
        if batch:
            wire.send(batch)

    async def _connect(self) -> None:
        due = self._loop.time() + self._timeout
        try:
            async with asyncio.timeout(self._timeout):
                self._wire = await Wire.connect(self._arguments, self)
        except Exception as error:
            self._connecting = None
            self._fail(self._queue, self._whose_fault(due) if isinstance(error, TimeoutError) else error)
            self._queue.clear()
            return
        self._connecting = None
        self._flush()

    # -- hearing

    def heard(self) -> None:
        """Replies have come, so there is room for more."""
        if self._queue and not self._is_scheduled:
            self._flush()

    def refused(self, call: Call, error: Exception) -> None:
        """The reply to a single command is an error; that a key holds something else than text is none."""
        if is_foreign(error):
            for waiter in call.waiters():
                waiter.set_result(error)
        else:
            self._fail([call], error)

    def lost(self, wire: Wire, error: Exception | None) -> None:
        """The connection is gone, or no longer trusted: send what was under way on a new one, once."""
        wire.abort()
        if wire is not self._wire:
            return
        self._wire = None
        now = self._loop.time()
        again: list[Call] = []
        for call in wire.waiting:
            if call.until <= now:
                self._fail([call], error if isinstance(error, NoTurnError) else TimeoutError())
            elif call.is_resent:
                self._fail([call], error or ConnectionResetError("the server closed the connection"))
            elif call.is_wanted():
                call.is_resent = True
                if call.replies is not None:
                    call.replies.clear()
                again.append(call)
        wire.waiting.clear()
        self._queue.extendleft(reversed(again))
        if self._queue:
            self._schedule()

    # -- failing

    def _watch(self) -> None:
        """The time of the oldest call is over, if it is still there."""
        late = TimeoutError() if self._timer is None else self._whose_fault(self._timer.when())
        self._timer = None
        now = self._loop.time()
        wire, queue = self._wire, self._queue
        if wire is not None and wire.waiting and wire.waiting[0].until <= now:
            self.lost(wire, late)
            wire = None
        self._expire(late if self._wire is None else NoTurnError())
        oldest = wire.waiting[0] if wire is not None and wire.waiting else queue[0] if queue else None
        if oldest is not None:
            self._timer = self._loop.call_at(oldest.until, self._watch)

    def _whose_fault(self, due: float) -> Exception:
        """The server's, unless this event loop came much too late itself: then the reply may long have been there."""
        return NoTurnError() if self._loop.time() - due > self._timeout / 5 else TimeoutError()

    def _expire(self, error: Exception) -> None:
        """Fail those in the queue whose time is over; they were never sent."""
        queue, now = self._queue, self._loop.time()
        while queue and (queue[0].until <= now or not queue[0].is_wanted()):
            self._fail([queue.popleft()], error)

    def _fail(self, calls: Iterable[Call], error: Exception) -> None:
        self._unsent.clear()
        for call in calls:
            for waiter in call.waiters():
                waiter.set_exception(failure_of(error, self._settings))

    async def aclose(self, why: str) -> None:
        """End the calls under way with `ClosedError` and close the connection."""
        connecting, wire = self._connecting, self._wire
        self._wire = None
        self._fail((*(wire.waiting if wire is not None else ()), *self._queue), ClosedError(why))
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
        if wire is not None:
            wire.abort()
        if connecting is not None:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
