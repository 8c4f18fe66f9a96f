"""What the flavours do differently to ask several nodes at once. Written by hand in both."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from aicache_redis._pool.wire import Wire
from aicache_redis._slots import Part
from aicache_redis._sync.link import Links

__all__ = ["FLAVOUR", "Turns", "pause", "to_the_end", "together"]

FLAVOUR: Final = "redis"
"""The library's module for this flavour."""

pause = time.sleep


class Turns:
    """A lock for each process: one that was held during a fork stays so in the child."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def here(self) -> threading.Lock:
        """That of this process."""
        if os.getpid() != self._pid:
            self._pid, self._lock = os.getpid(), threading.Lock()
        return self._lock


def to_the_end(replies: list[Any]) -> list[Any]:
    """They are here: nobody can cancel a thread."""
    return replies


def together(asked: Iterable[tuple[Links, Part]], *, is_read: bool) -> list[list[Any] | Exception]:  # noqa: ARG001 the async flavour has a lane for each
    """Ask all nodes at once; returns the replies of each, or how it failed."""
    parts = list(asked)
    if len(parts) == 1:
        return [_asked(*parts[0])]
    # All take their sockets in one order: so no two threads have what the other waits for.
    wires: dict[int, Wire] = {}
    said: dict[int, list[Any] | Exception] = {}
    try:
        for at in sorted(range(len(parts)), key=lambda number: parts[number][1].address):
            links, part = parts[at]
            begun = links.begin(part.packed)
            if isinstance(begun, Wire):
                wires[at] = begun
            elif begun is not None:
                said[at] = begun
        for at in list(wires):
            links, part = parts[at]
            said[at] = links.end(wires.pop(at), part.packed, part.count)
        return [said[at] if at in said else _asked(*both) for at, both in enumerate(parts)]
    finally:
        for at, wire in wires.items():  # of those that were not heard
            parts[at][0].give_up(wire)


def _asked(links: Links, part: Part) -> list[Any] | Exception:
    try:
        return links.sent(part.packed, part.count)
    except Exception as error:
        return error
