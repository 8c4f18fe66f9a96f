"""Fifty callers of one key, one of whom is cancelled or whose load fails; and ten thousand orders of such things."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from aicache.testing.virtual_time import run
from under_fault.rows import DownError, Figures, Row, Scale, exactly, most

__all__ = ["ROWS"]

CALLERS = 50


Ask = Callable[[], Awaitable[Any]]


def _asking(name: str, load: Ask) -> tuple[Ask, Callable[[], Awaitable[Any]]]:
    """How a subject asks for one key, loading it where it is missing; and how it is closed."""
    if name == "aicache":
        from aicache import TieredCache
        from aicache_memory import MemoryBackend

        cache = TieredCache([MemoryBackend()])
        return lambda: cache.get_or_set("k", load), cache.aclose
    if name == "cashews":
        from cashews import Cache

        theirs = Cache()
        theirs.setup("mem://")
        return theirs(ttl=60, key="k", lock=True)(load), theirs.close
    if name != "aiocache":
        raise NotImplementedError(f"{name} has no single flight")
    from aiocache import cached_stampede

    async def nothing() -> None:
        pass

    return cached_stampede(ttl=60, lease=2)(load), nothing


def _together(spoil: Callable[[list[asyncio.Task[Any]]], None], *, fails: bool) -> Any:
    async def measure(name: str, _scale: Scale) -> Figures:
        loads = 0

        async def load() -> str:
            nonlocal loads
            loads += 1
            await asyncio.sleep(0.2)
            if fails:
                raise DownError
            return "answer"

        ask, close = _asking(name, load)
        tasks = [asyncio.create_task(ask()) for _ in range(CALLERS)]  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        spoil(tasks)
        done, stuck = await asyncio.wait(tasks, timeout=20)
        await close()
        kinds = [type(None) if task.cancelled() else type(task.exception() or task.result()) for task in done]
        return {
            "loads": loads,
            "answered": kinds.count(str),
            "failed": kinds.count(DownError),
            "cancelled": kinds.count(type(None)),
            "stuck": len(stuck),
        }

    return measure


def _leader_is_cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    tasks[0].cancel()


async def _schedules(_name: str, scale: Scale) -> Figures:
    figures: Figures = {"schedules": scale.seeds, "stuck": 0, "unserved": 0, "loads_too_many": 0, "left_in_tables": 0}
    for seed in range(scale.seeds):
        await asyncio.to_thread(_scheduled, seed, figures)
    return figures


def _scheduled(seed: int, figures: Figures) -> None:
    drawn = random.Random(seed)
    try:
        run(_one_schedule(drawn, figures), seed=seed)
    except Exception as error:  # a deadlock, above all
        figures["stuck"] += 1
        figures["first"] = figures.get("first") or f"seed {seed}: {error!r}"


async def _one_schedule(drawn: random.Random, figures: Figures) -> None:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    loop, loads = asyncio.get_running_loop(), []

    async def load() -> list[str]:
        loads.append(loop.time())
        await asyncio.sleep(drawn.choice([0, 0.01, 1]))
        return ["answer"]

    async with TieredCache([MemoryBackend(clock=loop.time)], clock=loop.time) as cache:

        async def caller() -> Any:
            await asyncio.sleep(drawn.choice([0, 0, 0.005, 0.5]))
            return await cache.get_or_set("k", load)

        callers = [asyncio.create_task(caller()) for _ in range(10)]
        doomed = drawn.sample(callers, drawn.randrange(10))
        for task in doomed:
            await asyncio.sleep(drawn.choice([0, 0, 0.004, 0.3]))
            task.cancel()
        said = await asyncio.gather(*callers, return_exceptions=True)
        for task, answer in zip(callers, said, strict=True):
            is_right = answer == ["answer"] or (task in doomed and isinstance(answer, asyncio.CancelledError))
            figures["unserved"] += not is_right
        figures["loads_too_many"] += not doomed and len(loads) != 1
        figures["left_in_tables"] += bool(cache._flights._table or cache._chain.fence._out)  # noqa: SLF001


_SHOWN = {"loads": "loads", "answered": "answered", "failed": "got its error", "cancelled": "cancelled"}

ROWS = [
    Row(
        name="50 callers, the leader is cancelled",
        goal="1 load, the other 49 answered, 0 stuck",
        measure=_together(_leader_is_cancelled, fails=False),
        held=exactly(loads=1, answered=49, cancelled=1, stuck=0),
        shown=_SHOWN,
    ),
    Row(
        name="50 callers, the load fails",
        goal="1 load, all get its own error, 0 stuck",
        measure=_together(lambda _: None, fails=True),
        held=exactly(loads=1, failed=50, stuck=0),
        shown=_SHOWN,
    ),
    Row(
        name="10,000 schedules of cancellation",
        goal="every live caller answered, 1 load where nobody left, 0 stuck, nothing left in a table",
        measure=_schedules,
        held=most(stuck=0, unserved=0, loads_too_many=0, left_in_tables=0),
    ),
]
