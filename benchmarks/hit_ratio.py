"""How many requests of a trace are hits, by the size of the cache: ours, other policies, and the most there could be.

The most is Belady's MIN with bypass (1966), exact for entries of one size; by bytes, PFOO-L (Berger, Beckmann,
Harchol-Balter, 2018), which is above what can be had. Traces: those that come with the package, and those in a folder
that `AICACHE_TRACES` names.
"""

from __future__ import annotations

import heapq
import os
from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["SHARES", "hit_ratios", "most_by_bytes", "most_hits"]

SHARES = (0.001, 0.01, 0.1)
"""The sizes of the cache, as shares of the objects of the trace; one below 50 entries is left out."""


def hit_ratios(shares: Sequence[float] = SHARES) -> dict[str, list[dict[str, Any]]]:
    """For each trace and size: the entries, and the hit ratio of MIN, of ours, of the policies in `policies` and of the
    peers; and where bytes are bounded, what share of objects ours saves, what share of all dollars where it is told of
    costs, what share LRU saves, and the most there is of either.
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
        room = sum(rows[number].size for number in set(requests))
        found[name] = [
            {"share": share, "entries": round(objects * share)}
            | _by_entries(requests, round(objects * share))
            | _by_bytes(requests, rows, round(room * share))
            for share in shares
            if round(objects * share) >= 50
        ]
    return found


def _by_entries(requests: Sequence[int], entries: int) -> dict[str, float]:
    from policies import POLICIES

    hits = {"min": most_hits(requests, entries), "aicache": _ours(requests, entries)}
    hits |= {name: policy(requests, entries) for name, policy in POLICIES.items()}
    return {name: number / len(requests) for name, number in (hits | _peers(requests, entries)).items()}


def _by_bytes(requests: Sequence[int], rows: Sequence[Any], room: int) -> dict[str, float]:
    sizes = [row.size for row in rows]
    dollars = [row.dollars for row in rows]
    ones = [1.0] * len(rows)
    asked = sum(dollars[number] for number in requests)
    return {
        "objects": _saved(requests, rows, room, ones, is_told=False) / len(requests),
        "objects_most": most_by_bytes(requests, sizes, ones, room) / len(requests),
        "dollars": _saved(requests, rows, room, dollars, is_told=True) / asked,
        "dollars_lru": _dollars_lru(requests, rows, room) / asked,
        "dollars_most": most_by_bytes(requests, sizes, dollars, room) / asked,
    }


def most_by_bytes(requests: Sequence[int], sizes: Sequence[int], worth: Sequence[float], room: int) -> float:
    """No less than what any policy could save that keeps at most `room` bytes (PFOO-L).

    An answer that is kept until it is asked for again takes its bytes for so many requests; the cache has its room for
    all of them. Those that save most for what they take are counted until all is taken, the last one in part.
    """
    last: dict[int, int] = {}
    stays: list[tuple[float, float, float]] = []
    for at, number in enumerate(requests):
        if number in last and sizes[number] <= room:
            takes = sizes[number] * (at - last[number])
            stays.append((worth[number] / takes, worth[number], takes))
        last[number] = at
    left, saved = float(room * len(requests)), 0.0
    for _, one, takes in sorted(stays, reverse=True):
        saved += one * min(1.0, left / takes)
        left -= takes
        if left <= 0:
            break
    return saved


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


def _peers(requests: Sequence[int], entries: int) -> dict[str, int]:
    """The hits of the peers that do more than LRU, where they are installed."""
    hits: dict[str, int] = {}
    if find_spec("theine"):
        from theine import Cache

        cache: Any = Cache(entries, nolock=True)
        hits["theine"] = 0
        for number in requests:
            if cache.get(number)[1]:
                hits["theine"] += 1
            else:
                cache.set(number, True)
        cache.close()
    if find_spec("moka_py"):
        from moka_py import Moka

        moka: Any = Moka(capacity=entries)
        hits["moka"] = 0
        for number in requests:
            if moka.get(number):
                hits["moka"] += 1
            else:
                moka.set(number, True)
                moka.run_pending_tasks()  # or it holds more than it may
    return hits


def _saved(requests: Sequence[int], rows: Sequence[Any], room: int, worth: Sequence[float], *, is_told: bool) -> float:
    from aicache_memory import SyncMemoryBackend

    memory = SyncMemoryBackend(None, room)
    saved = 0.0
    for number in requests:
        key, row = str(number), rows[number]
        if memory.peek(key) is not None:
            saved += worth[number]
        else:
            cost = row.dollars if is_told else None
            memory.put(key, number, thaw=None, size=row.size, created=0.0, ttl=None, cost=cost)
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
