"""Workers that use a cache all the time, and judge every answer by what they wrote."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Self

from under_fault.rows import Figures
from under_fault.subjects import Subject

__all__ = ["Load", "Stolen"]


class Stolen:
    """Time in which this thread was ready to run and did not get a processor: the machine's doing, and nobody's fault.

    A tick every 5 ms; where one is late, what the thread did not spend computing was stolen from it.
    """

    def __init__(self) -> None:
        self._gaps: list[tuple[float, float]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _tick(self) -> None:
        while True:
            began, computed = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.005)
            late = time.monotonic() - began - 0.005 - (time.thread_time() - computed)
            if late > 0.005:
                self._gaps.append((time.monotonic(), late))

    def between(self, start: float, end: float) -> float:
        """How much was stolen in that time."""
        return sum(late for at, late in self._gaps if start <= at <= end + 0.02)


class Load:
    """Workers of one subject. Each has a key of its own, which it alone writes and all read.

    An answer is wrong where it is another key's, or older than what its worker knew to be stored before it was asked
    for. What a failed write leaves is anybody's guess where the caller was told of it.
    """

    def __init__(self, subject: Subject, workers: int = 50, pause: float = 0.005) -> None:
        self._subject = subject
        self._workers = workers
        self._pause = pause
        self._stored = [0] * workers
        self._begun = [0] * workers
        self._stop = False
        self._tasks: list[asyncio.Task[None]] = []
        self.operations = 0
        self.wrong = 0
        self.errors: dict[str, int] = {}
        self.slowest: list[tuple[float, float, float]] = []  # seconds, start, end; the few that are over 0.1 s
        self.longest = 0.0
        self.hits: list[list[float]] = [[] for _ in range(workers)]
        self.stolen = Stolen()

    async def __aenter__(self) -> Self:
        await self.stolen.__aenter__()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(self._workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        _, hung = await asyncio.wait(self._tasks, timeout=70)  # the slowest of the peers takes a minute for a call
        for task in hung:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stolen.__aexit__()

    async def _work(self, number: int) -> None:
        turn = 0
        while not self._stop:
            turn += 1
            await self._write(number)
            await self._read(number, number)
            await self._read(number, (number + turn) % self._workers)
            await asyncio.sleep(self._pause)

    async def _write(self, number: int) -> None:
        version = self._begun[number] = self._begun[number] + 1
        if await self._timed(self._subject.set(f"key-{number}", {"key": number, "version": version})) is not _FAILED:
            self._stored[number] = version

    async def _read(self, worker: int, number: int) -> None:
        known = self._stored[number]
        said = await self._timed(self._subject.get(f"key-{number}"))
        if said is None or said is _FAILED:
            return
        if said["key"] != number or not known <= said["version"] <= self._begun[number]:
            self.wrong += 1
        self.hits[worker].append(time.monotonic())

    async def _timed(self, call: Any) -> Any:
        start = time.monotonic()
        try:
            said = await call
            return _FAILED if said is False else said
        except Exception as error:
            self.errors[type(error).__name__] = self.errors.get(type(error).__name__, 0) + 1
            return _FAILED
        finally:
            end = time.monotonic()
            self.operations += 1
            self.longest = max(self.longest, end - start)
            if end - start > 0.1:
                self.slowest.append((end - start, start, end))

    # -- what came of it

    def first_after(self, moment: float) -> float | None:
        """Seconds until somebody got an answer from the server."""
        first = [next((at for at in hits if at > moment), None) for hits in self.hits]
        return min((at - moment for at in first if at is not None), default=None)

    def all_after(self, moment: float) -> float | None:
        """Seconds until each worker had got one; None: one of them never did."""
        first = [next((at for at in hits if at > moment), None) for hits in self.hits]
        return None if None in first else max(at - moment for at in first if at is not None)

    def figures(self) -> Figures:
        """The counts. `slowest_less_stolen`: as if the machine had been this process's own."""
        mine = max((took - self.stolen.between(start, end) for took, start, end in self.slowest), default=0.0)
        return {
            "operations": self.operations,
            "errors": sum(self.errors.values()),
            "error_kinds": dict(self.errors),
            "wrong": self.wrong,
            "slowest": round(self.longest, 3),
            "slowest_less_stolen": round(max(mine, min(self.longest, 0.1)), 3),
        }


_FAILED = object()
