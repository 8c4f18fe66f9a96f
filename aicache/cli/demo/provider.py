"""The simulated provider: it answers with the trace's sizes, after the trace's seconds of virtual time."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush

from aicache.cli.demo.answers import answer
from aicache.cli.demo.clock import VirtualClock
from aicache.cli.demo.trace import Trace

__all__ = ["Call", "Provider", "ProviderClosedError"]


class ProviderClosedError(Exception):
    """The replay ended while this call was under way."""


class Call:
    """One call under way. `began`, `ends`: seconds of virtual time. `callers`: the requests that wait for it."""

    __slots__ = ("answered", "began", "callers", "ends", "number")

    def __init__(self, number: int, began: float, ends: float) -> None:
        self.number = number
        self.began = began
        self.ends = ends
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.callers: list[asyncio.Task[float]] = []

    def __lt__(self, other: Call) -> bool:
        return self.ends < other.ends


class Provider:
    """Answers whatever it is asked, each call as long as the trace says; the replay says when that time has come."""

    def __init__(self, trace: Trace, clock: VirtualClock) -> None:
        self._trace = trace
        self._clock = clock
        self._due: list[Call] = []
        self._under_way: dict[int, Call] = {}
        self._closed = False
        self.calls: list[int] = []

    async def answer(self, number: int, begun: asyncio.Future[Call | None]) -> object:
        """The answer that is object `number`; tells `begun` of the call as soon as it is under way.

        Raises `ProviderClosedError` where the replay ends first.
        """
        if self._closed:
            raise ProviderClosedError
        row = self._trace.row(number)
        call = Call(number, self._clock.now, self._clock.now + row.seconds)
        heappush(self._due, call)
        self._under_way[number] = call
        self.calls.append(number)
        if not begun.done():
            begun.set_result(call)
        await call.answered
        return answer(number, row.size)

    def under_way(self, number: int) -> Call | None:
        """The call for object `number` that has not ended yet."""
        return self._under_way.get(number)

    def end_next(self, until: float) -> Call | None:
        """Let the call that ends first end, and the clock go on to that moment; None where none ends by `until`."""
        if not self._due or self._due[0].ends > until:
            return None
        call = heappop(self._due)
        if self._under_way.get(call.number) is call:
            del self._under_way[call.number]
        self._clock.now = call.ends
        call.answered.set_result(None)
        return call

    def close(self) -> None:
        """Let every call that is under way fail, and every later one."""
        self._closed = True
        for call in self._due:
            call.answered.set_exception(ProviderClosedError())
        self._due.clear()
        self._under_way.clear()
