"""Runs one thing again and again beside its callers. Written by hand in both flavours: here in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

__all__ = ["Beside"]

_PATIENCE = 1.0  # seconds that closing waits for it


class Beside:
    """`step` is awaited again and again; it returns how many seconds to wait before the next time, None to end.
    `ended` is called when it has ended, whatever ended it: its loop, too. `first`: seconds before the first time.
    """

    def __init__(
        self, step: Callable[[], Awaitable[float | None]], ended: Callable[[], None], first: float = 0.0
    ) -> None:
        self._step = step
        self._ended = ended
        self._first = first
        self._task: asyncio.Task[None] | None = None
        self._stepped: asyncio.Event | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs in a loop that is not closed."""
        return self._task is not None and not (self._task.done() or self._task.get_loop().is_closed())

    def start(self) -> None:
        """Run in the loop of the caller."""
        self._stepped = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(self._stepped))

    async def first(self, seconds: float) -> None:
        """Wait for its first step to end, for so many seconds at most."""
        if self._stepped is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stepped.wait()

    async def _run(self, stepped: asyncio.Event) -> None:
        try:
            pause: float | None = self._first
            while pause is not None:
                await asyncio.sleep(pause)
                pause = await self._step()
                stepped.set()
        finally:
            stepped.set()
            self._ended()

    async def aclose(self) -> None:
        """End it, and wait a little for that."""
        task, self._task = self._task, None
        if task is None or task.done() or task.get_loop().is_closed():
            return
        if task.get_loop() is not asyncio.get_running_loop():
            task.get_loop().call_soon_threadsafe(task.cancel)
            return
        task.cancel()
        await asyncio.wait([task], timeout=_PATIENCE)
