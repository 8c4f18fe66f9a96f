"""Finds what has ended without looking at what has not: rings of places that end within the same short interval (at
most a 32nd of their ttl), under a heap of interval ends. The idea is that of timing wheels (Varghese and Lauck, SOSP
1987) and of Segcache's ttl buckets (Yang, Yue and Vinayak, NSDI 2021).
"""

from __future__ import annotations

import heapq
from math import frexp, inf
from typing import Final

from aicache_memory._places import Places

__all__ = ["Expiry"]

_SHORTEST: Final = 0.125  # seconds


class Expiry:
    """The places that end, by when. One that goes before its time leaves its ring at once, or a long ttl would pin it.

    `first`: when the first interval is over; infinity where nothing ends.
    """

    __slots__ = ("_places", "_ttl", "_width", "first", "heap", "rings")

    def __init__(self, places: Places) -> None:
        self._places = places
        self.rings: dict[float, int] = {}  # by the end of the interval, the place that closes the ring
        self.heap: list[float] = []
        self.first = inf
        self._ttl = 1.0
        self._width = _width(1.0)

    def file(self, place: int, ends: float, ttl: float) -> None:
        """Note when it ends."""
        if ttl != self._ttl:
            self._ttl = ttl
            self._width = _width(ttl)
        places = self._places
        (places.ends or places.end())[place] = ends
        width = self._width
        end = -(-ends // width) * width  # the next multiple
        ring = self.rings.get(end) or self._open(end)
        sooner, later = places.sooner, places.later
        last = sooner[ring]
        later[last] = sooner[ring] = place
        sooner[place] = last
        later[place] = ring

    def forget(self, place: int) -> None:
        """It is gone, or ends no more; whoever comes next says whether it ends."""
        places = self._places
        sooner = places.sooner
        before = sooner[place]
        if before:
            later = places.later
            later[before] = after = later[place]
            sooner[after] = before
            sooner[place] = 0

    def due(self, now: float) -> int:
        """One whose interval is over, which is to be forgotten before the next is asked for; 0: there is none."""
        while self.first <= now:
            ring = self.rings[self.first]
            place = self._places.later[ring]
            if place != ring:
                return place
            del self.rings[heapq.heappop(self.heap)]
            self._places.sooner[ring] = 0
            self._places.give(ring)
            self.first = self.heap[0] if self.heap else inf
        return 0

    def _open(self, end: float) -> int:
        """A new ring; returns the place that closes it."""
        places = self._places
        self.rings[end] = ring = places.take()
        places.sooner[ring] = places.later[ring] = ring
        heapq.heappush(self.heap, end)
        self.first = self.heap[0]
        return ring


def _width(ttl: float) -> float:
    """Seconds of an interval."""
    return max(_SHORTEST, 2.0 ** (frexp(ttl)[1] - 6))
