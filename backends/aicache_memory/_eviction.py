"""Who must go: LAGD, a lazy, adaptive greedy-dual policy.

Each entry has a priority, H = L + n · v: L is the priority of the last that left and never falls, v what the entry is
worth (the cost of a miss, for each byte where bytes are bounded), n how often it has proven useful. The least H goes.
This is the greedy-dual algorithm (Young, 1994; Cao and Irani, "Cost-aware WWW proxy caching algorithms", USITS 1997)
with frequencies (Cherkasova, "GreedyDual-Size-Frequency", HP Labs 1998), made lazy: a hit only counts itself, and is
taken into account when the entry comes to the head of its queue, where it is spared once and counted (as in Yang et
al., "FIFO queues are all you need for cache eviction", SOSP 2023, and Zhang et al., SIEVE, NSDI 2024). n · v is rounded
to quarters of an octave, with a queue for each, so that a queue is sorted by itself and only the heads need a heap
(Ghandeharizadeh et al., "CAMP", Middleware 2014). The heap is not even looked at while the heads of the queue that had
the least still have: `_least` is that queue, `_limit` what the head of any other has at least.

A new entry is on trial with n = w. What was evicted is remembered (`_ghosts`), and a key that comes back soon tells
whether the trial was too short or what had proven itself went too early; w adapts to that, as ARC's split does.
"""

from __future__ import annotations

import heapq
from math import inf, log2
from typing import Final

from aicache_memory._ghosts import ON_TRIAL, Ghosts
from aicache_memory._places import Places

__all__ = ["Eviction"]

_MOST_FREQUENT: Final = 15
_MOST_SPARED: Final = 128  # in one call: what bounds the pause when everything was hit
_LEVELS: Final = [0.0, *(4 * log2(frequency) for frequency in range(1, _MOST_FREQUENT + 1))]


class Eviction:
    """The places in the order in which they must go.

    A queue is a ring of places from the oldest to the newest, closed by a place of its own, whose priority is infinite;
    those of one queue have priorities that never fall. `count`, `proven`: entries, and those of them that are not on
    trial. `displaced`: the most that one that had proven itself was worth, of those that had to go since it was last
    set to 0.
    """

    __slots__ = (
        "_age", "_heads", "_least", "_levels", "_limit", "_numbers", "_places", "_queues", "_trial", "count",
        "displaced", "ghosts", "has_ended", "proven",
    )  # fmt: skip

    def __init__(self, places: Places, most: int | None) -> None:
        self._places = places
        self.ghosts = Ghosts(most)
        self.count = 0
        self.proven = 0
        self.displaced = 0.0
        self.has_ended = False
        self._age = 0.0
        self._levels = _LEVELS.copy()  # the first is that of those on trial
        self._numbers = [round(level) for level in _LEVELS]  # of their queues, where all are worth the same
        self._try_for(0.3)
        self._queues: dict[int, tuple[int, float]] = {}  # by number, the place that closes the ring, and n · v
        self._heads: list[tuple[float, int]] = []  # no more than the priority of the oldest, and the number
        self._least = 0  # a ring of none, whose priority is infinite
        self._limit = inf

    def enqueue(self, place: int, frequency: int, level: float) -> None:
        """Put it behind those that are as much worth. Whoever puts somebody new there counts it."""
        number = round(level + self._levels[frequency]) if level else self._numbers[frequency]
        ring, term = self._queues.get(number) or self._open(number)
        places = self._places
        places.frequencies[place] = frequency
        places.priorities[place] = self._age + term
        older, newer = places.older, places.newer
        newest = older[ring]
        newer[newest] = older[ring] = place
        older[place] = newest
        newer[place] = ring

    def discard(self, place: int) -> None:
        """Somebody is gone, for whatever reason."""
        self.count -= 1
        places = self._places
        if places.frequencies[place]:
            self.proven -= 1
        older, newer = places.older, places.newer
        before, after = older[place], newer[place]
        newer[before] = after
        older[after] = before

    def frequency_of(self, found: tuple[int, int, int]) -> int:
        """What a key begins with that the ghosts know. Adapts the trial."""
        memory, frequency, since = found
        if since <= 0.5 * max(self.count - self.proven, self.count / 20):
            lengths = self.ghosts.lengths
            share = lengths[1 - memory] / max(1, lengths[memory])
            step = 1 + 6 / max(self.count, 50) * min(8.0, max(1.0, share))
            self._try_for(min(4.0, max(0.05, self._trial * step if memory == ON_TRIAL else self._trial / step)))
        return 2 if memory == ON_TRIAL else min(_MOST_FREQUENT, frequency + 1)

    @property
    def evicted(self) -> int:
        """How many had to go."""
        return sum(self.ghosts.counts)

    def evict(self, now: float | None) -> int:
        """Let go of one; returns its place, which is still its own. One that has ended by `now` goes first, as
        `has_ended` says, and does not count as evicted; None: none ends.
        """
        places = self._places
        newer, ends, ghosts = places.newer, places.ends, self.ghosts
        self.count = left = self.count - 1
        spared = 0
        while True:
            ring = self._least
            place = newer[ring]
            priority = places.priorities[place]
            if priority >= self._limit:
                place = self._find_least()
                ring = self._least
                priority = places.priorities[place]
            if priority > self._age:
                self._age = priority
            newer[ring] = after = newer[place]
            places.older[after] = ring
            frequency = places.frequencies[place]
            if ends is not None:
                self.has_ended = now is not None and now >= ends[place]
                if self.has_ended:
                    if frequency:
                        self.proven -= 1
                    return place
            hits = places.hits[place]
            if not hits or spared == _MOST_SPARED:
                break
            spared += 1
            places.hits[place] = 0
            if not frequency:
                self.proven += 1
            step = hits if ghosts.counts[0] + ghosts.counts[1] <= left else 1  # while there is no history yet
            level = 0.0 if places.levels is None else places.levels[place]
            self.enqueue(place, min(_MOST_FREQUENT, frequency + step), level)
        ghosts.remember(places.keys[place], frequency, left or 1)
        if frequency:
            self.proven -= 1
            worth = frequency * (1.0 if places.levels is None else 2.0 ** (places.levels[place] / 4))
            if worth > self.displaced:
                self.displaced = worth
        return place

    def _find_least(self) -> int:
        """The place with the least priority."""
        heads, places = self._heads, self._places
        while True:
            least, number = heads[0]
            ring, _ = self._queues[number]
            place = places.newer[ring]
            priority = places.priorities[place]
            if place == ring:
                heapq.heappop(heads)
                del self._queues[number]
                places.give(ring)
            elif priority > least:  # the former head is gone
                heapq.heapreplace(heads, (priority, number))
            else:
                self._least = ring
                self._limit = min(heads[1:3])[0] if len(heads) > 1 else inf
                return place

    def _open(self, number: int) -> tuple[int, float]:
        """A new queue: the place that closes its ring, and what its entries are worth."""
        places = self._places
        ring, term = places.take(), 2.0 ** (number / 4)
        self._queues[number] = ring, term
        places.priorities[ring] = inf
        places.older[ring] = places.newer[ring] = ring
        heapq.heappush(self._heads, (self._age + term, number))
        self._limit = -inf  # so the heap is looked at
        return ring, term

    def _try_for(self, trial: float) -> None:
        """How much a new entry counts, from now on."""
        self._trial = trial
        self._levels[0] = 4 * log2(trial)
        self._numbers[0] = round(self._levels[0])
