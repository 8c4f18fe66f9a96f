"""Streams: the chunks of an iterator, recorded while they pass, for any number of readers. Written by hand in both
flavours.

A task of its own pulls the upstream, so no reader's cancellation or slowness harms another; each reader has a place of
its own on the tape (`aicache._kernel.recording`). When the last of them has left, the upstream is closed. What is
stored is stored once, whole, after a good end and before the readers are told of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import Any, Final

from aicache._async.chain import Chain
from aicache._async.flights import Flight, Flights, current, outer_flight
from aicache._async.front import Front
from aicache._async.loading import Loads
from aicache._async.primitives import call, is_awaitable
from aicache._async.recordings import Recordings, Wanted
from aicache._kernel.playback import Found, played
from aicache._kernel.recording import Reader, Tape, check_chunks
from aicache._kernel.throttle import Throttle
from aicache.errors import ClosedError, LoadCancelledError, LoadTimeoutError, ReentrantLoadError

__all__ = ["Running", "Stream", "Streams"]

_log: Final = logging.getLogger("aicache")
_IN_A_ROW: Final = 16  # chunks that an async upstream has at hand go to the readers together


class Stream(Flight):
    """One stream under way, with those who read it."""

    __slots__ = ("_loop", "_room", "_waiting", "found", "place", "pump", "tape")

    def __init__(self, key: str, tape: Tape, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__([key])
        self.tape = tape
        self._loop = loop
        self.place = (loop, key)
        self.pump: asyncio.Task[None] | None = None
        self.found = Found()
        self._waiting: list[asyncio.Future[None]] = []
        self._room: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.tape.ended or self.found.item is not None

    def wake(self) -> None:
        """Have each reader who waits look again."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def change(self) -> asyncio.Future[None]:
        """What a reader waits for: the next chunk, or the end."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        return future

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes."""
        self.landed = self.tape.ended = True
        self.tape.error = error
        self.pump = None  # its context has this stream: a circle, which only the collector would find
        self.wake()

    async def room(self) -> None:
        """Wait until the slowest reader is near enough."""
        while self.tape.is_full:
            self._room = self._loop.create_future()
            await self._room

    def moved(self) -> None:
        """A reader has moved on, or left."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def quit(self, reader: Reader) -> bool:
        """One reader reads no more; nobody left means that nobody wants the rest. Returns whether it was the last."""
        self.tape.leave(reader)
        self.moved()
        if self.landed or self.pump is None or self.tape.is_wanted(self.completes):
            return False
        self.landed = True  # whoever asks from now on starts afresh
        self.pump.cancel()
        return True


class Running:
    """The streams under way, by event loop and key, and all tasks that pull: an invalidated one is in no table."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.clock = clock
        self.sleep = sleep
        self.table: dict[tuple[asyncio.AbstractEventLoop, str], Stream] = {}
        self.pumps: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Cancel what is under way on this event loop and wait for it to end."""
        loop = asyncio.get_running_loop()
        pumps = [pump for pump in self.pumps if pump.get_loop() is loop]
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


class Streams:
    """The streams of one cache."""

    def __init__(
        self,
        chain: Chain,
        loads: Loads,
        flights: Flights,
        running: Running,
        throttle: Throttle,
        front: Front,
    ) -> None:
        self._chain = chain
        self._counters = chain.counters
        self._loads = loads
        self._running = running
        self._throttle = throttle
        self._recordings = Recordings(chain, loads, throttle, front)
        self.at_hand = self._recordings.at_hand
        self._flights = flights
        self._clock = running.clock
        self._sleep = running.sleep

    def check_open(self) -> None:
        """Raise where the cache is closed."""
        if self._flights.closed:
            raise ClosedError("this cache is closed; build a new one")

    async def read(self, wanted: Wanted) -> AsyncGenerator[Any, None]:
        """The chunks, found or as they come; raises what the upstream raises, where it does."""
        self.check_open()
        held = self.at_hand(wanted.key)
        tier: str | None = self._recordings.first
        if held is None:
            stream, reader, outer = self._board(wanted)
            tape = stream.tape
            try:
                while True:
                    while reader.place.next is not None:
                        chunk = tape.take(reader)
                        if tape.refused is not None:
                            stream.moved()
                        yield chunk
                    if stream.is_over:
                        break
                    await stream.change()
                if tape.error is not None:
                    raise tape.error
            finally:
                if outer is not None:
                    outer.waits_for.remove(stream)
                if stream.quit(reader) and stream.pump is not None:
                    await asyncio.wait([stream.pump])
            found = stream.found.take()
            if found is None:
                return
            item, held = found
            tier = item.tier
            if not item.is_fresh:
                self._loads.served_stale(wanted.key, item)
        if wanted.on_hit is not None and tier is not None:
            wanted.on_hit(tier)
        for early, chunk in played(held, wanted.pacing, self._clock):
            if early:
                await self._sleep(early)
            yield chunk

    def _board(self, wanted: Wanted) -> tuple[Stream, Reader, Flight | None]:
        loop, key = asyncio.get_running_loop(), wanted.key
        outer = outer_flight()
        stream = self._running.table.get((loop, key))
        if stream is None or not (stream.may_be_joined(key) and stream.tape.is_whole):
            stream = self._start(loop, wanted)
        elif outer is not None and stream.reaches(outer):
            raise ReentrantLoadError(
                f"the factory that streams {key!r} waits for {key!r} itself; call the inner function directly"
            )
        else:
            self._counters.joins += 1
            if self._counters.events is not None:
                self._counters.events.tell("join", key)
        if outer is not None:
            outer.waits_for.append(stream)
        return stream, stream.tape.join(), outer

    def _start(self, loop: asyncio.AbstractEventLoop, wanted: Wanted) -> Stream:
        codec, running = self._chain.codec, self._running
        stream = Stream(wanted.key, Tape(codec.dumps, codec.loads, wanted.max_bytes), loop)
        stream.completes = wanted.asked.policy.abandoned == "complete"
        running.table[stream.place] = stream
        context = copy_context()
        context.run(current.set, stream)
        ended = partial(self._ended, stream)
        stream.pump = loop.create_task(self._pump(stream, wanted, ended), context=context)
        running.pumps.add(stream.pump)
        stream.pump.add_done_callback(ended)
        return stream

    def _ended(self, stream: Stream, pump: asyncio.Task[None]) -> None:
        """It was cancelled, perhaps before it began, or this process is asked to end."""
        cancelled = LoadCancelledError("the stream was cancelled")
        self._land(stream, cancelled if pump.cancelled() else pump.exception())

    def _land(self, stream: Stream, error: BaseException | None) -> None:
        running = self._running
        if stream.pump is not None:
            running.pumps.discard(stream.pump)
        if running.table.get(stream.place) is stream:
            del running.table[stream.place]
        stream.end(error)

    async def _pump(self, stream: Stream, wanted: Wanted, ended: Callable[[asyncio.Task[None]], None]) -> None:
        try:
            await self._record(stream, wanted)
        except Exception as error:
            self._land(stream, error)
        else:
            self._land(stream, None)  # here and not when the task is done, which is a turn of the loop later
        task: Any = asyncio.current_task()  # not before: what cancels it has this frame
        task.remove_done_callback(ended)

    async def _record(self, stream: Stream, wanted: Wanted) -> None:
        key, policy, tape = wanted.key, wanted.asked.policy, stream.tape
        await self._chain.hear()
        with self._chain.fence.enter([key]) as granted:
            stream.passes = granted
            looked = await self._recordings.look(wanted, granted)
            stream.found.item = looked.found
            if stream.is_over:
                return
            try:
                seconds = await self._play(stream, wanted)
            except Exception:
                self._throttle.hold(key, policy.throttle)
                if looked.old is None or not tape.is_empty or not granted[key].holds:
                    raise
                stream.found.item = looked.old
                return
            except asyncio.CancelledError:
                if not tape.readers:
                    self._recordings.skip(key, tape)
                raise
            stream.completes = True  # it is whole: who leaves now does not undo it
            await self._recordings.store(tape, wanted, granted, looked, seconds)

    async def _play(self, stream: Stream, wanted: Wanted) -> float:
        """Pull the upstream to its end and close it; returns the seconds it took by the cache's clock."""
        limit, tape, failure = wanted.asked.policy.hard_timeout, stream.tape, None
        opened: list[object] = []
        self._counters.loads += 1
        began, begun = monotonic(), self._clock()
        timeout = None if limit is None else asyncio.timeout(limit)
        try:
            async with timeout or nullcontext():
                upstream = await call(wanted.factory)
                opened.append(upstream)
                is_async = hasattr(upstream, "__aiter__")
                check_chunks(upstream, "__aiter__" if is_async else "__iter__")
                chunks = aiter(upstream) if is_async else _awaited(upstream)
                if chunks is not upstream:
                    opened.insert(0, chunks)
                pulled = 0
                async for chunk in chunks:
                    tape.add(chunk, self._clock() - begun)
                    stream.wake()
                    if timeout is not None and not pulled:
                        timeout.reschedule(None)  # it bounds the wait for the first chunk
                    if not (is_async and pulled % _IN_A_ROW):
                        await asyncio.sleep(0)  # an upstream that never waits must not keep its readers from reading
                    pulled += 1
                    if tape.refused is not None:
                        await stream.room()
                        if not tape.is_wanted(stream.completes):
                            raise asyncio.CancelledError  # it cannot be stored, and nobody reads it
            return self._clock() - begun
        except Exception as error:
            failure = type(error).__name__
            self._counters.load_errors += 1
            if isinstance(error, TimeoutError) and timeout is not None and timeout.expired():
                self._counters.load_timeouts += 1
                raise LoadTimeoutError(f"no first chunk came within hard_timeout={limit:g} s") from error
            raise
        finally:
            for thing in opened:
                await _close(thing)
            if self._counters.events is not None:
                self._counters.events.tell("load", wanted.key, reason=failure, seconds=monotonic() - began)


async def _awaited(chunks: Iterable[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


async def _close(thing: object) -> None:
    """Close an upstream that has a way to be closed; what that raises is logged, since the chunks are not to blame."""
    close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
    if close is not None:
        try:
            closing = close()
            if is_awaitable(closing):
                await closing
        except Exception:
            _log.warning("the upstream of a stream could not be closed", exc_info=True)
