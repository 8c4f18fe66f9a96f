"""Streams: the chunks of an iterator, recorded while they pass, for any number of readers. Written by hand in both
flavours.

A task of its own pulls the upstream, so no reader's cancellation or slowness harms another; each reader has a place of
its own on the tape (`aicache._kernel.recording`). When the last of them has left, the upstream is closed. What is
stored is stored once, whole, after a good end and before the readers are told of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextvars import copy_context
from time import monotonic
from typing import Any, Final, NamedTuple, cast

from aicache._async.chain import Chain
from aicache._async.flights import Flight, Flights, current, outer_flight
from aicache._async.front import Front
from aicache._async.loading import Loads
from aicache._async.primitives import call
from aicache._kernel.fence import Passes
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease
from aicache._kernel.lifetime import freshest
from aicache._kernel.outcomes import Call, Made, made_of_stream
from aicache._kernel.recording import Pacing, Reader, Recording, Tape, check_chunks, recording_in
from aicache._kernel.tags import NO_TAGS
from aicache._kernel.throttle import Throttle
from aicache.errors import ClosedError, LoadCancelledError, LoadTimeoutError, ReentrantLoadError, SerializationError
from aicache.protocols import Entry

__all__ = ["Running", "Stream", "Streams", "Wanted"]

_log: Final = logging.getLogger("aicache")
_IN_A_ROW: Final = 16  # chunks that an async upstream has at hand go to the readers together


class Wanted(NamedTuple):
    """What one call of `stream` asks for."""

    key: str
    factory: Callable[[], Any]
    asked: Call
    keep: Callable[[list[Any]], Any] | None
    max_bytes: int
    pacing: Pacing
    on_hit: Callable[[str], object] | None = None


class Stream(Flight):
    """One stream under way, with those who read it."""

    __slots__ = ("_found", "_is_given", "_loop", "_room", "_waiting", "lease", "pump", "tape", "versions")

    def __init__(self, key: str, tape: Tape, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__([key])
        self.tape = tape
        self._loop = loop
        self.pump: asyncio.Task[None] | None = None
        self.lease: Lease | None = None
        self.versions: Mapping[str, bytes] = NO_TAGS
        self._found: Item | None = None
        self._is_given = False
        self._waiting: list[asyncio.Future[None]] = []
        self._room: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.tape.ended or self._found is not None

    def find(self, item: Item) -> None:
        """Have the readers read this recording instead."""
        self._found = item

    def found(self) -> tuple[Item, Recording] | None:
        """The recording that was found, for one more reader."""
        item = self._found
        if item is None:
            return None
        value = item.for_another() if self._is_given else item.value
        self._is_given = True
        held = recording_in(value)
        return None if held is None else (item, held)

    def wake(self) -> None:
        """Have each reader who waits look again."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def change(self) -> None:
        """Wait for the next chunk, or the end."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future

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
        self._front = front
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
        held = self._at_hand(wanted.key)
        tier: str | None = self._front.counters.name
        if held is None:
            stream, reader, outer = self._board(wanted)
            tape = stream.tape
            try:
                while True:
                    while reader.has_more:
                        chunk = tape.take(reader)
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
            found = stream.found()
            if found is None:
                return
            item, held = found
            tier = item.tier
            if not item.is_fresh:
                self._loads.served_stale(wanted.key, item)
        if wanted.on_hit is not None and tier is not None:
            wanted.on_hit(tier)
        begun = self._clock()
        for chunk, at in zip(held.chunks, held.at, strict=False):
            if wanted.pacing == "recorded":
                early = at - held.at[0] - (self._clock() - begun)
                if early > 0:
                    await self._sleep(early)
            yield chunk

    def _at_hand(self, key: str) -> Recording | None:
        """The recording that the first tier has in this process, counted as a hit."""
        entry: Entry | None = self._front.peek(key)
        held = None if entry is None else recording_in(entry.value if entry.thaw is None else entry.thaw(entry.value))
        self._front.counters.hits += held is not None
        return held

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
        codec, place = self._chain.codec, (loop, wanted.key)
        stream = Stream(wanted.key, Tape(codec.dumps, codec.loads, wanted.max_bytes), loop)
        stream.completes = wanted.asked.policy.abandoned == "complete"
        self._running.table[place] = stream
        context = copy_context()
        context.run(current.set, stream)
        stream.pump = loop.create_task(self._pump(stream, wanted), context=context)
        self._running.pumps.add(stream.pump)

        def land(pump: asyncio.Task[None]) -> None:
            self._running.pumps.discard(pump)
            if self._running.table.get(place) is stream:
                del self._running.table[place]
            stream.landed = stream.tape.ended = True
            stream.tape.error = LoadCancelledError("the stream was cancelled") if pump.cancelled() else pump.exception()
            stream.wake()

        stream.pump.add_done_callback(land)
        return stream

    async def _pump(self, stream: Stream, wanted: Wanted) -> None:
        key, policy, tape = wanted.key, wanted.asked.policy, stream.tape
        await self._chain.hear()
        with self._chain.fence.enter([key]) as granted:
            stream.passes = granted
            old = await self._look(stream, wanted)
            if stream.is_over:
                return
            try:
                seconds = await self._play(stream, wanted)
            except Exception:
                self._throttle.hold(key, policy.throttle)
                if old is None or not tape.is_empty or not granted[key].holds:
                    raise
                stream.find(old)
                return
            except asyncio.CancelledError:
                if not tape.readers:
                    self._skip(key, tape)
                raise
            stream.completes = True  # it is whole: who leaves now does not undo it
            await self._store(tape, wanted, granted, stream, seconds)

    async def _look(self, stream: Stream, wanted: Wanted) -> Item | None:
        """Look for a recording, and return a stale one that may stand in for a factory that fails."""
        key, stale = wanted.key, cast("list[Item]", [])
        stream.lease = self._loads.fleet.lease(None)
        tags = wanted.asked.tags
        stream.versions = await self._chain.versions(tags) if tags else NO_TAGS
        found = await self._chain.find(key, stream.passes, stale=stale, lease=stream.lease)
        if isinstance(found, Item):
            if recording_in(found.value) is not None:
                stream.find(found)
                return None
            self._chain.refuse(key, found, "not a stream")
        if stale or isinstance(found, Item):
            await self._loads.fleet.renewing([key], stream.lease)
        recorded = [item for item in stale if recording_in(item.value) is not None]
        old = freshest(recorded, wanted.asked.policy.stale_if_error)
        if old is not None and self._throttle.holds(key):
            stream.find(old)
        return old

    async def _play(self, stream: Stream, wanted: Wanted) -> float:
        """Pull the upstream to its end and close it; returns the seconds it took by the cache's clock."""
        limit, tape, failure = wanted.asked.policy.hard_timeout, stream.tape, None
        opened: list[object] = []
        self._counters.loads += 1
        began, begun = monotonic(), self._clock()
        timeout = asyncio.timeout(limit)
        try:
            async with timeout:
                upstream = await call(wanted.factory)
                opened.append(upstream)
                is_async = hasattr(upstream, "__aiter__")
                check_chunks(upstream, "__aiter__" if is_async else "__iter__")
                chunks = aiter(cast("AsyncIterable[Any]", upstream)) if is_async else _awaited(upstream)
                if chunks is not upstream:
                    opened.insert(0, chunks)
                pulled = 0
                async for chunk in chunks:
                    tape.add(chunk, self._clock() - begun)
                    stream.wake()
                    if not pulled:
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
            if isinstance(error, TimeoutError) and timeout.expired():
                self._counters.load_timeouts += 1
                raise LoadTimeoutError(f"no first chunk came within hard_timeout={limit:g} s") from error
            raise
        finally:
            for thing in opened:
                await _close(thing)
            if self._counters.events is not None:
                self._counters.events.tell("load", wanted.key, reason=failure, seconds=monotonic() - began)

    async def _store(self, tape: Tape, wanted: Wanted, granted: Passes, stream: Stream, seconds: float) -> None:
        if tape.refused is None and (kept := self._judged(tape, wanted)) is not None:
            try:
                item = self._loads.item(tape.recording(seconds).value(), kept.ttl, kept.cost, wanted.asked)
                item.tags = dict.fromkeys(kept.tags, b"")
                fit = await self._loads.tagged([(wanted.key, item)], stream.versions, monotonic() - seconds)
                await self._chain.fill(dict(fit), granted, stream.lease)
            except SerializationError:
                tape.refuse("unserializable")
        if tape.refused is not None:
            self._skip(wanted.key, tape)

    def _judged(self, tape: Tape, wanted: Wanted) -> Made | None:
        """How to keep it; None, and the tape knows why, where it is not to be kept."""
        try:
            chunks = tape.chunks()
            kept = made_of_stream(None if wanted.keep is None else wanted.keep(chunks), chunks, wanted.asked)
        except Exception as error:
            _log.warning("a stream could not be judged, so it is not stored", exc_info=True)
            tape.refuse(type(error).__name__)
            return None
        if kept.skipped is not None:
            tape.refuse(kept.skipped)
            return None
        return kept

    def _skip(self, key: str, tape: Tape) -> None:
        tape.refuse("abandoned")  # unless there was a reason before
        self._loads.skipped(key, cast("str", tape.refused))


async def _awaited(chunks: Iterable[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


async def _close(thing: object) -> None:
    """Close an upstream that has a way to be closed; what that raises is logged, since the chunks are not to blame."""
    close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
    if close is not None:
        try:
            closing = close()
            if inspect.isawaitable(closing):
                await closing
        except Exception:
            _log.warning("the upstream of a stream could not be closed", exc_info=True)
