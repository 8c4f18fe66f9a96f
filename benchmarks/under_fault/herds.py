"""How often a fleet loads one key that all its processes miss at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from redis.asyncio import Redis

from aicache import Policy, TieredCache
from aicache.testing.servers import RedisServer
from aicache_redis import RedisBackend
from under_fault.forgetting import PREFIX
from under_fault.processes import Array, numbers, processes, until
from under_fault.rows import Figures, Row, Scale, most

__all__ = ["ROWS", "herd"]

READY, BEGUN, READS, LOADS = range(4)
FIGURES = 4
MOST_LOADS = 8


async def _ask(
    number: int, url: str, key: str, callers: int, takes: float, lock: float, begun: Array, figures: Array
) -> None:
    """A process whose callers all miss one key at once. `begun`: when each of its loads began, in microseconds."""
    mine = number * FIGURES

    async def load() -> str:
        begun[number * MOST_LOADS + figures[mine + LOADS]] = int(time.monotonic() * 1e6)
        figures[mine + LOADS] += 1
        await asyncio.sleep(takes)
        return "the answer"

    async with TieredCache([RedisBackend(url, prefix=PREFIX)], policy=Policy(ttl=600, lease=lock)) as cache:
        await cache.get("another key")  # it has connected
        figures[mine + READY] = 1
        await until(lambda: bool(figures[mine + BEGUN]))
        answers = await asyncio.gather(*[cache.get_or_set(key, load) for _ in range(callers)])
        figures[mine + READS] += sum(answer == "the answer" for answer in answers)


async def herd(
    url: str,
    *,
    fleet: int = 4,
    callers: int = 250,
    takes: float = 1.0,
    lock: float = 1.0,
    kill_after: float | None = None,
) -> Figures:
    """All callers of all processes miss one key at once; the process that loads is killed after so many seconds."""
    begun, figures = numbers(fleet * MOST_LOADS), numbers(fleet * FIGURES)
    killed, killed_at = -1, 0.0

    def everybody(what: int) -> list[int]:
        return [figures[number * FIGURES + what] for number in range(fleet)]

    async with Redis.from_url(url) as raw:
        each = [(url, uuid4().hex, callers, takes, lock, begun, figures)] * fleet
        async with processes(_ask, each, may_die=kill_after is not None) as made:
            await until(lambda: all(everybody(READY)))
            await raw.config_resetstat()
            for number in range(fleet):
                figures[number * FIGURES + BEGUN] = 1
            began = time.monotonic()
            if kill_after is not None:
                await until(lambda: any(everybody(LOADS)))
                await asyncio.sleep(kill_after)
                killed = everybody(LOADS).index(1)
                killed_at = time.monotonic()
                made[killed].kill()
            await until(lambda: sum(everybody(READS)) >= callers * (fleet - (killed >= 0)))
            took = time.monotonic() - began
            said = await raw.info("commandstats")
    calls = {name[8:]: counts["calls"] for name, counts in said.items() if "info" not in name and "config" not in name}
    scripts = calls.get("evalsha", 0) + calls.get("eval", 0)
    found = {
        "unanswered": callers * (fleet - (killed >= 0)) - sum(everybody(READS)),
        "took": round(took, 3),
        "loads": sum(everybody(LOADS)),
        "commands": sum(calls.values()),
        "scripts": scripts,
        "calls": calls,
    }
    if killed >= 0:
        later = [
            begun[number * MOST_LOADS] for number in range(fleet) if number != killed and begun[number * MOST_LOADS]
        ]
        found["second_load_after"] = round(min(later) / 1e6 - killed_at, 3) if later else None
    return found


def _herds(takes: float, kill_after: float | None = None) -> Callable[..., Awaitable[Figures]]:
    async def measure(_subject: str, _scale: Scale) -> Figures:
        with RedisServer() as server:
            return await herd(server.url, takes=takes, kill_after=kill_after)

    return measure


_LOCK = 1.0
_POLL = 0.25  # seconds until a process that waits sees that the lock is free, on a busy machine


ROWS = [
    Row(
        name="4 processes x 250 callers, load of 100 ms",
        goal="1 load, at most 80 commands",
        measure=_herds(0.1),
        held=most(loads=1, commands=80, unanswered=0),
    ),
    Row(
        name="4 processes x 250 callers, load of 1 s",
        goal="1 load",
        measure=_herds(1.0),
        held=most(loads=1, unanswered=0),
    ),
    Row(
        name="4 processes x 250 callers, the holder killed",
        goal="2 loads, the second at most one lease of 1 s later",
        measure=_herds(1.0, kill_after=0.5),
        held=most(loads=2, unanswered=0, second_load_after=_LOCK + _POLL),
    ),
]
