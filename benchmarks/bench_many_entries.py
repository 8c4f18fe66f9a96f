"""Sync hits over 10,000 entries, the look-up of a miss with the put and the eviction it leads to, and many threads."""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncGenerator, Callable
from itertools import count as counted
from itertools import cycle, islice
from typing import Any

from harness import Contender, Run, Scenario, Taken, Watch, walked
from in_process import in_process

__all__ = ["scenarios"]

ENTRIES = 10_000
THREADS = 8
SECONDS_OF_THREADS = 0.4  # many times what a thread holds the interpreter's lock for
VALUE = b"It is 42. " * 10

NOTES = {
    "aicache": "SyncTieredCache over a memory backend: get, set; no ttl",
    "aicache, ttl": "the same with a ttl",
    "aicache memory tier": "SyncMemoryBackend's peek and put, as a cache calls them; no ttl",
    "aicache memory tier, ttl": "the same with a ttl",
    "aicache SyncMemoryBackend, bytes": "its get and set, for who keeps bytes, with a ttl",
    "aicache decorator": "a function of one argument under cached; no ttl",
    "cachetools TTLCache": "as it is, with no lock: for one thread only",
    "cachetools LRUCache": "no ttl, no lock: for one thread only",
    "theine": "W-TinyLFU, with a ttl and its own lock",
    "moka-py": "W-TinyLFU in Rust, with a ttl",
    "OrderedDict LRU under a lock": "no ttl, no sizes",
    "floor: dict": "no bound, no ttl",
}

EVICTING = set(NOTES) - {"aicache decorator", "floor: dict"}


def scenarios(*, is_short: bool = False) -> list[Scenario]:
    """One for hits, two for evictions, or the smaller one only, and one for threads."""
    hits = [
        *("aicache", "aicache, ttl", "aicache memory tier", "aicache SyncMemoryBackend, bytes"),
        *("cachetools TTLCache", "cachetools LRUCache", "theine", "moka-py", "OrderedDict LRU under a lock"),
    ]
    return [
        Scenario(
            "sync hit, 10,000 entries",
            "get(key) of one key after the other out of 10,000, in no order",
            [
                *(_contender(name, _hitting(name)) for name in [*hits, "floor: dict"]),
                _contender("aicache decorator", _decorated),
            ],
            "aicache",
        ),
        *(
            Scenario(
                f"miss, put and evict, {entries:,} entries",
                f"get(key) of a key that is not there, then its put, in a cache that is full with {entries:,} entries",
                [
                    *(
                        _contender(name, _evicting(name, entries))
                        for name in NOTES
                        if name not in ("aicache decorator", "floor: dict")
                    ),
                    *(
                        Contender(f"{name}, 1,000 entries", _evicting(name, 1_000), "the same with 1,000 entries")
                        for name in ("aicache", "aicache memory tier")
                        if entries > 1_000
                    ),
                ],
                "aicache",
            )
            for entries in ((1_000,) if is_short else (1_000, 100_000))
        ),
        Scenario(
            "sync hit, 8 threads",
            "get(key) of keys out of 10,000 by 8 threads at once; an operation is one get by any of them",
            [
                *(_contender(name, _by_threads(name, THREADS)) for name in ("aicache", "aicache memory tier")),
                *(
                    Contender(f"{name}, one thread", _by_threads(name, 1), "the same by one thread")
                    for name in ("aicache", "aicache memory tier")
                ),
                *(_contender(name, _by_threads(name, THREADS)) for name in ("theine", "moka-py")),
                _contender("OrderedDict LRU under a lock", _by_threads("OrderedDict LRU under a lock", THREADS)),
                _contender("floor: dict", _by_threads("floor: dict", THREADS)),
            ],
            "aicache",
            rounds=5,
        ),
    ]


def _contender(name: str, opened: Callable[[], AsyncGenerator[Run]]) -> Contender:
    return Contender(name, opened, NOTES[name], name.startswith("floor"))


def _keys(entries: int) -> list[str]:
    keys = [f"key {number:07d}" for number in range(entries)]
    random.Random(1).shuffle(keys)
    return keys


def _is_value(found: Any) -> bool:
    return getattr(found, "value", found) == VALUE


def _hitting(name: str) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        cache = in_process(name, ENTRIES * 2)  # theine and moka-py keep less than they may: none has to evict here
        keys = _keys(ENTRIES)
        for key in keys:
            cache.put(key, VALUE)
        assert all(_is_value(cache.get(key)) for key in keys), "a hit gave no value"
        assert cache.get("key that is not there") is None
        yield walked(cache.get, keys)
        cache.close()

    return opened


async def _decorated() -> AsyncGenerator[Run]:
    from aicache import SyncTieredCache
    from aicache_memory import SyncMemoryBackend

    with SyncTieredCache([SyncMemoryBackend(ENTRIES * 2)]) as cache:
        asked: list[str] = []

        @cache.cached()
        def ask(key: str) -> bytes:
            asked.append(key)
            return VALUE

        keys = _keys(ENTRIES)
        assert all(ask(key) == VALUE for key in keys * 2)
        assert asked == keys
        yield walked(ask, keys)
        assert asked == keys


def _evicting(name: str, entries: int) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        cache = in_process(name, entries)
        numbers = counted()
        get, put = cache.get, cache.put
        for _ in range(2 * entries):  # full, and with as many evictions behind it
            put(f"key {next(numbers):09d}", VALUE)
        put("the last", VALUE)
        assert name == "theine" or _is_value(get("the last")), "what was just put is not there"

        async def run(count: int) -> Taken:
            keys = [f"key {number:09d}" for number in islice(numbers, count)]
            with Watch() as watch:
                for key in keys:
                    if get(key) is None:
                        put(key, VALUE)
            return watch.taken(count)

        yield run
        cache.close()

    return opened


def _by_threads(name: str, threads: int) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        cache = in_process(name, ENTRIES * 2)
        keys = _keys(ENTRIES)
        for key in keys:
            cache.put(key, VALUE)
        assert all(_is_value(cache.get(key)) for key in keys), "a hit gave no value"
        get = cache.get

        async def run(_count: int) -> Taken:
            done = [0] * threads
            is_over = threading.Event()

            def hit(number: int) -> None:
                following = islice(cycle(keys), 1_000 * number, None)
                while not is_over.is_set():
                    for key in islice(following, 1_000):
                        get(key)
                    done[number] += 1_000

            every = [threading.Thread(target=hit, args=(number,)) for number in range(threads)]
            with Watch() as watch:
                for thread in every:
                    thread.start()
                is_over.wait(SECONDS_OF_THREADS)
                is_over.set()
                for thread in every:
                    thread.join()
            return watch.taken(sum(done))

        yield run
        cache.close()

    return opened
