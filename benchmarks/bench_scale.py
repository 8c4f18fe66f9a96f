"""From a thousand entries to a million, or ten: what a hit and an insert grow by, beside a bare dict.

Run as a file it measures one contender at one size: each needs a process of its own.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from fresh import called_in_a_fresh_process, tell
from harness import Contender, Run, Scenario, Taken
from in_process import InProcess, in_process

__all__ = ["SIZES", "scenarios"]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
HITS = 200_000
VALUE = "It is 42. " * 10


def scenarios(sizes: Sequence[int] = SIZES) -> list[Scenario]:
    """One, over all sizes."""
    contenders = [
        Contender(f"{name}, {size:,}", _apart(name, size), note, name.startswith("floor"))
        for size in sizes
        for name, note in (("aicache memory tier", "SyncMemoryBackend"), ("floor: dict", "no bound"))
    ]
    what = (
        "a hit of any key, by the number of entries; an insert, and the longest of all, its garbage collection within"
    )
    return [Scenario("scale", what, contenders, f"aicache memory tier, {sizes[0]:,}", rounds=2)]


def _apart(name: str, size: int) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        yield called_in_a_fresh_process(__file__, name, str(size))

    return opened


def _measured(name: str, size: int) -> Taken:
    keys = [f"key {number:09d}" for number in range(size)]
    gc.collect()
    gc.freeze()  # to look through the keys and the modules is no cost of the cache
    times = max(1, 100_000 // size)
    took = 0.0
    for _ in range(times):
        cache = in_process(name, size)
        cache.put("first", VALUE)  # what comes with the first is not an insert's
        put = cache.put
        begun = time.thread_time()
        for key in keys[1:]:
            put(key, VALUE)
        took += time.thread_time() - begun
        assert cache.get(keys[-1]) is not None
        cache.close()
    more = {"insert, s": took / times / size, "longest insert, s": _longest(in_process(name, size), keys)}
    gc.disable()
    cache = in_process(name, size)
    more["longest without collector, s"] = _longest(cache, keys)
    asked = random.Random(1).choices(keys, k=HITS)
    get = cache.get
    assert all(get(key) is not None for key in asked)
    begun = time.thread_time()
    for key in asked:
        get(key)
    return Taken((time.thread_time() - begun) / HITS, more=more)


def _longest(cache: InProcess, keys: Sequence[str]) -> float:
    """In seconds of this thread: what else the machine does is not in it."""
    longest, now, put = 0.0, time.thread_time, cache.put
    for key in keys:
        begun = now()
        put(key, VALUE)
        longest = max(longest, now() - begun)
    return longest


if __name__ == "__main__":
    tell(_measured(sys.argv[1], int(sys.argv[2])))
