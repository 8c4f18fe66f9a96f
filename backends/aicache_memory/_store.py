"""The entries of one in-process backend: bounded by number and by bytes, with expiry that leaks nothing.

A hit is a look-up in a dict, a look at the clock where the entry ends, and a count; it takes no lock and changes
nothing that another thread could be reading. Writes take one lock. Who must go is decided in `_eviction`, what has
expired is found by
`_expiry`: each write reclaims up to 64 entries that are due, so a store in use holds next to nothing that is dead;
`purge` does the rest for one that lies idle.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from math import log2
from typing import Final, NoReturn, cast

from aicache.errors import ClosedError, ConfigurationError
from aicache_memory._entry import Entry, worth_of
from aicache_memory._eviction import Eviction
from aicache_memory._expiry import Expiry

__all__ = ["Store"]

_RECLAIMED_PER_WRITE: Final = 64


class _Closed(dict[str, Entry]):
    """Stands in for the entries of a closed store, so that being open costs a look-up nothing."""

    def get(self, *_: object) -> NoReturn:
        raise ClosedError("this memory backend is closed; build a new one")


class Store:
    """Two tables of entries under common bounds: `live` holds values, `raw` holds bytes. A key is in at most one of
    them.
    """

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
        self.live: dict[str, Entry] = {}
        self.raw: dict[str, Entry] = {}
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.clock = clock
        self._lock = threading.Lock()
        self._eviction = Eviction(int.from_bytes(os.urandom(8), "big"))
        self._expiry = Expiry()
        self._mean_cost: float | None = None
        self.on_evict: Callable[[str], None] | None = None

    def __len__(self) -> int:
        """Entries held, the expired ones that nobody has met yet among them."""
        return len(self.live) + len(self.raw)

    @property
    def evictions(self) -> int:
        """Live entries that had to go to make room, since the start or the last time all was forgotten."""
        return self._eviction.evicted

    def find(self, home: dict[str, Entry], key: str) -> Entry | None:
        """The entry, counted as a use of it; None where there is none or it has expired. Takes no lock on a hit."""
        entry = home.get(key)
        if entry is None:
            return None
        expires = entry.expires
        if expires is not None and self.clock() >= expires:
            self.remove(entry)
            return None
        if entry.hits < 7:
            entry.hits += 1
        return entry

    def keep(self, home: dict[str, Entry], entry: Entry, ttl: float | None, cost: float | None = None) -> bool:
        """Put `entry` into a table and evict what no longer fits; False, with the key gone, where the entry alone is
        too large.

        `cost`: what making it again costs, in any unit, the same for all; None: not known.
        """
        key = entry.key
        gone: list[str] = []
        entry.size += len(key)
        with self._lock:
            former = self.live.get(key) or self.raw.get(key)
            if former is not None:
                self._unlink(former)
                entry.frequency, entry.hits = former.frequency, former.hits
            if self.max_bytes is not None and entry.size > self.max_bytes:
                return False
            if self._expiry.ends:
                for due in self._expiry.due(self.clock(), _RECLAIMED_PER_WRITE):
                    self._unlink(due)
            entry.level = self._level(entry.size, cost)
            if former is None:
                entry.frequency = self._eviction.frequency_of(key)
            count, most = self._eviction.count, self.max_entries
            if (most is not None and count >= most) or (
                self.max_bytes is not None and self.bytes + entry.size > self.max_bytes
            ):
                worth = self._make_room(entry.size, gone)
                if former is None and entry.frequency and entry.frequency * worth_of(entry) <= worth:
                    entry.frequency = 0  # a key that returns must be worth more than what it displaces
            entry.home = home
            home[key] = entry
            self.bytes += entry.size
            self._eviction.add(entry)
            if ttl is not None and entry.ends is not None:
                self._expiry.file(entry, entry.ends, ttl)
        if self.on_evict is not None:
            for evicted in gone:  # not under the lock: who listens may want to use the store
                self.on_evict(evicted)
        return True

    def remove(self, entry: Entry) -> bool:
        """Take out this very entry; False where another thread already did."""
        with self._lock:
            if entry.home.get(entry.key) is not entry:
                return False
            self._unlink(entry)
            return True

    def pop(self, key: str) -> bool:
        """Take out the key; say whether a live entry was there."""
        entry = self.live.get(key) or self.raw.get(key)
        if entry is None:
            return False
        expired = entry.expires is not None and self.clock() >= entry.expires
        return self.remove(entry) and not expired

    def purge(self) -> int:
        """Reclaim every expired entry; return how many there were. Writes do this in slices by themselves."""
        with self._lock:
            before = len(self)
            for due in self._expiry.due(self.clock(), before):
                self._unlink(due)
            return before - len(self)

    def snapshot(self) -> list[tuple[str, Entry]]:
        """Both tables as they are now, the expired entries that nobody has met yet among them."""
        with self._lock:
            self.live.get("")  # raises where the store is closed
            return [*self.raw.items(), *self.live.items()]

    def empty(self) -> None:
        """Forget everything."""
        with self._lock:
            self.live.get("")  # raises where the store is closed
            self.live.clear()
            self.raw.clear()
            self._forget_order()

    def close(self) -> None:
        """Let go of everything; from now on every look-up and write raises `ClosedError`."""
        with self._lock:
            self.live.clear()  # somebody may still hold its look-up
            self.raw.clear()
            self.live = self.raw = _Closed()
            self._forget_order()

    def _forget_order(self) -> None:
        self._eviction.clear()
        self._expiry.clear()
        self.bytes = 0

    def _level(self, size: int, cost: float | None) -> float:
        """4 · log2 of what an entry is worth: its cost, where costs are known, for each byte, where bytes are bounded.

        A cost that is not given is taken for the mean of those that were; one below a hundredth of that, for that.
        """
        mean = self._mean_cost
        if mean is None and cost is None and self.max_bytes is None:
            return 0.0
        if cost is not None:
            mean = self._mean_cost = cost if mean is None else mean + 0.01 * (cost - mean)
        worth = 1.0 if mean is None or mean <= 0 else max(mean if cost is None else cost, mean / 100)
        return 4 * log2(worth if self.max_bytes is None else worth / max(1, size))

    def _make_room(self, size: int, gone: list[str]) -> float:
        """Evict until there is room; returns the most that one of the evicted was worth that had proven itself.

        `gone`: takes their keys, where somebody asks for them.
        """
        worth, eviction = 0.0, self._eviction
        while (self.max_entries is not None and eviction.count >= self.max_entries) or (
            self.max_bytes is not None and self.bytes + size > self.max_bytes
        ):
            before = eviction.evicted
            evicted, its_worth = eviction.evict(self.clock)
            del evicted.home[evicted.key]
            self.bytes -= evicted.size
            if evicted.bucket is not None:
                self._expiry.forget(evicted)
            if self.on_evict is not None and eviction.evicted > before:  # else it had expired
                gone.append(evicted.key)
            if its_worth > worth:
                worth = its_worth
        return worth

    def _unlink(self, entry: Entry) -> None:
        del entry.home[entry.key]
        self.bytes -= entry.size
        self._eviction.discard(entry)
        self._expiry.forget(entry)
