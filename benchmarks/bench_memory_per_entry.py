"""The memory that an entry takes beside its key and its value, in a cache that has evicted as many as it holds.

Run as a file it measures one contender: each needs a process of its own.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncGenerator, Callable

from fresh import called_in_a_fresh_process, resident, tell
from harness import Contender, Run, Scenario, Taken
from in_process import in_process

__all__ = ["scenarios"]

ENTRIES = 100_000
VALUE = "It is 42. " * 10
CONTENDERS = {
    "aicache memory tier": "SyncMemoryBackend, no ttl",
    "aicache memory tier, ttl": "the same with a ttl",
    "cachetools LRUCache": "no ttl",
    "cachetools TTLCache": "",
    "theine": "with a ttl",
    "moka-py": "with a ttl",
    "OrderedDict LRU under a lock": "no ttl",
    "floor: dict": "evicts nothing: full once",
}


def scenarios() -> list[Scenario]:
    """One."""
    contenders = [Contender(name, _apart(name), note, name.startswith("floor")) for name, note in CONTENDERS.items()]
    what = f"resident memory an entry, less its key; {ENTRIES:,} entries, after as many evictions; one value for all"
    return [Scenario("memory per entry", what, contenders, "aicache memory tier", rounds=3, unit="B")]


def _apart(name: str) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        yield called_in_a_fresh_process(__file__, name)

    return opened


def _measured(name: str) -> Taken:
    cache = in_process(name, ENTRIES)
    cache.put("to have all imported and allocated", VALUE)
    cache.get("to have all imported and allocated")
    gc.collect()
    before = resident()
    for number in range(ENTRIES if name.startswith("floor") else 2 * ENTRIES):
        cache.put(f"key {number:09d}", VALUE)
    gc.collect()
    after = resident()
    held = sum(1 for number in range(2 * ENTRIES) if cache.get(f"key {number:09d}") is not None)
    assert held > ENTRIES * 0.8, f"{name} holds {held} of {ENTRIES}"
    key = -(-sys.getsizeof(f"key {0:09d}") // 16) * 16  # as it is allocated
    return Taken((after - before) / held - key, more={"entries held": held})


if __name__ == "__main__":
    tell(_measured(sys.argv[1]))
