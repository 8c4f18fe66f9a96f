"""How long the garbage collector stops everything where 20,000 answers are cached.

Run as a file it measures one contender: each needs a process of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from statistics import median
from typing import Any

from fresh import called_in_a_fresh_process, tell
from harness import Contender, Run, Scenario, Taken
from values import answer

__all__ = ["scenarios"]

ANSWERS = 20_000
CONTENDERS = {
    "aicache": "keeps bytes, from which each caller gets a dict of its own",
    "aicache, copy=live": "keeps the dicts",
    "cachetools TTLCache": "keeps the dicts",
    "live dicts": "in a dict, with nothing round them",
    "floor: nothing cached": "what is left to look at",
}


def scenarios() -> list[Scenario]:
    """One."""
    contenders = [Contender(name, _apart(name), note, name.startswith("floor")) for name, note in CONTENDERS.items()]
    what = f"a full gc.collect() with {ANSWERS:,} answers of 1.5 kB cached, without what the process held before"
    return [Scenario("garbage collection", what, contenders, "aicache", rounds=3)]


def _apart(name: str) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        yield called_in_a_fresh_process(__file__, name)

    return opened


def _kept(name: str) -> Any:
    """The cache, so that it lives on, full."""
    from aicache import SyncTieredCache
    from aicache_memory import SyncMemoryBackend

    text = json.dumps(answer(1_500)).replace('"content": "', '"content": "%d ')

    def answers() -> Any:
        for number in range(ANSWERS):
            yield f"key {number}", json.loads(text % number)

    if name.startswith("aicache"):
        cache = SyncTieredCache([SyncMemoryBackend(copy="live" if "live" in name else "isolate")])
        for key, value in answers():
            cache.set(key, value)
        assert cache.get("key 7")["choices"][0]["message"]["content"].startswith("7 ")
        return cache
    if name == "cachetools TTLCache":
        from cachetools import TTLCache

        kept = TTLCache(ANSWERS, 3600)
        kept.update(answers())
        return kept
    return dict(answers()) if name == "live dicts" else None


def _measured(name: str) -> Taken:
    importlib.import_module("aicache_memory")
    importlib.import_module("aicache").SyncTieredCache  # noqa: B018 loads what is loaded late
    gc.collect()
    gc.freeze()  # what the process holds beside the cache is no cost of the cache
    kept = _kept(name)
    took: list[float] = []
    for _ in range(7):
        begun = time.thread_time()
        gc.collect()
        took.append(time.thread_time() - begun)
    assert kept is not None or name.startswith("floor")
    return Taken(median(took[1:]))


if __name__ == "__main__":
    tell(_measured(sys.argv[1]))
