"""One deadline for all that a thread waits for in a call: connecting, sending and each piece of the reply.

A socket's own timeout starts anew with every piece that arrives, so a server that drips could hold a thread for ever.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

__all__ = ["Deadline", "timed"]


class Deadline(threading.local):
    """When the call that this thread is in has to end."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self, seconds: float) -> None:
        """Start a call of `seconds` at most."""
        self._until = monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Leave the call at least so long from now."""
        self._until = max(self._until, monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether the call is late."""
        return monotonic() >= self._until

    def left(self) -> float:
        """The seconds that are left; raises `TimeoutError` where there are none."""
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return left


class _TimedSocket:
    """A socket that waits no longer than the deadline of the thread that uses it."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline
        self._timeout: float | None = None  # what the library wants
        self._set = -1.0  # what the socket was told
        for name in dir(inner):  # rather than __getattr__, which each look for TLS would go through in vain
            if not name.startswith("_") and not hasattr(self, name):
                setattr(self, name, getattr(inner, name))

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def recv_into(self, *arguments: Any) -> int:
        self._limit()
        count: int = self._inner.recv_into(*arguments)
        return count

    def recv(self, *arguments: Any) -> bytes:
        self._limit()
        data: bytes = self._inner.recv(*arguments)
        return data

    def sendall(self, *arguments: Any) -> None:
        self._limit()
        self._inner.sendall(*arguments)

    def _limit(self) -> None:
        limit = self._timeout
        if limit != 0:  # 0 is a look at what is there, without waiting
            left = self._deadline.left()
            limit = left if limit is None else min(left, limit)
        if not 0.9 * self._set <= limit <= self._set:  # telling it is a system call, and a tenth is near enough
            self._inner.settimeout(limit)
            self._set = limit


def timed(kind: Any, deadline: Deadline) -> Any:
    """`kind`, a class of connections of the library redis, with sockets that keep `deadline`."""

    def connect(self: Any) -> _TimedSocket:
        self.socket_connect_timeout = self.socket_timeout = deadline.left()
        return _TimedSocket(kind._connect(self), deadline)  # noqa: SLF001 the library's place for other sockets

    return type(kind.__name__, (kind,), {"_connect": connect})
