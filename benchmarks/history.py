"""Records what several processes do to one cache under faults, and checks it offline: `python benchmarks/history.py`.

Every process notes when each call began and when it had returned, by CLOCK_MONOTONIC, which is one clock for all of
them (Jepsen's method: Kingsbury, "Knossos", 2013). Every value is one that was never written before, so a read tells
which write or load it comes from. The checker then knows nothing of caches but this:

- A value exists from when its write or its load began.
- It is over once a write or an invalidation of its key, which began after the value was there, has returned: who reads
  later may not get it. What was still on its way, or failed, proves nothing.
- From memory it may come half a second later (`BEHIND`), and more by as much as the event loop was late.

`--seconds 30 --processes 4 --seed 1` is the long form; with the same seed the same faults come at the same times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from under_fault.processes import Array, numbers, processes, until

__all__ = ["BEHIND", "Event", "record", "violations"]

BEHIND = 0.5
"""Seconds that memory may be behind."""

KEYS = 12
CALLERS = 4
PREFIX = "history:"
MISSING = -1


@dataclass(frozen=True)
class Event:
    """One call. `kind`: "write", "load", "delete" or "read". `began`, `ended`: by the monotonic clock; `ended` is None
    where it failed, or nobody knows. `value`: what was written, loaded or read. `from_memory`: where a read says it
    comes from. `is_marked`: it said that the value is stale. `late`: seconds that the loop was late, at the most.
    """

    kind: str
    key: str
    began: float
    ended: float | None
    value: int = MISSING
    from_memory: bool = False
    is_marked: bool = False
    late: float = 0.0


def violations(history: Iterable[Event], behind: float = BEHIND) -> list[str]:
    """What should not have been read, in words."""
    by_key: dict[str, list[Event]] = defaultdict(list)
    for event in history:
        by_key[event.key].append(event)
    return [said for events in by_key.values() for said in _of_one_key(events, behind)]


def _of_one_key(events: Sequence[Event], behind: float) -> Iterable[str]:
    born = {event.value: event for event in events if event.kind in ("write", "load")}
    changes = [event for event in events if event.kind in ("write", "delete") and event.ended is not None]
    for read in events:
        if read.kind != "read" or read.value == MISSING or read.is_marked:
            continue
        origin = born.get(read.value)
        if origin is None:
            yield f"{read.key}: read {read.value}, which nobody wrote or loaded"
            continue
        if read.ended is not None and origin.began > read.ended:
            yield f"{read.key}: read {read.value} before it was written or loaded"
        allowed = behind + read.late if read.from_memory else 0.0
        over = _over_at(origin, changes)
        if over is not None and over < read.began - allowed:
            place = "memory" if read.from_memory else "the store"
            yield f"{read.key}: read {read.value} from {place}, {read.began - over:.3f} s after it was over"


def _over_at(origin: Event, changes: Sequence[Event]) -> float | None:
    """When it was certain that a value is over; None: it may still be there.

    A write is over once a change that began after it had returned has returned. A load reads its source when it begins;
    so it is over once a change that began after that has returned.
    """
    since = origin.began if origin.kind == "load" else origin.ended
    if since is None:
        return None
    ends = [change.ended for change in changes if change.began > since and change.ended is not None]
    return min(ends, default=None)


# -- recording

BEGUN, OVER = range(2)


async def _act(number: int, url: str, seed: int, folder: str, ready: Array, flags: Array) -> None:
    """A process that reads, writes, invalidates and loads at random, and notes it."""
    from aicache import Policy, Tier, TieredCache
    from aicache.errors import AICacheError
    from aicache_memory import MemoryBackend
    from aicache_redis import RedisBackend

    draw, made = random.Random(f"{seed} {number}"), 0
    tiers = [MemoryBackend(), Tier(backend=RedisBackend(url, prefix=PREFIX), on_error="raise", breaker=None)]
    policy = Policy(ttl=600, lease=1.0 if number % 2 else None)
    lag = [0.0]
    with (Path(folder) / f"{number}.jsonl").open("w", buffering=1, encoding="utf-8") as notes:

        def note(**fields: Any) -> None:
            notes.write(json.dumps(fields) + "\n")

        def new_value() -> int:
            nonlocal made
            made += 1
            return number * 10_000_000 + made

        async with TieredCache(tiers, policy=policy) as cache:

            async def read(key: str, at: int) -> None:
                async def load() -> int:
                    begun, value = time.monotonic(), new_value()
                    note(kind="load", key=key, began=begun, ended=None, value=value)
                    await asyncio.sleep(draw.uniform(0, 0.02))
                    return value

                began = time.monotonic()
                said = await (cache.lookup_or_set(key, load) if at else cache.lookup(key))
                ended = time.monotonic()
                if said.value is not None:
                    note(
                        kind="read",
                        key=key,
                        began=began,
                        ended=ended,
                        value=said.value,
                        from_memory=said.tier == "memory",
                        is_marked=said.stale,
                        late=lag[0],
                    )

            async def change(key: str, at: int) -> None:
                value, began, ended = new_value() if at else MISSING, time.monotonic(), None
                try:
                    await (cache.set(key, value) if at else cache.delete(key))
                    ended = time.monotonic()
                finally:
                    note(kind="write" if at else "delete", key=key, began=began, ended=ended, value=value)

            async def call() -> None:
                while not flags[OVER]:
                    key, chance = f"key {draw.randrange(KEYS)}", draw.random()
                    with suppress(AICacheError):
                        if chance < 0.9:
                            await read(key, chance < 0.75)
                        else:
                            await change(key, chance < 0.94)
                    await asyncio.sleep(draw.uniform(0, 0.01))

            async def watch_the_loop() -> None:
                while not flags[OVER]:
                    before = time.monotonic()
                    await asyncio.sleep(0.005)
                    lag[0] = max(lag[0], time.monotonic() - before - 0.005)

            ready[number] = 1
            await until(lambda: bool(flags[BEGUN]))
            await asyncio.gather(watch_the_loop(), *[call() for _ in range(CALLERS)])


async def record(*, count: int, seconds: float, seed: int, faults: bool = True) -> list[Event]:
    """The history of so many processes for so many seconds, with faults that are drawn from the seed."""
    from aicache.testing import FaultProxy
    from aicache.testing.servers import RedisServer

    draw, ready, flags = random.Random(seed), numbers(count), numbers(2)
    with RedisServer() as server, FaultProxy(server.port) as proxy, tempfile.TemporaryDirectory() as folder:
        through = server.url.replace(str(server.port), str(proxy.port))
        each = [(through if number % 2 else server.url, seed, folder, ready, flags) for number in range(count)]
        async with processes(_act, each):
            await until(lambda: all(ready))
            flags[BEGUN] = 1
            ends = time.monotonic() + seconds
            while faults and time.monotonic() < ends - 1.0:
                await asyncio.sleep(draw.uniform(0.1, 1.0))
                await _harm(
                    draw.choice(["kill", "stop", "cut", "half-open", "black hole", "feed"]), draw, server, proxy
                )
            await asyncio.sleep(max(0.0, ends - time.monotonic()))
            flags[OVER] = 1
        return _noted(Path(folder))


def _noted(folder: Path) -> list[Event]:
    files = sorted(folder.glob("*.jsonl"))
    return [Event(**json.loads(line)) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


async def _harm(fault: str, draw: random.Random, server: Any, proxy: Any) -> None:
    seconds = draw.uniform(0.05, 0.8)
    if fault == "kill":
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)
    elif fault == "stop":
        server.pause()
        await asyncio.sleep(seconds)
        server.resume()
    elif fault == "cut":
        proxy.cut()
    elif fault == "half-open":
        proxy.silence()
    elif fault == "black hole":
        proxy.swallows = True
        await asyncio.sleep(seconds)
        proxy.swallows = False
        proxy.cut()
    else:
        from redis import Redis

        with Redis.from_url(server.url) as raw:
            await asyncio.to_thread(raw.unlink, PREFIX + "\0f")


def main() -> None:
    """Record and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    history = asyncio.run(record(count=options.processes, seconds=options.seconds, seed=options.seed))
    found = violations(history)
    reads = [event for event in history if event.kind == "read"]
    memory = sum(read.from_memory for read in reads)
    print(f"{len(history)} calls, {len(reads)} reads of values, {memory} of them from memory")
    print(f"the loops were {max((read.late for read in reads), default=0.0):.3f} s late at the most")
    print(*found[:20], f"{len(found)} violations", sep="\n")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
