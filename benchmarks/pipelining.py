"""The floor of the Redis benches: one bare socket that sends what was asked for in one turn of the loop in one write.

No deadline, no reconnecting, no checks: what any asyncio client that shares a connection could hardly do in less.
"""

from __future__ import annotations

import asyncio
from collections import deque
from urllib.parse import urlsplit

import hiredis

__all__ = ["Pipelining"]


class Pipelining(asyncio.Protocol):
    """`execute` sends a command and returns the reply to come."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._unsent: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None

    @classmethod
    async def to(cls, url: str) -> Pipelining:
        """Connect."""
        place = urlsplit(url)
        _, protocol = await asyncio.get_running_loop().create_connection(cls, place.hostname, place.port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def execute(self, *command: str | bytes | int) -> asyncio.Future[object]:
        """The reply to come; what is asked for while replies are awaited goes out together at the next turn."""
        reply = self._loop.create_future()
        packed = hiredis.pack_command(command)
        if self._waiting:
            if not self._unsent:
                self._loop.call_soon(self._send)
            self._unsent.append(packed)
        else:
            self.transport.write(packed)  # a lone caller waits for nobody
        self._waiting.append(reply)
        return reply

    def _send(self) -> None:
        self.transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self._waiting and (reply := self._reader.gets()) is not False:
            self._waiting.popleft().set_result(reply)
