"""Single flight: one load of a key at a time, however many threads want it. Written by hand in both flavours.

The first caller loads in its own thread; the others wait for it. Where the policy lets callers leave before the end, and
in the background, the load has a thread of its own. A factory that waits, directly or through other loads,
for the load it is part of would wait for ever: who waits for whom is known, so that is refused. An interrupt (Ctrl-C)
of the thread that loads is its own: one of those who wait loads in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, copy_context
from functools import partial
from time import monotonic
from typing import Any, Final

from aicache._kernel.counters import Counters
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache.errors import LoadTimeoutError, ReentrantLoadError
from aicache.options import Policy

__all__ = ["Flight", "Flights", "current", "outer_flight", "waits"]

current: ContextVar[Flight | None] = ContextVar("aicache_sync_flight", default=None)
waits: Final = threading.RLock()  # over who waits for whom, across all caches; the collector may close a stream
_LAST_WAIT: Final = 5.0  # seconds that closing waits for a load in the background


class Flight:
    """One load of one key or more, in the thread of its first caller or one of its own."""

    __slots__ = (
        "changed", "error", "fallbacks", "interrupted", "items", "landed", "offers", "passes", "started", "waits_for",
    )  # fmt: skip

    def __init__(self, changed: threading.Condition | None = None) -> None:
        self.passes: Mapping[str, Pass] = {}
        self.waits_for: list[Flight] = []
        self.changed = threading.Condition() if changed is None else changed
        self.started = monotonic()
        self.offers: dict[str, tuple[Item, float, Pass]] = {}
        self.fallbacks: dict[str, tuple[Item, Pass]] = {}
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

    def offer(self, key: str, item: Item, after: float, held: Pass) -> None:
        """Give a stale value to who still waits after so many seconds, while its pass holds; the load goes on."""
        with self.changed:
            self.offers[key] = item, monotonic() + after, held
            self.changed.notify_all()

    def fall_back(self, key: str, item: Item, held: Pass) -> None:
        """A stale value for those who leave because the load is late."""
        self.fallbacks[key] = item, held

    def wait(self, key: str, hard_timeout: float | None) -> Item | None:
        """Wait until the load has ended, or for a stale value; raises `LoadTimeoutError`."""
        with self.changed:
            while True:
                now = monotonic()
                times: list[float] = []
                if key in self.offers:
                    item, at, held = self.offers[key]
                    if now >= at and held.holds:
                        return item
                    times += [at] if now < at else []
                if self.landed:
                    return None
                if hard_timeout is not None:
                    late = self.started + hard_timeout
                    if now >= late:
                        return self._late(key, hard_timeout)
                    times.append(late)
                self.changed.wait(min(times) - now if times else None)

    def _late(self, key: str, hard_timeout: float) -> Item:
        if key in self.fallbacks and self.fallbacks[key][1].holds:
            return self.fallbacks[key][0]
        raise LoadTimeoutError(f"the factory took longer than hard_timeout={hard_timeout:g} s")

    def fly(self, keys: list[str], load: Load) -> None:
        """Load in this thread; what it raises is kept for everybody who waits."""
        token = current.set(self)
        self.interrupted = True  # until it has ended in one of the two ways that others can share
        try:
            self.items = load(self, keys)
            self.interrupted = False
        except Exception as error:
            self.error = error
            self.interrupted = False
        finally:
            current.reset(token)
            with self.changed:
                self.landed = True
                self.changed.notify_all()


Load = Callable[[Flight, list[str]], dict[str, Item]]


def outer_flight() -> Flight | None:
    """The load that this code is a part of."""
    flight = current.get()
    return None if flight is None or flight.landed else flight


class Flights:
    """The loads under way, by key."""

    def __init__(self, counters: Counters) -> None:
        self.closed = False
        self._counters = counters
        self._table: dict[str, Flight] = {}
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def run(
        self, key: str, policy: Policy, load: Callable[..., dict[str, Item]], *arguments: Any
    ) -> tuple[Item | None, bool]:
        """The key's item (None: the load did not bring it), and whether it came from a load that was under way already.

        `load` is called with the arguments, a flight and the key in a list, if nobody is loading it. Raises what it
        raised.
        """
        return self.run_many([key], policy, partial(load, *arguments))[key]

    def run_many(self, keys: Sequence[str], policy: Policy, load: Load) -> dict[str, tuple[Item | None, bool]]:
        """The same for several; `load` is called with a flight and the keys that nobody is loading, if there are
        any.
        """
        outer = outer_flight()
        joined: dict[str, Flight] = {}
        mine = Flight()
        with self._lock, waits:
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
        if self._counters.events is not None:
            self._counters.events.tell_of("join", list(joined))
        try:
            rest = [key for key in keys if key not in joined]
            if rest and policy.waits_apart:
                self._fly_apart(mine, rest, load)
            elif rest:
                self._fly(mine, rest, load)
            return {key: (self._outcome(key, joined.get(key, mine), load, policy), key in joined) for key in keys}
        finally:
            if outer is not None:
                with waits:
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

    def start(self, key: str, load: Load) -> bool:
        """Load in the background, unless that is under way; say whether it was begun."""
        with self._lock:
            flight = self._table.get(key)
            if flight is not None and flight.may_be_joined(key):
                return False
            flight = self._table[key] = Flight()
        self._fly_apart(flight, [key], load)
        return True

    def _fly_apart(self, flight: Flight, keys: list[str], load: Load) -> None:
        def fly() -> None:
            try:
                self._fly(flight, keys, load)
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=copy_context().run, args=(fly,), name="aicache-load", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _outcome(self, key: str, flight: Flight, load: Load, policy: Policy) -> Item | None:
        stale = flight.wait(key, policy.hard_timeout)
        if stale is not None:
            return stale
        if flight.interrupted:
            return self.run(key, policy, load)[0]
        if flight.error is not None:
            raise flight.error
        return flight.items.get(key)

    def close(self) -> None:
        """Wait for the loads in the background, 5 s each at most; the others end in the threads of their callers."""
        self.closed = True
        for thread in tuple(self._threads):
            thread.join(_LAST_WAIT)
