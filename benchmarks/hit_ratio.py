"""How many requests of a trace are hits, by the size of the cache: ours, LRU, and the most that any policy could have.

The most is Belady's MIN with bypass (1966), exact for entries of one size. Traces: those that come with the package,
and those in a folder that `AICACHE_TRACES` names.
"""

from __future__ import annotations

import heapq
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["SHARES", "hit_ratios", "most_hits"]

SHARES = (0.001, 0.01, 0.1)
"""The sizes of the cache, as shares of the objects of the trace; one below 50 entries is left out."""


def hit_ratios() -> dict[str, list[dict[str, Any]]]:
    """For each trace and size: the entries, and the hit ratio of MIN, of ours and of LRU; and the share of all dollars
    that is saved by ours, which is told of costs, and by LRU, both bounded by bytes.
    """
    from aicache.cli.demo.trace import read_trace, shipped

    paths = dict(shipped())
    folder = os.environ.get("AICACHE_TRACES")
    if folder:
        paths |= {path.name.removesuffix(".trace.gz"): path for path in sorted(Path(folder).glob("*.trace.gz"))}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, path in paths.items():
        trace = read_trace(str(path))
        requests = list(trace.requests)
        objects = len(set(requests))
        rows = [trace.row(number) for number in range(max(requests) + 1)]
        found[name] = []
        for share in SHARES:
            entries = round(objects * share)
            if entries >= 50:
                room = round(sum(rows[number].size for number in set(requests)) * share)
                asked = sum(rows[number].dollars for number in requests)
                found[name].append(
                    {
                        "share": share,
                        "entries": entries,
                        "min": most_hits(requests, entries) / len(requests),
                        "aicache": _ours(requests, entries) / len(requests),
                        "lru": _lru(requests, entries) / len(requests),
                        "dollars": _dollars(requests, rows, room) / asked,
                        "dollars_lru": _dollars_lru(requests, rows, room) / asked,
                    }
                )
    return found


def most_hits(requests: Sequence[int], entries: int) -> int:
    """The hits of a policy that knows the future: who is asked for last goes, a newcomer among them."""
    never = len(requests)
    following = [never] * never
    last: dict[int, int] = {}
    for at in range(never - 1, -1, -1):
        following[at] = last.get(requests[at], never)
        last[requests[at]] = at
    kept: dict[int, int] = {}  # what is kept, and when it is asked for next
    latest: list[tuple[int, int]] = []
    hits = 0
    for at, number in enumerate(requests):
        if number in kept:
            hits += 1
        if following[at] == never:
            kept.pop(number, None)
            continue
        kept[number] = following[at]
        heapq.heappush(latest, (-following[at], number))
        while len(kept) > entries:
            when, goes = heapq.heappop(latest)
            if kept.get(goes) == -when:
                del kept[goes]
    return hits


def _ours(requests: Sequence[int], entries: int) -> int:
    from aicache_memory import SyncMemoryBackend

    memory = SyncMemoryBackend(entries, None)
    hits = 0
    for number in requests:
        key = str(number)
        if memory.peek(key) is not None:
            hits += 1
        else:
            memory.put(key, number, thaw=None, size=1, created=0.0, ttl=None)
    return hits


def _lru(requests: Sequence[int], entries: int) -> int:
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for number in requests:
        if number in kept:
            hits += 1
            kept.move_to_end(number)
        else:
            kept[number] = None
            if len(kept) > entries:
                kept.popitem(last=False)
    return hits


def _dollars(requests: Sequence[int], rows: Sequence[Any], room: int) -> float:
    from aicache_memory import SyncMemoryBackend

    memory = SyncMemoryBackend(None, room)
    saved = 0.0
    for number in requests:
        key, row = str(number), rows[number]
        if memory.peek(key) is not None:
            saved += row.dollars
        else:
            memory.put(key, number, thaw=None, size=row.size, created=0.0, ttl=None, cost=row.dollars)
    return saved


def _dollars_lru(requests: Sequence[int], rows: Sequence[Any], room: int) -> float:
    kept: OrderedDict[int, int] = OrderedDict()
    used, saved = 0, 0.0
    for number in requests:
        if number in kept:
            saved += rows[number].dollars
            kept.move_to_end(number)
            continue
        size = rows[number].size + len(str(number))
        if size <= room:
            kept[number] = size
            used += size
            while used > room:
                used -= kept.popitem(last=False)[1]
    return saved
