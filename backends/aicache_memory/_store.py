"""The entries of one in-process backend: bounded by number and by bytes, with expiry that leaks nothing.

Eviction is SIEVE (Zhang et al., "SIEVE is simpler than LRU: an efficient turn-key eviction algorithm for web caches",
NSDI 2024): entries stand in a queue by age; a hit sets one flag; a hand walks from the oldest to the newest, spares
what was hit since it last passed, once, and evicts the first that was not. So a hit changes nothing that another thread
could be reading, and needs no lock; writes take one.

Expired entries are found through buckets: sets of entries that end within the same short interval (at most a 32nd of
their ttl), under a heap of interval ends. Each write reclaims up to 64 entries that are due, so a store in use holds
next to nothing that is dead; `purge` does the rest for one that lies idle. An evicted entry leaves its bucket at once.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from math import ceil, frexp
from typing import Any, NoReturn, cast

from aicache.errors import ClosedError, ConfigurationError

__all__ = ["Node", "Store"]

_RECLAIMED_PER_WRITE = 64


class Node:
    """One entry. Nothing but its place in the queue and its flag ever changes: an overwrite makes a new node."""

    __slots__ = (
        "bucket", "compressed", "created", "expires", "home", "key", "newer", "older", "size", "thaw", "value",
        "visited",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        value: Any,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        expires: float | None,
        compressed: bool = False,
    ) -> None:
        self.key = key
        self.value = value
        self.thaw = thaw
        self.size = size
        self.created = created
        self.expires = expires
        self.compressed = compressed
        self.visited = False
        self.older: Node | None = None
        self.newer: Node | None = None
        self.home: dict[str, Node] = {}
        self.bucket: set[Node] | None = None


class _Closed(dict[str, Node]):
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
        self.live: dict[str, Node] = {}
        self.raw: dict[str, Node] = {}
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.evictions = 0
        self.clock = clock
        self._lock = threading.Lock()
        self._newest: Node | None = None
        self._oldest: Node | None = None
        self._hand: Node | None = None
        self._buckets: dict[float, set[Node]] = {}
        self._ends: list[float] = []

    def __len__(self) -> int:
        """Entries held, the expired ones that nobody has met yet among them."""
        return len(self.live) + len(self.raw)

    def find(self, home: dict[str, Node], key: str) -> Node | None:
        """The entry, marked as used; None where there is none or it has expired. Takes no lock on a hit."""
        node = home.get(key)
        if node is None:
            return None
        expires = node.expires
        if expires is not None and self.clock() >= expires:
            self.remove(node)
            return None
        node.visited = True
        return node

    def keep(self, home: dict[str, Node], node: Node, ttl: float | None) -> bool:
        """Put `node` into a table and evict what no longer fits; False, with the key gone, where the node alone is
        too large.
        """
        key = node.key
        node.size += len(key)
        with self._lock:
            former = self.live.get(key) or self.raw.get(key)
            if former is not None:
                self._unlink(former)
            if self.max_bytes is not None and node.size > self.max_bytes:
                return False
            self._reclaim(_RECLAIMED_PER_WRITE)
            self._make_room(node.size)
            node.home = home
            home[key] = node
            self.bytes += node.size
            node.older = self._newest
            if self._newest is None:
                self._oldest = node
            else:
                self._newest.newer = node
            self._newest = node
            if ttl is not None:
                self._file(node, ttl)
        return True

    def remove(self, node: Node) -> bool:
        """Take out this very node; False where another thread already did."""
        with self._lock:
            if node.home.get(node.key) is not node:
                return False
            self._unlink(node)
            return True

    def pop(self, key: str) -> bool:
        """Take out the key; say whether a live entry was there."""
        node = self.live.get(key) or self.raw.get(key)
        if node is None:
            return False
        expired = node.expires is not None and self.clock() >= node.expires
        return self.remove(node) and not expired

    def purge(self) -> int:
        """Reclaim every expired entry; return how many there were. Writes do this in slices by themselves."""
        with self._lock:
            before = len(self)
            self._reclaim(before)
            return before - len(self)

    def snapshot(self) -> list[tuple[str, Node]]:
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
            self.live = self.raw = _Closed()
            self._forget_order()

    def _forget_order(self) -> None:
        self._newest = self._oldest = self._hand = None
        self._buckets = {}
        self._ends = []
        self.bytes = 0

    def _make_room(self, size: int) -> None:
        while (self.max_entries is not None and len(self) >= self.max_entries) or (
            self.max_bytes is not None and self.bytes + size > self.max_bytes
        ):
            self._evict()

    def _evict(self) -> None:
        node = self._hand or self._oldest
        while node is not None and node.visited:
            node.visited = False
            node = node.newer or self._oldest
        if node is not None:
            self._hand = node.newer
            self._unlink(node)
            self.evictions += 1

    def _unlink(self, node: Node) -> None:
        del node.home[node.key]
        self.bytes -= node.size
        if self._hand is node:
            self._hand = node.newer
        if node.older is None:
            self._oldest = node.newer
        else:
            node.older.newer = node.newer
        if node.newer is None:
            self._newest = node.older
        else:
            node.newer.older = node.older
        node.older = node.newer = None
        if node.bucket is not None:
            node.bucket.discard(node)
            node.bucket = None

    def _file(self, node: Node, ttl: float) -> None:
        width = max(0.125, 2.0 ** (frexp(ttl)[1] - 6))
        end = ceil(cast(float, node.expires) / width) * width
        bucket = self._buckets.get(end)
        if bucket is None:
            bucket = self._buckets[end] = set()
            heapq.heappush(self._ends, end)
        bucket.add(node)
        node.bucket = bucket

    def _reclaim(self, at_most: int) -> None:
        if not self._ends:
            return
        now = self.clock()
        while self._ends and self._ends[0] <= now:
            bucket = self._buckets[self._ends[0]]
            while bucket:
                if at_most <= 0:
                    return
                self._unlink(bucket.pop())
                at_most -= 1
            del self._buckets[heapq.heappop(self._ends)]
