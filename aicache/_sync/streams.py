"""Streams: the chunks of an iterator, recorded while they pass, for any number of readers. Written by hand in both
flavours.

Whichever reader has come to the end of the tape (`aicache._kernel.recording`) pulls the next chunk, in its own thread;
the others wait for it. So no reader waits for another that is slow, and a stream with one reader needs no thread and no
hand-over. When the last of them has left, the upstream is closed, or a thread of its own reads the rest. What is stored
is stored once, whole, after a good end and before the readers are told of it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextvars import copy_context
from time import monotonic
from typing import Any, Final, NamedTuple, cast

from aicache._kernel.fence import Passes
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease
from aicache._kernel.lifetime import freshest
from aicache._kernel.outcomes import Call, Made, made_of_stream
from aicache._kernel.recording import Pacing, Reader, Recording, Tape, check_chunks, recording_in
from aicache._kernel.tags import NO_TAGS
from aicache._kernel.throttle import Throttle
from aicache._sync.chain import Chain
from aicache._sync.flights import Flight, Flights, current, outer_flight, waits
from aicache._sync.front import Front
from aicache._sync.loading import Loads
from aicache._sync.primitives import call
from aicache.errors import ClosedError, LoadCancelledError, ReentrantLoadError, SerializationError
from aicache.protocols import Entry

__all__ = ["OVER", "PULL", "Running", "Stream", "Streams", "Wanted"]

_log: Final = logging.getLogger("aicache")
PULL: Final = object()
OVER: Final = object()
_LAST_WAIT: Final = 5.0  # seconds that closing waits for a stream that is read in the background


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
    """One stream under way, with those who read it. `lock` guards it all, and `changed` tells of it."""

    __slots__ = (
        "_found", "_is_given", "begun", "chunks", "completes", "granted", "in_background", "lease", "lock", "old",
        "puller", "tape", "told_from", "upstream", "versions", "wanted",
    )  # fmt: skip

    def __init__(self, wanted: Wanted, tape: Tape, granted: Passes) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.wanted = wanted
        self.tape = tape
        self.passes = self.granted = granted
        self.completes = wanted.asked.policy.abandoned == "complete"
        self.in_background = False
        self.puller: object = None
        self.upstream: object = None
        self.chunks: Iterator[Any] | None = None
        self.begun = self.told_from = 0.0
        self.old: Item | None = None
        self.lease: Lease | None = None
        self.versions: Mapping[str, bytes] = NO_TAGS
        self._found: Item | None = None
        self._is_given = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.tape.ended or self._found is not None

    def find(self, item: Item) -> None:
        """Have the readers read this recording instead."""
        self._found = item

    def found(self) -> tuple[Item, Recording] | None:
        """The recording that was found, for one more reader."""
        with self.lock:
            item = self._found
            if item is None:
                return None
            value = item.for_another() if self._is_given else item.value
            self._is_given = True
        held = recording_in(value)
        return None if held is None else (item, held)

    def join(self, outer: Flight | None) -> Reader | None:
        """One more reader; None where it comes too late to begin at the beginning. `outer`: the load it is part of."""
        key = self.wanted.key
        with self.lock:
            if not (self.may_be_joined(key) and self.tape.is_whole):
                return None
            if outer is not None and self.reaches(outer):
                raise ReentrantLoadError(
                    f"the factory that streams {key!r} waits for {key!r} itself; call the inner function directly"
                )
            return self.tape.join()

    def turn(self, reader: Reader | None) -> Any:
        """Wait for the reader's next chunk and return it; or PULL, where it is its turn to pull one; or OVER."""
        with self.lock:
            while True:
                if reader is not None and reader.has_more:
                    chunk = self.tape.take(reader)
                    if not self.tape.is_whole:
                        self.changed.notify_all()  # there may be room now
                    return chunk
                if self.is_over:
                    return OVER
                if self.puller is None and not self.tape.is_full:
                    self.puller = reader or self
                    return PULL
                self.changed.wait()

    def add(self, chunk: object, at: float) -> None:
        """A chunk has been pulled."""
        with self.lock:
            self.tape.add(chunk, at)
            self.puller = None
            self.changed.notify_all()


class Running:
    """The streams under way, by key, and the threads that read the rest of those that were left."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.clock = clock
        self.sleep = sleep
        self.table: dict[str, Stream] = {}
        self.lock = threading.RLock()  # the collector may close a reader while its thread holds this
        self.threads: set[threading.Thread] = set()
        self.kept: deque[Passes] = deque()  # passes that could not be given back at once

    def close(self) -> None:
        """Store nothing more of what is under way; wait for what is read in the background, 5 s each at most."""
        with self.lock:
            streams = list(self.table.values())
        for stream in streams:
            with stream.lock:
                stream.tape.refuse("closed")
        for thread in tuple(self.threads):
            thread.join(_LAST_WAIT)


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

    def read(self, wanted: Wanted) -> Generator[Any, None, None]:
        """The chunks, found or as they come; raises what the upstream raises, where it does."""
        self.check_open()
        held = self._at_hand(wanted.key)
        tier: str | None = self._front.counters.name
        while held is None:
            stream, reader, outer = self._board(wanted)
            try:
                while (turn := stream.turn(reader)) is not OVER:
                    if turn is PULL:
                        self._pull(stream)
                    else:
                        yield turn
                if stream.tape.error is not None and not stream.interrupted:
                    raise stream.tape.error
            finally:
                if outer is not None:
                    with waits:
                        outer.waits_for.remove(stream)
                self._quit(stream, reader)
            if stream.interrupted:
                if not stream.tape.is_empty:
                    raise LoadCancelledError("the thread that pulled the stream was interrupted")
                continue  # and this one begins anew
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
                    self._sleep(early)
            yield chunk

    def _at_hand(self, key: str) -> Recording | None:
        """The recording that the first tier has in this process, counted as a hit."""
        entry: Entry | None = self._front.peek(key)
        held = None if entry is None else recording_in(entry.value if entry.thaw is None else entry.thaw(entry.value))
        self._front.counters.hits += held is not None
        return held

    def _board(self, wanted: Wanted) -> tuple[Stream, Reader, Flight | None]:
        key, running = wanted.key, self._running
        self._chain.hear()
        outer = outer_flight()
        with running.lock, waits:
            stream = running.table.get(key)
            reader = None if stream is None else stream.join(outer)
            joins = reader is not None
            if stream is None or reader is None:
                codec = self._chain.codec
                tape = Tape(codec.dumps, codec.loads, wanted.max_bytes)
                stream = running.table[key] = Stream(wanted, tape, self._chain.fence.enter([key]))
                reader = tape.join()
            if outer is not None:
                outer.waits_for.append(stream)
        if joins:
            self._counters.joins += 1
            if self._counters.events is not None:
                self._counters.events.tell("join", key)
        return stream, reader, outer

    # -- pulling: whoever has the turn

    def _pull(self, stream: Stream) -> None:
        """Bring one chunk more, or the end."""
        token = current.set(stream)
        goes_on = False
        try:
            goes_on = self._bring(stream)
        except Exception as error:
            stream.tape.error = error
        except BaseException as error:
            stream.interrupted = True
            self._close(stream, type(error).__name__)
            raise
        finally:
            current.reset(token)
            if not goes_on:
                self._land(stream)

    def _bring(self, stream: Stream) -> bool:
        """Do so; whether there may be another."""
        wanted = stream.wanted
        if stream.chunks is None:
            self._look(stream)
            if stream.is_over:
                return False
        try:
            for chunk in self._open(stream) if stream.chunks is None else stream.chunks:
                stream.add(chunk, self._clock() - stream.begun)
                return True
        except Exception as error:
            self._counters.load_errors += 1
            self._close(stream, type(error).__name__)
            self._throttle.hold(wanted.key, wanted.asked.policy.throttle)
            if stream.old is None or not stream.tape.is_empty or not stream.granted[wanted.key].holds:
                raise
            stream.find(stream.old)
            return False
        seconds = self._clock() - stream.begun
        self._close(stream, None)
        self._store(stream, seconds)
        return False

    def _look(self, stream: Stream) -> None:
        """Look for a recording, and for a stale one that may stand in for a factory that fails."""
        key, stale = stream.wanted.key, cast("list[Item]", [])
        stream.lease = self._loads.fleet.lease(None)
        tags = stream.wanted.asked.tags
        stream.versions = self._chain.versions(tags) if tags else NO_TAGS
        found = self._chain.find(key, stream.granted, stale=stale, lease=stream.lease)
        if isinstance(found, Item):
            if recording_in(found.value) is not None:
                stream.find(found)
                return
            self._chain.refuse(key, found, "not a stream")
        if stale or isinstance(found, Item):
            self._loads.fleet.renewing([key], stream.lease)
        recorded = [item for item in stale if recording_in(item.value) is not None]
        stream.old = freshest(recorded, stream.wanted.asked.policy.stale_if_error)
        if stream.old is not None and self._throttle.holds(key):
            stream.find(stream.old)

    def _open(self, stream: Stream) -> Iterator[Any]:
        self._counters.loads += 1
        stream.told_from, stream.begun = monotonic(), self._clock()
        upstream = call(stream.wanted.factory)
        check_chunks(upstream, "__iter__", "; use TieredCache for async ones" if hasattr(upstream, "__aiter__") else "")
        stream.upstream = upstream
        stream.chunks = iter(upstream)
        return stream.chunks

    def _store(self, stream: Stream, seconds: float) -> None:
        tape, wanted = stream.tape, stream.wanted
        if tape.refused is None and (kept := self._judged(tape, wanted)) is not None:
            try:
                item = self._loads.item(tape.recording(seconds).value(), kept.ttl, kept.cost, wanted.asked)
                item.tags = dict.fromkeys(kept.tags, b"")
                fit = self._loads.tagged([(wanted.key, item)], stream.versions, monotonic() - seconds)
                self._chain.fill(dict(fit), stream.granted, stream.lease)
            except SerializationError:
                tape.refuse("unserializable")
        if tape.refused is not None:
            self._skip(stream)

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

    def _skip(self, stream: Stream) -> None:
        stream.tape.refuse("abandoned")  # unless there was a reason before
        self._loads.skipped(stream.wanted.key, cast("str", stream.tape.refused))

    # -- leaving

    def _quit(self, stream: Stream, reader: Reader) -> None:
        """One reader reads no more; nobody left means that nobody wants the rest."""
        with stream.lock:
            stream.tape.leave(reader)
            if stream.puller is reader:
                stream.puller = None  # interrupted before it could pull
            stream.changed.notify_all()
            if stream.landed or stream.puller is not None or stream.in_background or stream.tape.readers:
                return
            if stream.tape.is_wanted(stream.completes):
                stream.in_background = True
            else:
                stream.landed = True  # whoever asks from now on starts afresh
        if stream.in_background:
            self._read_in_background(stream)
        else:
            self._abandon(stream)

    def _abandon(self, stream: Stream) -> None:
        if stream.chunks is not None:
            self._close(stream, None)
        self._skip(stream)
        self._land(stream)

    def _read_in_background(self, stream: Stream) -> None:
        def rest() -> None:
            try:
                while stream.tape.refused is None and stream.turn(None) is PULL:
                    self._pull(stream)
                with stream.lock:
                    stream.in_background = False
                    if stream.landed or stream.tape.readers:
                        return  # they go on by themselves
                    stream.landed = True
                self._abandon(stream)
            finally:
                self._running.threads.discard(thread)

        thread = threading.Thread(target=copy_context().run, args=(rest,), name="aicache-stream", daemon=True)
        self._running.threads.add(thread)
        thread.start()

    def _land(self, stream: Stream) -> None:
        running, key = self._running, stream.wanted.key
        with running.lock:
            if running.table.get(key) is stream:
                del running.table[key]
        running.kept.append(stream.granted)
        self._give_back(running.kept)
        with stream.lock:
            stream.landed = stream.tape.ended = True
            stream.puller = None
            stream.changed.notify_all()

    def _give_back(self, kept: deque[Passes]) -> None:
        for _ in range(len(kept)):
            try:
                granted = kept.popleft()
            except IndexError:
                return  # another thread does it
            if not self._chain.fence.leave_soon(granted):
                kept.append(granted)

    def _close(self, stream: Stream, failure: str | None) -> None:
        """Close an upstream that has a way to be closed; what that raises is logged: the chunks are not to blame."""
        for thing in (stream.chunks, stream.upstream):
            close = getattr(thing, "close", None)
            if close is not None:
                try:
                    close()
                except Exception:
                    _log.warning("the upstream of a stream could not be closed", exc_info=True)
        if self._counters.events is not None and stream.told_from:
            took = monotonic() - stream.told_from
            self._counters.events.tell("load", stream.wanted.key, reason=failure, seconds=took)
