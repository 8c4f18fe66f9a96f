"""Wakes those who wait for what another process loads, when the feed says that it is there."""

from __future__ import annotations

import asyncio  # async-only

# sync: import threading
from collections.abc import Iterable
from contextlib import suppress

__all__ = ["Wakes"]


class Wakes:
    """Who waits, by key; in any event loop. A wake that comes before the wait is missed: so nobody waits long."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[asyncio.Event, asyncio.AbstractEventLoop]] = {}  # async-only
        # sync: self._waiting: dict[str, dict[threading.Event, None]] = {}

    async def wait(self, keys: Iterable[str], seconds: float) -> None:
        """Return when one of the keys is there, or after so many seconds."""
        event, here = asyncio.Event(), asyncio.get_running_loop()  # async-only
        # sync: event, here = threading.Event(), None
        wanted = list(keys)
        for key in wanted:
            self._waiting.setdefault(key, {})[event] = here
        try:
            # async-only: begin
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
            # async-only: end
            # sync: event.wait(seconds)
        finally:
            for key in wanted:
                others = self._waiting.get(key, {})
                others.pop(event, None)
                if not others:
                    self._waiting.pop(key, None)

    def wake(self, keys: Iterable[str]) -> None:
        """These are there, or nobody loads them any more."""
        for key in keys:
            # async-only: begin
            for event, loop in list(self._waiting.get(key, {}).items()):
                with suppress(RuntimeError):  # its loop has ended
                    loop.call_soon_threadsafe(event.set)
            # async-only: end
            # sync: for event in list(self._waiting.get(key, {})):
            # sync:     event.set()
