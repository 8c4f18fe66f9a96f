"""Who must go: LAGD, a lazy, adaptive greedy-dual policy.

Each entry has a priority, H = L + n · v: L is the priority of the last that left and never falls, v what the entry is
worth (the cost of a miss, for each byte where bytes are bounded), n how often it has proven useful. The least H goes.
This is the greedy-dual algorithm (Young, 1994; Cao and Irani, "Cost-aware WWW proxy caching algorithms", USITS 1997)
with frequencies (Cherkasova, "GreedyDual-Size-Frequency", HP Labs 1998), made lazy: a hit only counts itself, and is
taken into account when the entry comes to the head of its queue, where it is spared once and counted (as in Yang et
al., "FIFO queues are all you need for cache eviction", SOSP 2023, and Zhang et al., SIEVE, NSDI 2024). n · v is rounded
to quarters of an octave, with a queue for each, so that a queue is sorted by itself and only the heads need a heap
(Ghandeharizadeh et al., "CAMP", Middleware 2014).

A new entry is on trial with n = w. What was evicted is remembered (`_ghosts`), and a key that comes back soon tells
whether the trial was too short or what had proven itself went too early; w adapts to that, as ARC's split does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import log2
from typing import Final

from aicache_memory._entry import Entry, worth_of
from aicache_memory._ghosts import AFTER_HITS, ON_TRIAL, Ghosts

__all__ = ["Eviction"]

_MOST_FREQUENT: Final = 15
_MOST_SPARED: Final = 128  # in one call: what bounds the pause when everything was hit
_LEVELS: Final = [0.0, *(4 * log2(frequency) for frequency in range(1, _MOST_FREQUENT + 1))]
_TERMS: Final = {step: 2.0 ** (step / 4) for step in range(-400, 401)}


class _Queue:
    """Entries by age; those of one queue have priorities that never fall from old to new."""

    __slots__ = ("newest", "oldest")

    def __init__(self) -> None:
        self.oldest: Entry | None = None
        self.newest: Entry | None = None


class Eviction:
    """The entries in the order in which they must go."""

    def __init__(self, salt: int) -> None:
        self._ghosts = Ghosts(salt)
        self.clear()

    def clear(self) -> None:
        """Forget every entry, and what left."""
        self.count = 0
        self.evicted = 0
        self.on_trial = 0
        self._age = 0.0
        self._trial = 0.3
        self._trial_level = 4 * log2(self._trial)
        self._queues: dict[int, _Queue] = {}
        self._heads: list[tuple[float, int]] = []
        self._ghosts.clear()

    def add(self, entry: Entry) -> None:
        """A new entry, whose frequency and level are set."""
        self.count += 1
        self.on_trial += not entry.frequency
        self._enqueue(entry)

    def discard(self, entry: Entry) -> None:
        """It is gone, for whatever reason."""
        self.count -= 1
        self.on_trial -= not entry.frequency
        self._unlink(entry)

    def frequency_of(self, key: str) -> int:
        """What a new key begins with: 0, or more where it left not long ago. Adapts the trial."""
        found = self._ghosts.recall(key)
        if found is None:
            return 0
        memory, frequency, since = found
        if since <= 0.5 * max(self.on_trial, self.count / 20):
            lengths = self._ghosts.lengths
            share = lengths[1 - memory] / max(1, lengths[memory])
            step = 1 + 6 / max(self.count, 50) * min(8.0, max(1.0, share))
            self._trial = self._trial * step if memory == ON_TRIAL else self._trial / step
            self._trial = min(4.0, max(0.05, self._trial))
            self._trial_level = 4 * log2(self._trial)
        return 2 if memory == ON_TRIAL else min(_MOST_FREQUENT, frequency + 1)

    def evict(self, clock: Callable[[], float]) -> tuple[Entry, float]:
        """Let go of one entry; returns it, and what it was worth if it had proven itself, else 0."""
        spared = 0
        while True:
            entry = self._head()
            if entry.priority > self._age:
                self._age = entry.priority
            frequency, hits = entry.frequency, entry.hits
            if entry.ends is not None and clock() >= entry.ends:
                self.discard(entry)
                return entry, 0.0
            if hits and spared < _MOST_SPARED:
                spared += 1
                self._unlink(entry)
                self.on_trial -= not frequency
                counts = self._ghosts.counts
                step = hits if counts[0] + counts[1] < self.count else 1  # while there is no history yet
                entry.frequency = min(_MOST_FREQUENT, frequency + step)
                entry.hits = 0
                self._enqueue(entry)
                continue
            self.discard(entry)
            self.evicted += 1
            if not frequency:
                self._ghosts.remember(entry.key, ON_TRIAL, 0, self.count or 1)
                return entry, 0.0
            self._ghosts.remember(entry.key, AFTER_HITS, frequency, self.count or 1)
            return entry, frequency * worth_of(entry)

    def _head(self) -> Entry:
        """The entry with the least priority."""
        heads = self._heads
        while True:
            priority, number = heads[0]
            entry = self._queues[number].oldest
            if entry is None:
                heapq.heappop(heads)
                del self._queues[number]
            elif entry.priority > priority:  # the former head is gone
                heapq.heapreplace(heads, (entry.priority, number))
            else:
                return entry

    def _enqueue(self, entry: Entry) -> None:
        number = round(entry.level + (_LEVELS[entry.frequency] if entry.frequency else self._trial_level))
        term = _TERMS.get(number)
        entry.priority = priority = self._age + (2.0 ** (number / 4) if term is None else term)
        entry.queue = number
        queue = self._queues.get(number)
        if queue is None:
            queue = self._queues[number] = _Queue()
            heapq.heappush(self._heads, (priority, number))
        newest = queue.newest
        entry.older = newest
        if newest is None:
            queue.oldest = entry
        else:
            newest.newer = entry
        queue.newest = entry

    def _unlink(self, entry: Entry) -> None:
        queue = self._queues[entry.queue]
        older, newer = entry.older, entry.newer
        if older is None:
            queue.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            queue.newest = older
        else:
            newer.older = older
        entry.older = entry.newer = None
