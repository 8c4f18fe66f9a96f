"""Finds what has expired without looking at what has not: sets of entries that end within the same short interval (at
most a 32nd of their ttl), under a heap of interval ends. The idea is that of timing wheels (Varghese and Lauck, SOSP
1987) and of Segcache's ttl buckets (Yang, Yue and Vinayak, NSDI 2021).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from math import ceil, frexp

from aicache_memory._entry import Entry

__all__ = ["Expiry"]


class Expiry:
    """The entries that end, by when. One that goes before its time leaves its set at once, or a long ttl would pin
    it.
    """

    def __init__(self) -> None:
        self.buckets: dict[float, set[Entry]] = {}
        self.ends: list[float] = []

    def file(self, entry: Entry, expires: float, ttl: float) -> None:
        """Note when it ends."""
        width = max(0.125, 2.0 ** (frexp(ttl)[1] - 6))
        end = ceil(expires / width) * width
        bucket = self.buckets.get(end)
        if bucket is None:
            bucket = self.buckets[end] = set()
            heapq.heappush(self.ends, end)
        bucket.add(entry)
        entry.bucket = bucket

    def forget(self, entry: Entry) -> None:
        """It is gone."""
        if entry.bucket is not None:
            entry.bucket.discard(entry)
            entry.bucket = None

    def due(self, now: float, at_most: int) -> Iterator[Entry]:
        """Those whose interval is over; each must be forgotten before the next is asked for."""
        while self.ends and self.ends[0] <= now:
            bucket = self.buckets[self.ends[0]]
            while bucket:
                if at_most <= 0:
                    return
                at_most -= 1
                yield next(iter(bucket))
            del self.buckets[heapq.heappop(self.ends)]

    def clear(self) -> None:
        """Nothing ends any more."""
        self.buckets = {}
        self.ends = []
