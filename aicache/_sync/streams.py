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
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from time import monotonic
from typing import Any, Final

from aicache._kernel.fence import Passes
from aicache._kernel.playback import Found, played
from aicache._kernel.recording import Reader, Tape, check_chunks
from aicache._kernel.tags import NO_TAGS
from aicache._kernel.throttle import Throttle
from aicache._sync.chain import Chain
from aicache._sync.flights import Flight, Flights, current, outer_flight, waits
from aicache._sync.front import Front
from aicache._sync.loading import Loads
from aicache._sync.primitives import call
from aicache._sync.recordings import Looked, Recordings, Wanted
from aicache.errors import ClosedError, LoadCancelledError, ReentrantLoadError

__all__ = ["OVER", "PULL", "Running", "Stream", "Streams"]

_log: Final = logging.getLogger("aicache")
PULL: Final = object()
OVER: Final = object()
_LAST_WAIT: Final = 5.0  # seconds that closing waits for a stream that is read in the background


class Stream(Flight):
    """One stream under way, with those who read it. `lock` guards it all, and `changed` tells of it."""

    __slots__ = (
        "begun", "chunks", "completes", "found", "granted", "in_background", "lock", "looked", "puller", "tape",
        "told_from", "upstream", "waiting", "wanted",
    )  # fmt: skip

    def __init__(self, wanted: Wanted, tape: Tape, granted: Passes) -> None:
        self.lock = threading.RLock()
        super().__init__(threading.Condition(self.lock))
        self.wanted = wanted
        self.tape = tape
        self.passes = self.granted = granted
        self.completes = wanted.asked.policy.abandoned == "complete"
        self.in_background = False
        self.puller: object = None
        self.waiting = 0
        self.upstream: object = None
        self.chunks: Iterator[Any] | None = None
        self.begun = self.told_from = 0.0
        self.looked = Looked(None, None, None, NO_TAGS)
        self.found = Found()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.tape.ended or self.found.item is not None

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
                if reader is not None and reader.place.next is not None:
                    chunk = self.tape.take(reader)
                    if self.waiting and not self.tape.is_whole:
                        self.changed.notify_all()  # there may be room now
                    return chunk
                if self.is_over:
                    return OVER
                if self.puller is None and not self.tape.is_full:
                    self.puller = reader or self
                    return PULL
                self.waiting += 1
                try:
                    self.changed.wait()
                finally:
                    self.waiting -= 1

    def add(self, chunk: object, at: float) -> Any:
        """A chunk has been pulled; returns what the reader that pulled it gets, PULL where it was none."""
        with self.lock:
            self.tape.add(chunk, at)
            puller, self.puller = self.puller, None
            # It was at the end of the tape, so this is its next.
            taken = self.tape.take(puller) if isinstance(puller, Reader) else PULL
            if self.waiting:
                self.changed.notify_all()
            return taken


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
        self._recordings = Recordings(chain, loads, throttle, front)
        self.at_hand = self._recordings.at_hand
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
        held = self.at_hand(wanted.key)
        tier: str | None = self._recordings.first
        while held is None:
            stream, reader, outer = self._board(wanted)
            try:
                while (turn := stream.turn(reader)) is not OVER:
                    chunk = self._pull(stream) if turn is PULL else turn
                    if chunk is not OVER:
                        yield chunk
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
            with stream.lock:
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
                self._sleep(early)
            yield chunk

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

    def _pull(self, stream: Stream) -> Any:
        """Bring one chunk more, or the end; returns what `Stream.add` does, or OVER."""
        token = current.set(stream)
        brought: Any = OVER
        try:
            brought = self._bring(stream)
        except Exception as error:
            stream.tape.error = error
        except BaseException as error:
            stream.interrupted = True
            self._close(stream, type(error).__name__)
            raise
        finally:
            current.reset(token)
            if brought is OVER:
                self._land(stream)
        return brought

    def _bring(self, stream: Stream) -> Any:
        """Do so."""
        wanted = stream.wanted
        if stream.chunks is None:
            stream.looked = self._recordings.look(wanted, stream.granted)
            stream.found.item = stream.looked.found
            if stream.is_over:
                return OVER
        try:
            for chunk in self._open(stream) if stream.chunks is None else stream.chunks:
                return stream.add(chunk, self._clock() - stream.begun)
        except Exception as error:
            self._counters.load_errors += 1
            self._close(stream, type(error).__name__)
            self._throttle.hold(wanted.key, wanted.asked.policy.throttle)
            old = stream.looked.old
            if old is None or not stream.tape.is_empty or not stream.granted[wanted.key].holds:
                raise
            stream.found.item = old
            return OVER
        seconds = self._clock() - stream.begun
        self._close(stream, None)
        self._recordings.store(stream.tape, wanted, stream.granted, stream.looked, seconds)
        return OVER

    def _open(self, stream: Stream) -> Iterator[Any]:
        self._counters.loads += 1
        stream.told_from, stream.begun = monotonic(), self._clock()
        upstream = call(stream.wanted.factory)
        check_chunks(upstream, "__iter__", "; use TieredCache for async ones" if hasattr(upstream, "__aiter__") else "")
        stream.upstream = upstream
        stream.chunks = iter(upstream)
        return stream.chunks

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
        self._recordings.skip(stream.wanted.key, stream.tape)
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
