"""One socket to the server, for one thread at a time."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aicache_redis._settings import imported

__all__ = ["Wire"]


class Wire:
    """A socket after the handshake. One whose call failed, or that `is_quiet` denies, must not be used again."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        """`connect`: makes a connection of the library redis; it shakes hands, and its socket is taken over."""
        connection = connect()
        connection.connect()
        self._socket, connection._sock = connection._sock, None  # noqa: SLF001 there is no other way to hand it over
        self._reader: Any = imported("hiredis").Reader()
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(self._socket.fileno(), select.POLLIN)

    def send(self, packed: bytes) -> None:
        """Send commands; raises `OSError` where that fails, or takes too long."""
        self._socket.sendall(packed)

    def hear(self, count: int) -> list[Any]:
        """So many replies; raises `OSError` where there are none in time, or no more."""
        replies: list[Any] = []
        while len(replies) < count:
            reply = self._reader.gets()
            if reply is not False:  # RESP2 has no booleans: it is not yet whole
                replies.append(reply)
                continue
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(data)
        return replies

    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for: a reply, or the server's goodbye."""
        if self._reader.has_data():
            return False
        if self._poll is not None:
            return not self._poll.poll(0)
        return not select.select([self._socket.fileno()], [], [], 0)[0]

    def close(self) -> None:
        """Close the socket, whoever waits for it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._socket.close()
