"""Patterns of access that ruin simpler policies, and lives that leave something behind: what a memory tier makes of
them. What counts is in the columns; the time is that of all of them.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

from harness import Contender, Run, Scenario, Taken
from in_process import in_process

__all__ = ["scenarios"]

ENTRIES = 1_000
DAYS = 30 * 86_400.0


def scenarios() -> list[Scenario]:
    """One."""
    contenders = [
        Contender("aicache", _opened("aicache memory tier", _lives), "SyncMemoryBackend"),
        Contender("LRU", _opened("OrderedDict LRU under a lock", dict), "an OrderedDict"),
    ]
    what = f"{ENTRIES:,} entries: the share of hits under each pattern; what is left of entries that end or are deleted"
    return [Scenario("access patterns", what, contenders, "aicache", rounds=1)]


def _opened(name: str, lives: Callable[[], dict[str, float]]) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        async def run(_count: int) -> Taken:
            begun = time.perf_counter()
            more = {
                "hot set after a scan, %": _scan(_Asked(name)),
                "loop, %": _loop(_Asked(name)),
                "twice, %": _twice(_Asked(name)),
                "new favourites, %": _favourites(_Asked(name)),
            }
            more |= lives()
            return Taken(time.perf_counter() - begun, more=more)

        yield run

    return opened


class _Asked:
    """A cache that is asked for keys, and given what it has not."""

    def __init__(self, name: str) -> None:
        self._cache = in_process(name, ENTRIES)

    def hits(self, keys: Iterable[str]) -> float:
        """In percent of the keys."""
        get, put = self._cache.get, self._cache.put
        asked = found = 0
        for key in keys:
            asked += 1
            if get(key) is None:
                put(key, "answer")
            else:
                found += 1
        return 100 * found / asked


def _scan(cache: _Asked) -> float:
    hot, rng = [f"hot{number}" for number in range(ENTRIES // 2)], random.Random(1)
    for _ in range(20):
        cache.hits(rng.sample(hot, len(hot)))
    cache.hits(f"cold{number}" for number in range(10 * ENTRIES))
    return cache.hits(hot)


def _loop(cache: _Asked) -> float:
    loop = [str(number) for number in range(ENTRIES * 3 // 2)]
    cache.hits(loop * 20)
    return cache.hits(loop * 10)


def _twice(cache: _Asked) -> float:
    apart = ENTRIES * 7 // 20  # new keys; as many old ones come between them
    return cache.hits(key for number in range(40_000) for key in (f"k{number}", f"k{number - apart}"))


def _favourites(cache: _Asked) -> float:
    rng = random.Random(3)
    weights = [1 / (rank + 1) ** 0.8 for rank in range(20_000)]
    cache.hits(f"old{rank}" for rank in rng.choices(range(20_000), weights, k=150_000))
    return cache.hits(f"new{rank}" for rank in rng.choices(range(20_000), weights, k=150_000))


def _lives() -> dict[str, float]:
    from aicache_memory import SyncMemoryBackend

    now = [0.0]
    memory = SyncMemoryBackend(None, 2**34, clock=lambda: now[0])

    def put(number: int, ttl: float) -> None:
        memory.put(str(number), "answer", thaw=None, size=6, created=0.0, ttl=ttl)

    for number in range(100_000):
        put(number, DAYS)
        memory.drop(str(number))
    store: Any = memory._store  # noqa: SLF001 there is no other way to see what is left
    inside = len(memory) + len(store._expiry.rings) + len(store._eviction._queues) + len(store._places.keys)  # noqa: SLF001
    most = 0
    for number in range(20_000):
        put(number, 5.0)
        now[0] += 0.001
        most = max(most, len(memory))
    memory.close()
    return {"entries inside": inside, "held of live, %": 100 * most / 5_000}
