"""The sockets that threads share. The last one given back is the first taken, so few are used where few are needed."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from aicache.errors import BackendBusyError
from aicache_redis._pool.deadline import Deadline
from aicache_redis._pool.wire import Wire

__all__ = ["Pool"]

_inherited: Final[list[object]] = []  # wires of the process we were forked from: its sockets are not ours to close


class Pool:
    """`most` wires at most. `connect`: makes one. `deadline`: bounds what a thread waits for, to `timeout` seconds."""

    def __init__(self, connect: Callable[[], Any], most: int, deadline: Deadline, timeout: float) -> None:
        self._connect = connect
        self._most = most
        self._deadline = deadline
        self._timeout = timeout
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._idle: deque[Wire] = deque()
        self._used: set[Wire] = set()
        self._count = 0
        self._waiting = 0
        self._freed = threading.Condition()

    def take(self) -> Wire:
        """A wire for this thread alone, to be given back or dropped; raises `BackendBusyError` where all are in use all
        the time, and `OSError`, or what the library does, where none can be made.
        """
        if os.getpid() != self._pid:
            _inherited.append((self._idle, self._used))
            self._start()
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                found = self._free_place()
                wire = self._connected() if found is None else found
                if found is None:
                    return wire
            self._used.add(wire)
            if wire.is_quiet():
                return wire
            self.drop(wire)

    def give(self, wire: Wire) -> None:
        """It may be used by others."""
        self._used.discard(wire)
        self._idle.append(wire)
        if self._waiting:
            with self._freed:
                self._freed.notify()

    def drop(self, wire: Wire) -> None:
        """It is of no use any more."""
        wire.close()
        self._used.discard(wire)
        with self._freed:
            self._count -= 1
            self._freed.notify()

    def close(self) -> None:
        """Close every wire; whoever waits for a reply on one gets an `OSError`."""
        for wire in list(self._used):
            wire.close()
        while self._idle:
            self.drop(self._idle.pop())

    def _free_place(self) -> Wire | None:
        """An idle wire, or None, and then there is a place for a new one."""
        with self._freed:
            self._waiting += 1  # before the look at what is idle, as `give` looks at it after
            try:
                while True:
                    if self._idle:
                        return self._idle.pop()
                    if self._count < self._most:
                        self._count += 1
                        return None
                    self._freed.wait(self._deadline.left())
            except TimeoutError as error:
                raise BackendBusyError(
                    f"no connection was free within {self._timeout:g} s: all {self._most} were in use; "
                    "raise max_connections, or have fewer threads"
                ) from error
            finally:
                self._waiting -= 1

    def _connected(self) -> Wire:
        try:
            wire = Wire(self._connect)
        except BaseException:
            with self._freed:
                self._count -= 1
                self._freed.notify()
            raise
        self._used.add(wire)
        return wire
