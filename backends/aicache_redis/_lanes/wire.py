"""One socket to the server, and the calls whose replies come on it, in the order in which they were sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from aicache_redis._settings import imported

__all__ = ["Call", "Wire"]

_NOBODY: Final[list[Any]] = []


class Call:
    """Commands that go out together, and what waits for their replies.

    `packed`: their bytes. `count`: how many replies there will be. `size`: the bytes that this call takes of what may
    be in flight. `until`: its deadline, by the event loop's clock. `reply`: resolved with the one reply, or the list
    of them where `replies` is one. `others`: who asked for the same before it was sent.
    """

    __slots__ = ("count", "is_resent", "others", "packed", "replies", "reply", "size", "until")

    def __init__(
        self, packed: bytes, count: int, size: int, until: float, reply: asyncio.Future[Any], replies: list[Any] | None
    ) -> None:
        self.packed = packed
        self.count = count
        self.size = size
        self.until = until
        self.reply = reply
        self.replies = replies
        self.is_resent = False
        self.others: list[asyncio.Future[Any]] = _NOBODY

    def join(self, reply: asyncio.Future[Any]) -> None:
        """Have one more wait for the same."""
        self.others = [*self.others, reply]

    def is_wanted(self) -> bool:
        """Whether anybody still waits."""
        return not self.reply.done() or bool(self.waiters())

    def waiters(self) -> list[asyncio.Future[Any]]:
        """Those who still wait."""
        return [reply for reply in (self.reply, *self.others) if not reply.done()]


class Owner(Protocol):
    """Whom a wire tells what it hears."""

    def refused(self, call: Call, error: Exception) -> None:
        """The server's reply is an error."""

    def heard(self) -> None:
        """Replies have come."""

    def lost(self, wire: Wire, error: Exception | None) -> None:
        """There will be no more."""


class Wire(asyncio.Protocol):
    """A socket after the handshake. What comes without having been asked for ends it: the order would be lost."""

    def __init__(self, writer: asyncio.StreamWriter, owner: Owner) -> None:
        self.waiting: deque[Call] = deque()
        self.count = 0
        self.size = 0
        self._writer = writer  # it would close the socket if it were collected
        self._transport = writer.transport
        self._owner = owner
        self._reader: Any = imported("hiredis").Reader()
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

    def send(self, calls: Sequence[Call]) -> None:
        """Send calls in one write."""
        for call in calls:
            self.count += call.count
            self.size += call.size
        self.waiting.extend(calls)
        self._transport.write(calls[0].packed if len(calls) == 1 else b"".join([call.packed for call in calls]))

    def data_received(self, data: bytes) -> None:
        """Give each reply to the call that it belongs to."""
        waiting, gets = self.waiting, self._reader.gets
        try:
            self._reader.feed(data)
            while (reply := gets()) is not False:  # RESP2 has no booleans: it is not yet whole
                call = waiting[0]
                if call.replies is not None:
                    call.replies.append(reply)
                    if len(call.replies) < call.count:
                        continue
                    reply = call.replies
                waiting.popleft()
                self.count -= call.count
                self.size -= call.size
                if isinstance(reply, Exception):
                    self._owner.refused(call, reply)
                elif call.others:
                    for waiter in call.waiters():
                        waiter.set_result(reply)
                elif not call.reply.done():  # else its caller has gone
                    call.reply.set_result(reply)
        except Exception as error:  # no reply of a server's, or nobody had asked
            self._owner.lost(self, error)
            return
        self._owner.heard()

    def connection_lost(self, exc: Exception | None) -> None:
        """Told by the event loop."""
        self._owner.lost(self, exc)

    def abort(self) -> None:
        """Close the socket at once."""
        self._transport.abort()
