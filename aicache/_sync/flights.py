"""Single flight: one load of a key at a time, however many threads want it. Written by hand in both flavours.

The first caller loads in its own thread; the others wait for it. A factory that waits, directly or through other loads,
for the load it is part of would wait for ever: who waits for whom is known, so that is refused. An interrupt (Ctrl-C)
of the thread that loads is its own: one of those who wait loads in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Final

from aicache._kernel.counters import Counters
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache.errors import ReentrantLoadError

__all__ = ["Flight", "Flights"]

_current: ContextVar[Flight | None] = ContextVar("aicache_sync_flight", default=None)
_waits: Final = threading.Lock()  # over who waits for whom, across all caches


class Flight:
    """One load of one key or more, in the thread of its first caller."""

    __slots__ = ("done", "error", "interrupted", "items", "landed", "passes", "waits_for")

    def __init__(self) -> None:
        self.passes: Mapping[str, Pass] = {}
        self.waits_for: list[Flight] = []
        self.done = threading.Event()
        self.landed = False
        self.items: dict[str, Item] = {}
        self.error: Exception | None = None
        self.interrupted = False

    def may_be_joined(self, key: str) -> bool:
        """False once the key was written or invalidated: who asks now must not get what was loaded before."""
        granted = self.passes.get(key)
        return not self.landed and (granted is None or granted.holds)

    def reaches(self, other: Flight) -> bool:
        """Whether this load waits for `other`, through any number of loads."""
        return self is other or any(flight.reaches(other) for flight in self.waits_for)

    def fly(self, keys: list[str], load: Load) -> None:
        """Load in this thread; what it raises is kept for everybody who waits."""
        token = _current.set(self)
        self.interrupted = True  # until it has ended in one of the two ways that others can share
        try:
            self.items = load(self, keys)
            self.interrupted = False
        except Exception as error:
            self.error = error
            self.interrupted = False
        finally:
            _current.reset(token)
            self.landed = True
            self.done.set()


Load = Callable[[Flight, list[str]], dict[str, Item]]


class Flights:
    """The loads under way, by key."""

    def __init__(self, counters: Counters) -> None:
        self.closed = False
        self._counters = counters
        self._table: dict[str, Flight] = {}
        self._lock = threading.Lock()

    def run(self, keys: Sequence[str], load: Load) -> dict[str, tuple[Item | None, bool]]:
        """Each key's item (None: the load did not bring it), and whether it came from a load that was under way
        already.

        `load` is called with a flight and the keys that nobody is loading, if there are any. Raises what it raised.
        """
        outer = _current.get()
        if outer is not None and outer.landed:
            outer = None
        joined: dict[str, Flight] = {}
        mine = Flight()
        with self._lock, _waits:
            for key in keys:
                flight = self._table.get(key)
                if flight is None or not flight.may_be_joined(key):
                    continue
                if outer is not None and flight.reaches(outer):
                    raise ReentrantLoadError(
                        f"the factory that loads {key!r} waits for {key!r} itself; call the inner function directly"
                    )
                joined[key] = flight
            for key in keys:
                if key not in joined:
                    self._table[key] = mine
            if outer is not None:
                outer.waits_for.extend([mine, *joined.values()])
        self._counters.joins += len(joined)
        try:
            rest = [key for key in keys if key not in joined]
            if rest:
                self._fly(mine, rest, load)
            return {key: (self._outcome(key, joined.get(key, mine), load), key in joined) for key in keys}
        finally:
            if outer is not None:
                with _waits:
                    for flight in (mine, *joined.values()):
                        outer.waits_for.remove(flight)

    def _fly(self, flight: Flight, keys: list[str], load: Load) -> None:
        try:
            flight.fly(keys, load)
        finally:
            with self._lock:
                for key in keys:
                    if self._table.get(key) is flight:
                        del self._table[key]

    def _outcome(self, key: str, flight: Flight, load: Load) -> Item | None:
        flight.done.wait()
        if flight.interrupted:
            return self.run([key], load)[key][0]
        if flight.error is not None:
            raise flight.error
        return flight.items.get(key)

    def close(self) -> None:
        """Only note it: each load ends in the thread of its caller."""
        self.closed = True
