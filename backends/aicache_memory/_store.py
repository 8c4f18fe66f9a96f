"""The entries of one in-process backend: bounded by number and by bytes, with expiry that leaks nothing.

A hit is a look-up in a dict, a look at the clock where the entry ends, and a count; it takes no lock and changes
nothing that another thread could be reading. Writes take one lock. Who must go is decided in `_eviction`, what has
expired is found by `_expiry`: each write reclaims up to 64 entries that are due, so a store in use holds next to
nothing that is dead; `purge` does the rest for one that lies idle.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from math import inf, log2
from typing import Any, Final, cast

from aicache.errors import ConfigurationError
from aicache_memory._entry import LONG_AGO, RAW, Kept
from aicache_memory._eviction import Eviction
from aicache_memory._expiry import Expiry
from aicache_memory._places import Places
from aicache_memory._tables import Tables
from aicache_memory._thaws import OWN, Thaws, as_it_is

__all__ = ["Store"]


_RECLAIMED_PER_WRITE: Final = 64


class Store:
    """Live values and raw bytes by key, under common bounds. `hits`: see `Places`; one list for the store's life."""

    def __init__(self, max_entries: int | None, max_bytes: int | None, clock: Callable[[], float]) -> None:
        if max_entries is None and max_bytes is None:
            raise ConfigurationError(
                "max_entries and max_bytes are both None: without a bound it would grow for ever; give one"
            )
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if bound is not None and (not isinstance(cast(object, bound), int) or isinstance(bound, bool) or bound < 1):
                raise ConfigurationError(
                    f"{name} must be a whole number of at least 1, or None for no such bound, got {bound!r}"
                )
        self.tables = Tables(max_entries)
        self._only = self.tables.only
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._most_entries = sys.maxsize if max_entries is None else max_entries
        self._most_bytes = sys.maxsize if max_bytes is None else max_bytes
        self.clock = clock
        self.on_evict: Callable[[str], None] | None = None
        self.hits: list[int] = []
        self.thaws = Thaws()
        self._lock = threading.Lock()
        self._acquire, self._release = self._lock.acquire, self._lock.release
        self._mean_cost: float | None = None
        self._begin()

    def _begin(self) -> None:
        self.bytes = 0
        self._places = Places(self.hits, weighs=self.max_bytes is not None or self._mean_cost is not None)
        self._eviction = Eviction(self._places, self.max_entries)
        self._expiry = Expiry(self._places)

    def __len__(self) -> int:
        """Entries held, the expired ones that nobody has met yet among them."""
        return self._eviction.count

    @property
    def evictions(self) -> int:
        """Live entries that had to go to make room, since the start or the last time all was forgotten."""
        return self._eviction.evicted

    def put(
        self,
        key: str,
        value: Any,
        *,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        ttl: float | None,
        compressed: bool = False,
        cost: float | None = None,
        stale: float = 0.0,
    ) -> bool:
        """Put an entry under the key, and evict what no longer fits; False, with the key gone, where the entry alone is
        too large. See `HoldsEntries.put`; `thaw` is `as_it_is` for what `set` stores.

        It is long because it is called for each miss: a call of its own for each step would cost half as much again.
        """
        form = 0
        expires = ends = now = None
        more: Any = created
        if ttl is not None:
            clock = self.clock  # a call of an attribute takes longer than one of a name
            now = clock()
            expires = ends = now + ttl
            if stale:
                ends = expires + stale
        if compressed or stale:
            more = (created, ends, compressed)
        if thaw is not None:
            if thaw is as_it_is:
                form, expires, more = RAW, LONG_AGO, expires
            else:
                form = self.thaws.number(thaw)
                if form == OWN:
                    value = (value, thaw)
        size += len(key)
        gone: list[str] | None = None
        acquire, release = self._acquire, self._release  # `with` takes twice as long
        acquire()
        try:
            table = only = self._only
            if table is None:
                table = self.tables.of(key)
            places, eviction, expiry = self._places, self._eviction, self._expiry
            former = table.get(key)
            place = 0 if former is None else former[3]
            if place:
                self._let_go(place)
            room = self._most_bytes - size
            if room < 0:
                if place:
                    del table[key]
                    places.give(place)
                return False
            if expiry.first < inf:
                if now is None:
                    now = self.clock()
                if expiry.first <= now:
                    self._reclaim(now, _RECLAIMED_PER_WRITE)
            if cost is not None or self._mean_cost is not None:
                level = self._level(size, cost)
            else:  # what `_level` says where no costs are known
                level = 0.0 if self.max_bytes is None or size < 2 else 4 * log2(1.0 / size)
            ghost = None
            if place:
                frequency = places.frequencies[place]
            else:
                frequency = 0
                ghost = eviction.ghosts.recall(key)
                if ghost is not None:
                    frequency = eviction.frequency_of(ghost)
            if eviction.count >= self._most_entries or self.bytes > room:
                eviction.displaced = 0.0
                while True:
                    free = eviction.evict(now)
                    goes = places.keys[free]
                    if only is not None:
                        del only[goes]
                    else:
                        del self.tables.of(goes)[goes]
                    self.bytes -= places.sizes[free]
                    if places.ends is not None:
                        expiry.forget(free)
                    if self.on_evict is not None and not eviction.has_ended:
                        gone = [*(gone or ()), goes]
                    if place:
                        places.give(free)
                    else:
                        place = free
                    if eviction.count < self._most_entries and self.bytes <= room:
                        break
                if ghost is not None and frequency * 2.0 ** (level / 4) <= eviction.displaced:
                    frequency = 0  # a key that returns must be worth more than what it displaces
            elif not place:
                place = places.take()
            if former is None:
                places.keys[place] = key
                places.hits[place] = 0
            if places.levels is not None:
                places.levels[place] = level
            places.sizes[place] = size
            self.bytes += size
            eviction.count += 1
            if frequency:
                eviction.proven += 1
            eviction.enqueue(place, frequency, level)
            table[key] = (value, form, expires, place, more)
            if ttl is not None and ends is not None:
                expiry.file(place, ends, ttl)
            elif places.ends is not None:
                places.ends[place] = inf
        finally:
            release()
        if gone and self.on_evict is not None:
            for evicted in gone:  # not under the lock: who listens may want to use the store
                self.on_evict(evicted)
        return True

    def remove(self, key: str, kept: Kept) -> bool:
        """Take out this very entry; False where another thread already did."""
        with self._lock:
            table = self.tables.of(key)
            if table.get(key) is not kept:
                return False
            del table[key]
            self._let_go(kept[3])
            self._places.give(kept[3])
            return True

    def pop(self, key: str) -> bool:
        """Take out the key; say whether a live entry was there."""
        kept = self.tables.look(key)
        if kept is None:
            return False
        expires = kept[4] if kept[1] == RAW else kept[2]
        expired = expires is not None and self.clock() >= expires
        return self.remove(key, kept) and not expired

    def purge(self) -> int:
        """Reclaim every expired entry; return how many there were. Writes do this in slices by themselves."""
        with self._lock:
            before = len(self)
            self._reclaim(self.clock(), before)
            return before - len(self)

    def snapshot(self) -> list[tuple[str, Kept]]:
        """All there is now, the expired entries that nobody has met yet among them."""
        with self._lock:
            self.tables.look("")  # raises where the store is closed
            return [item for table in self.tables for item in table.items()]

    def empty(self) -> None:
        """Forget everything."""
        with self._lock:
            self.tables.look("")  # raises where the store is closed
            for table in self.tables:
                table.clear()
            self._begin()

    def close(self) -> None:
        """Let go of everything; from now on every look-up and write raises `ClosedError`."""
        with self._lock:
            self.tables.close()
            self._only = self.tables.only
            self._begin()

    def _level(self, size: int, cost: float | None) -> float:
        """4 · log2 of what an entry is worth: its cost, where costs are known, for each byte, where bytes are bounded.

        A cost that is not given is taken for the mean of those that were; one below a hundredth of that, for that.
        """
        mean = self._mean_cost
        if cost is not None:
            mean = self._mean_cost = cost if mean is None else mean + 0.01 * (cost - mean)
            self._places.weigh()
        worth = 1.0 if mean is None or mean <= 0 else max(mean if cost is None else cost, mean / 100)
        return 4 * log2(worth if self.max_bytes is None else worth / max(1, size))

    def _reclaim(self, now: float, at_most: int) -> None:
        """Take out so many of those whose interval is over."""
        places = self._places
        for _ in range(at_most):
            place = self._expiry.due(now)
            if not place:
                break
            key = places.keys[place]
            del self.tables.of(key)[key]
            self._let_go(place)
            places.give(place)

    def _let_go(self, place: int) -> None:
        places = self._places
        self.bytes -= places.sizes[place]
        self._eviction.discard(place)
        if places.ends is not None:
            self._expiry.forget(place)
