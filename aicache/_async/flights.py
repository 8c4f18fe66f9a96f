"""Single flight: one load of a key at a time, however many callers want it. Written by hand in both flavours.

The load runs in a task of its own, so no caller's cancellation can harm another; each caller waits on a future of its
own. When the last of them has left, the load is cancelled. A factory that waits, directly or through other loads, for
the load it is part of would wait for ever: who waits for whom is known, so that is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

from aicache._kernel.counters import Counters
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache.errors import LoadCancelledError, ReentrantLoadError
from aicache.options import Policy

__all__ = ["Flight", "Flights", "current", "outer_flight"]

current: ContextVar[Flight | None] = ContextVar("aicache_flight", default=None)


class Flight:
    """One load of one key or more, with the futures of those who wait for it."""

    __slots__ = ("completes", "landed", "offered", "passes", "task", "timers", "waiters", "waiting", "waits_for")

    def __init__(self, keys: Sequence[str]) -> None:
        self.waiters: dict[str, dict[asyncio.Future[Item | None], None]] = {key: {} for key in keys}  # in order
        self.waiting = 0
        self.passes: Mapping[str, Pass] = {}
        self.waits_for: list[Flight] = []
        self.task: asyncio.Task[None] | None = None
        self.landed = False
        self.completes = False
        self.offered: dict[str, Item] = {}
        self.timers: list[asyncio.TimerHandle] = []

    def offer(self, key: str, item: Item, after: float, held: Pass) -> None:
        """Give a stale value to who still waits after so many seconds, while its pass holds; the load goes on."""
        if after > 0:
            loop = asyncio.get_running_loop()
            self.timers.append(loop.call_later(after, self.offer, key, item, 0, held))
        elif held.holds:
            self.completes = True
            self.offered[key] = item
            for future in self.waiters[key]:
                if not future.done():
                    future.set_result(item)

    def fall_back(self, key: str, item: Item, held: Pass) -> None:
        """Nothing: here a load that is late ends by itself."""

    def may_be_joined(self, key: str) -> bool:
        """False once the key was written or invalidated: who asks now must not get what was loaded before."""
        granted = self.passes.get(key)
        return not self.landed and (granted is None or granted.holds)

    def reaches(self, other: Flight) -> bool:
        """Whether this load waits for `other`, through any number of loads."""
        return self is other or any(flight.reaches(other) for flight in self.waits_for)

    def board(self, key: str, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Item | None]:
        """What one more caller waits on; each must `leave`."""
        future: asyncio.Future[Item | None] = loop.create_future()
        self.waiters[key][future] = None
        self.waiting += 1
        if key in self.offered:
            future.set_result(self.offered[key])
        return future

    def leave(self, key: str, future: asyncio.Future[Item | None]) -> None:
        """One caller waits no longer; nobody left means that nobody wants the answer."""
        if not future.done():
            future.cancel()
        elif not future.cancelled():
            future.exception()  # seen: nobody else will look
        if self.landed:
            return
        del self.waiters[key][future]
        self.waiting -= 1
        if not (self.waiting or self.completes) and self.task is not None:
            self.landed = True  # whoever asks from now on starts afresh
            self.task.cancel()


Load = Callable[[Flight, list[str]], Coroutine[Any, Any, dict[str, Item]]]


def outer_flight() -> Flight | None:
    """The load that this code is a part of."""
    flight = current.get()
    return None if flight is None or flight.landed else flight


class Flights:
    """The loads under way, by event loop and key."""

    def __init__(self, counters: Counters) -> None:
        self.closed = False
        self._counters = counters
        self._table: dict[tuple[asyncio.AbstractEventLoop, str], Flight] = {}

    async def run(
        self, key: str, policy: Policy, load: Callable[..., Coroutine[Any, Any, dict[str, Item]]], *arguments: Any
    ) -> tuple[Item | None, bool]:
        """The key's item (None: the load did not bring it), and whether it came from a load that was under way already.

        `load` is called with the arguments, a flight and the key in a list, if nobody is loading it. Raises what it
        raised.
        """
        loop = asyncio.get_running_loop()
        outer = outer_flight()
        flight = self._to_join(loop, key, outer)
        joins = flight is not None
        if flight is None:
            flight = self._start(loop, [key], partial(load, *arguments))
            flight.completes = policy.abandoned == "complete"
        else:
            self._counters.joins += 1
            if self._counters.events is not None:
                self._counters.events.tell("join", key)
        future = flight.board(key, loop)
        if outer is not None:
            outer.waits_for.append(flight)
        try:
            return await future, joins
        finally:
            flight.leave(key, future)
            if outer is not None:
                outer.waits_for.remove(flight)
            del future  # what it raised has this frame: a circle

    async def run_many(self, keys: Sequence[str], policy: Policy, load: Load) -> dict[str, tuple[Item | None, bool]]:
        """The same for several; `load` is called with a flight and the keys that nobody is loading, if there are
        any.
        """
        loop = asyncio.get_running_loop()
        outer = outer_flight()
        joined = {key: flight for key in keys if (flight := self._to_join(loop, key, outer)) is not None}
        self._counters.joins += len(joined)
        if self._counters.events is not None:
            self._counters.events.tell_of("join", list(joined))
        boarded = dict(joined)
        mine = [key for key in keys if key not in joined]
        if mine:
            flight = self._start(loop, mine, load)
            flight.completes = policy.abandoned == "complete"
            boarded.update(dict.fromkeys(mine, flight))
        waiting = {key: boarded[key].board(key, loop) for key in keys}
        if outer is not None:
            outer.waits_for.extend(boarded.values())
        try:
            return {key: (await waiting[key], key in joined) for key in keys}
        finally:
            for key, future in waiting.items():
                boarded[key].leave(key, future)
            if outer is not None:
                for flight in boarded.values():
                    outer.waits_for.remove(flight)

    def _to_join(self, loop: asyncio.AbstractEventLoop, key: str, outer: Flight | None) -> Flight | None:
        """The load of the key that is under way; raises where the load that asks is a part of it."""
        flight = self._table.get((loop, key))
        if flight is None or not flight.may_be_joined(key):
            return None
        if outer is not None and flight.reaches(outer):
            raise ReentrantLoadError(
                f"the factory that loads {key!r} waits for {key!r} itself; call the inner function directly"
            )
        return flight

    def start(self, key: str, load: Load) -> bool:
        """Load in the background, unless that is under way; say whether it was begun."""
        loop = asyncio.get_running_loop()
        flight = self._table.get((loop, key))
        if flight is not None and flight.may_be_joined(key):
            return False
        self._start(loop, [key], load).completes = True
        return True

    def _start(self, loop: asyncio.AbstractEventLoop, keys: list[str], load: Load) -> Flight:
        flight = Flight(keys)
        for key in keys:
            self._table[loop, key] = flight
        context = copy_context()
        context.run(current.set, flight)
        ended = partial(self._ended, flight, loop)
        flight.task = loop.create_task(self._fly(flight, loop, keys, load, ended), context=context)
        flight.task.add_done_callback(ended)
        return flight

    async def _fly(
        self,
        flight: Flight,
        loop: asyncio.AbstractEventLoop,
        keys: list[str],
        load: Load,
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        try:
            items = await load(flight, keys)
        except Exception as error:
            self._land(flight, loop, {}, error)
        else:
            self._land(flight, loop, items, None)  # here and not when the task is done, a turn of the loop later
        task: Any = asyncio.current_task(loop)  # not before: what cancels it has this frame
        task.remove_done_callback(ended)

    def _ended(self, flight: Flight, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
        """It was cancelled, perhaps before it began, or this process is asked to end."""
        cancelled = LoadCancelledError("the load was cancelled")
        self._land(flight, loop, {}, cancelled if task.cancelled() else task.exception())

    def _land(
        self,
        flight: Flight,
        loop: asyncio.AbstractEventLoop,
        items: Mapping[str, Item],
        error: BaseException | None,
    ) -> None:
        flight.landed = True
        flight.task = None  # its context has this flight: a circle, which only the collector would find
        for timer in flight.timers:
            timer.cancel()
        waiters, flight.waiters = flight.waiters, {}  # what they are told of has a frame that has the flight
        for key, waiting in waiters.items():
            if self._table.get((loop, key)) is flight:
                del self._table[loop, key]
            item = items.get(key)
            for future in waiting:
                if future.done():
                    continue
                if error is None:
                    future.set_result(item)
                else:
                    future.set_exception(error)

    async def aclose(self) -> None:
        """Cancel what is under way on this event loop and wait for it to end."""
        self.closed = True
        loop = asyncio.get_running_loop()
        tasks = {flight.task for (owner, _), flight in self._table.items() if owner is loop and flight.task is not None}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
