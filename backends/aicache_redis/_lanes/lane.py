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
from typing import Any, Final

from aicache.errors import ClosedError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command, Look, is_foreign
from aicache_redis._lanes.wire import Many, Turn, Waiter, Wire, waiting_of
from aicache_redis._settings import NEARLY_ALL, NoTurnError, Settings, failure_of, imported, is_own_delay

__all__ = ["Lane"]

_COMMANDS: Final = MOST_COMMANDS // 4
_BYTES: Final = MOST_BYTES // 4
"""How much goes together, unless a single call is more: when the first part of what is under way has been answered,
the next can go, and the server does not run dry."""


class Lane:
    """The calls of one event loop that share a socket. It connects when it is used and there is no connection.

    `before`: a lane whose calls are to be answered before the first of this one is sent.
    """

    def __init__(
        self,
        settings: Settings,
        arguments: Mapping[str, Any],
        loop: asyncio.AbstractEventLoop,
        before: Lane | None = None,
    ) -> None:
        self._settings = settings
        self._timeout = settings.timeout
        self._arguments = arguments
        self._loop = loop
        self._future = loop.create_future
        self._time = loop.time
        self._pack: Any = imported("hiredis").pack_command
        self._queue: deque[Turn] = deque()
        self._open: Turn | None = None  # the last in the queue, while calls may still go with it
        self._looks: dict[bytes, tuple[Turn, int]] = {}  # where those reads of this turn are that others may join
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_scheduled = False
        self._before: asyncio.Future[Any] | None = None
        if before is not None:
            self._before = before.ask(("ECHO", ""))  # its reply comes after all of theirs
            self._before.add_done_callback(_heard)

    @property
    def is_busy(self) -> bool:
        """Whether anything is queued or under way."""
        return bool(self._queue or (self._wire is not None and self._wire.turns))

    @property
    def size(self) -> int:
        """The bytes of values that are queued or under way."""
        return sum([turn.size for turn in self._queue]) + (0 if self._wire is None else self._wire.size)

    def look(self, look: Look, name: bytes) -> asyncio.Future[Any]:
        """The reply to come to what reads a value; asked for again before it is sent, it is asked for once, as long as
        the first has nearly all of its time.
        """
        reply = self._future()
        packed = look.packed(name)
        place = self._looks.get(packed)
        if place is not None:
            turn, at = place
            if turn.until - self._time() > NEARLY_ALL * self._timeout:
                turn.join(at, reply)
                return reply
            self._shut()
        queued = self._add(packed, reply, 1, 0)
        if queued is not None:
            self._looks[packed] = queued, len(queued.packed) - 1
        return reply

    def ask(self, command: Command, size: int = 0) -> asyncio.Future[Any]:
        """The reply to come."""
        reply = self._future()
        self._add(self._pack(command), reply, 1, size)
        return reply

    def look_many(self, look: Look, names: Sequence[bytes]) -> asyncio.Future[list[Any]]:
        """The replies to come, in order, to what reads several values."""
        return self.ask_packed(b"".join(map(look.packed, names)), len(names), 0)

    def ask_all(self, commands: Sequence[Command], size: int) -> asyncio.Future[list[Any]]:
        """The replies to come, in order."""
        return self.ask_packed(b"".join(map(self._pack, commands)), len(commands), size)

    def ask_packed(self, packed: bytes, count: int, size: int) -> asyncio.Future[list[Any]]:
        """The same for commands as they are on the wire."""
        reply = self._future()
        self._add(packed, Many(reply, count), count, size)
        return reply

    def _add(self, packed: bytes, waiter: Waiter, count: int, size: int) -> Turn | None:
        """Send a call, or have it sent with others: with which."""
        turn = self._open
        if turn is not None and turn.count + count <= _COMMANDS and turn.size + size <= _BYTES:
            turn.packed.append(packed)
            turn.waiters.append(waiter)
            turn.count += count
            turn.size += size
            return turn
        turn = Turn(packed, waiter, count, size, self._time() + self._timeout)
        if self._timer is None:
            self._timer = self._loop.call_at(turn.until, self._watch)
        wire = self._wire
        if wire is not None and not wire.turns and not self._queue:
            wire.send((turn,))
            return None
        self._queue.append(turn)
        self._open = turn
        self._schedule()
        return turn

    # -- sending

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_scheduled = False
        self._shut()
        wire, queue = self._wire, self._queue
        if wire is None:
            if queue and self._connecting is None:
                self._connecting = self._loop.create_task(self._connect())
            return
        self._expire(NoTurnError())
        batch: list[Turn] = []
        count, size = wire.count, wire.size
        while queue:
            turn = queue[0]
            if (count + turn.count > MOST_COMMANDS or size + turn.size > MOST_BYTES) and (batch or wire.turns):
                break  # the rest when replies have come
            queue.popleft()
            if turn.keep_the_wanted():  # the others were cancelled in the queue
                batch.append(turn)
                count += turn.count
                size += turn.size
        if batch:
            wire.send(batch)

    def _shut(self) -> None:
        """Let no more calls go with what is in the queue."""
        self._open = None
        self._looks.clear()

    async def _connect(self) -> None:
        due = self._loop.time() + self._timeout
        try:
            async with asyncio.timeout(self._timeout):
                if self._before is not None:
                    await asyncio.wait([self._before])
                    self._before = None
                self._wire = await Wire.connect(self._arguments, self)
        except Exception as error:
            self._connecting = None
            self._fail(self._queue, self._whose_fault(due) if isinstance(error, TimeoutError) else error)
            self._queue.clear()
            self._shut()
            return
        self._connecting = None
        self._flush()

    # -- hearing

    def heard(self) -> None:
        """Replies have come, so there is room for more."""
        if self._queue and not self._is_scheduled:
            self._flush()

    def refused(self, waiter: Waiter, error: Exception) -> None:
        """The reply to a single command is an error; that a key holds something else than text is none."""
        for future in waiting_of(waiter):
            if is_foreign(error):
                future.set_result(error)
            else:
                future.set_exception(failure_of(error, self._settings))

    def lost(self, wire: Wire, error: Exception | None) -> None:
        """The connection is gone, or no longer trusted: send what was under way on a new one, once."""
        wire.abort()
        if wire is not self._wire:
            return
        self._wire = None
        now = self._loop.time()
        again: list[Turn] = []
        for turn in wire.turns:
            if turn.until <= now:
                self._fail([turn], error if isinstance(error, NoTurnError) else TimeoutError())
            elif turn.is_resent:
                self._fail([turn], error or ConnectionResetError("the server closed the connection"))
            elif turn.keep_the_wanted():
                turn.is_resent = True
                again.append(turn)
        wire.turns.clear()
        self._queue.extendleft(reversed(again))
        if self._queue:
            self._schedule()

    def renew(self) -> None:
        """Leave the connection for a new one."""
        if self._wire is not None:
            self.lost(self._wire, None)

    # -- failing

    def _watch(self) -> None:
        """The time of the oldest call is over, if it is still there."""
        late = TimeoutError() if self._timer is None else self._whose_fault(self._timer.when())
        self._timer = None
        now = self._loop.time()
        wire, queue = self._wire, self._queue
        if wire is not None and wire.turns and wire.turns[0].until <= now:
            self.lost(wire, late)
            wire = None
        self._expire(late if self._wire is None else NoTurnError())
        oldest = wire.turns[0] if wire is not None and wire.turns else queue[0] if queue else None
        if oldest is not None:
            self._timer = self._loop.call_at(oldest.until, self._watch)

    def _whose_fault(self, due: float) -> Exception:
        """The server's, or this event loop's own."""
        return NoTurnError() if is_own_delay(self._loop.time() - due, self._timeout) else TimeoutError()

    def _expire(self, error: Exception) -> None:
        """Fail those in the queue whose time is over; they were never sent."""
        queue, now = self._queue, self._loop.time()
        while queue and queue[0].until <= now:
            self._fail([queue.popleft()], error)
            self._shut()

    def _fail(self, turns: Iterable[Turn], error: Exception) -> None:
        for turn in turns:
            for waiter in turn.waiters:
                for future in waiting_of(waiter):
                    future.set_exception(failure_of(error, self._settings))

    async def aclose(self, why: str) -> None:
        """End the calls under way with `ClosedError` and close the connection."""
        connecting, wire = self._connecting, self._wire
        self._wire = None
        self._fail((*(wire.turns if wire is not None else ()), *self._queue), ClosedError(why))
        self._queue.clear()
        self._shut()
        if self._timer is not None:
            self._timer.cancel()
        if wire is not None:
            wire.abort()
        if connecting is not None:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)


def _heard(reply: asyncio.Future[Any]) -> None:
    """What came of it does not matter, only that it has."""
    if not reply.cancelled():
        reply.exception()
