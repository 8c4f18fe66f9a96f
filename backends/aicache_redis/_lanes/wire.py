"""One socket to the server, and the calls whose replies come on it, in the order in which they were sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

from aicache_redis._settings import imported

__all__ = ["Many", "Turn", "Waiter", "Wire", "waiting_of"]

_BUFFER: Final = 64 * 1024
"""How much is read at once. The answers of one piece are handed out before the next is read, so few are alive at a
time, and the processor has them at hand."""

_NOT_YET: Final = object()
_Future: Final = asyncio.Future


class Many:
    """Who waits for the replies to several commands, as a list."""

    __slots__ = ("count", "replies", "reply")

    def __init__(self, reply: asyncio.Future[list[Any]], count: int) -> None:
        self.reply = reply
        self.count = count
        self.replies: list[Any] = []


Waiter: TypeAlias = "asyncio.Future[Any] | list[asyncio.Future[Any]] | Many"
"""Who waits for the reply to one command, all those who do, or who waits for several."""


def waiting_of(waiter: Waiter) -> list[asyncio.Future[Any]]:
    """Those who still wait."""
    futures = waiter if isinstance(waiter, list) else [waiter.reply if isinstance(waiter, Many) else waiter]
    return [future for future in futures if not future.done()]


class Turn:
    """Calls of one turn of the event loop: they go out together and have the same time.

    `packed`: the bytes of each, as they were asked. `waiters`: who waits for each, but for those that were answered.
    `count`: how many replies there will be. `size`: the bytes that they take of what may be in flight. `until`: their
    deadline, by the event loop's clock.
    """

    __slots__ = ("count", "is_resent", "packed", "size", "until", "waiters")

    def __init__(self, packed: bytes, waiter: Waiter, count: int, size: int, until: float) -> None:
        self.packed: list[bytes] = [packed]
        self.waiters: deque[Waiter] = deque((waiter,))
        self.count = count
        self.size = size
        self.until = until
        self.is_resent = False

    def join(self, at: int, reply: asyncio.Future[Any]) -> None:
        """Have one more wait for the same as the call at `at`; for a turn that is not sent."""
        waiter: Any = self.waiters[at]
        if type(waiter) is list:
            waiter.append(reply)  # pyright: ignore[reportUnknownMemberType] it is what this put there
        else:
            self.waiters[at] = [waiter, reply]

    def keep_the_wanted(self) -> bool:
        """Leave out the calls that nobody waits for any more, and those that were answered; whether any are left."""
        waiters = self.waiters
        settled = [one for one in waiters if type(one) is not _Future or one.done()]  # or not one call by itself
        if not settled and len(waiters) == len(self.packed):
            return True
        unanswered = self.packed[len(self.packed) - len(waiters) :]
        self.packed = []
        self.waiters = deque()
        self.count = 0
        for packed, waiter in zip(unanswered, waiters, strict=True):
            if waiting_of(waiter):
                self.packed.append(packed)
                self.waiters.append(waiter)
                self.count += 1
                if isinstance(waiter, Many):
                    waiter.replies = []
                    self.count += waiter.count - 1
        return bool(self.packed)


class Owner(Protocol):
    """Whom a wire tells what it hears."""

    def refused(self, waiter: Waiter, error: Exception) -> None:
        """The server's reply to a single command is an error."""

    def heard(self) -> None:
        """Replies have come."""

    def lost(self, wire: Wire, error: Exception | None) -> None:
        """There will be no more."""


class Wire(asyncio.BufferedProtocol):
    """A socket after the handshake. What comes without having been asked for ends it: the order would be lost."""

    def __init__(self, writer: asyncio.StreamWriter, owner: Owner) -> None:
        self.turns: deque[Turn] = deque()
        self.count = 0
        self.size = 0
        self._writer = writer  # it would close the socket if it were collected
        self._transport = writer.transport
        self._write = self._transport.write
        self._owner = owner
        reader: Any = imported("hiredis").Reader(notEnoughData=_NOT_YET)
        self._feed, self._gets = reader.feed, reader.gets
        self._buffer = memoryview(bytearray(_BUFFER))  # asyncio reads TLS into slices of it, which must be no copies
        self._transport.set_protocol(self)

    @classmethod
    async def connect(cls, arguments: Mapping[str, Any], owner: Owner) -> Wire:
        """Have the library redis connect and shake hands, TLS and passwords included, and take its socket over."""
        kind: Any = arguments["connection_class"]
        connection = kind(**{name: value for name, value in arguments.items() if name != "connection_class"})
        try:
            await connection.connect()
        except BaseException:
            with suppress(Exception):
                await connection.disconnect(nowait=True)
            raise
        writer = connection._writer  # noqa: SLF001 the library has no other way to hand it over
        connection._reader = connection._writer = None  # noqa: SLF001
        return cls(writer, owner)

    def send(self, turns: Sequence[Turn]) -> None:
        """Send calls in one write."""
        packed: list[bytes] = []
        for turn in turns:
            self.count += turn.count
            self.size += turn.size
            packed += turn.packed
        self.turns.extend(turns)
        self._write(b"".join(packed))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 asyncio's own, and no more than a hint
        """Where the event loop puts what it reads."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Give each reply to the call that it belongs to."""
        turns = self.turns
        try:
            self._feed(self._buffer, 0, nbytes)
            replies = iter(self._gets, _NOT_YET)
            for reply in replies:
                turn = turns[0]
                waiter = turn.waiters[0]
                if type(waiter) is Many:
                    own = waiter.replies
                    own.append(reply)
                    own.extend(islice(replies, waiter.count - len(own)))
                    if len(own) < waiter.count:
                        break  # the rest has not yet come
                    reply = own
                turn.waiters.popleft()
                if type(waiter) is _Future and type(reply) is bytes:
                    if not waiter.done():  # else its caller has gone
                        waiter.set_result(reply)
                else:
                    self._answer(waiter, reply)
                if not turn.waiters:
                    turns.popleft()
                    self.count -= turn.count
                    self.size -= turn.size
        except Exception as error:  # no reply of a server's, or nobody had asked
            self._owner.lost(self, error)
            return
        self._owner.heard()

    def _answer(self, waiter: Waiter, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._owner.refused(waiter, reply)
        else:
            for future in waiting_of(waiter):
                future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Told by the event loop."""
        self._owner.lost(self, exc)

    def abort(self) -> None:
        """Close the socket at once."""
        self._transport.abort()
