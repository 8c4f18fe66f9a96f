"""A server that dies, hangs, is silent, is slow or cuts its replies, with 50 workers on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aicache.testing import FaultProxy
from aicache.testing.servers import RedisServer
from under_fault.load import Load
from under_fault.rows import Figures, Row, Scale, most
from under_fault.subjects import opened

__all__ = ["ROWS"]

Fault = Callable[[RedisServer, FaultProxy, Scale], Awaitable[list[float]]]
"""Does it, undoes it, and returns when the server was well again, each time."""

RECOVERY = 2.2
UNTIL_OPEN = 1.0


async def _kill(server: RedisServer, _proxy: FaultProxy, scale: Scale) -> list[float]:
    healed = []
    for turn in range(scale.kills):
        if turn:
            await asyncio.sleep(RECOVERY)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(scale.down)
        await asyncio.to_thread(server.start)
        healed.append(time.monotonic())
    return healed


async def _stop(server: RedisServer, _proxy: FaultProxy, scale: Scale) -> list[float]:
    server.pause()
    await asyncio.sleep(scale.stopped)
    server.resume()
    return [time.monotonic()]


async def _silence(_server: RedisServer, proxy: FaultProxy, scale: Scale) -> list[float]:
    proxy.swallows = True
    await asyncio.sleep(scale.silent)
    proxy.swallows = False
    proxy.cut()  # what it has swallowed it will not give back
    return [time.monotonic()]


async def _pause(server: RedisServer, _proxy: FaultProxy, scale: Scale) -> list[float]:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as admin:
        await admin.execute_command("CLIENT", "PAUSE", int(scale.stopped * 1000), "ALL")
    await asyncio.sleep(scale.stopped)
    return [time.monotonic()]


async def _resets(_server: RedisServer, proxy: FaultProxy, scale: Scale) -> list[float]:
    proxy.resets_after = 20_000
    await asyncio.sleep(scale.steady)
    proxy.resets_after = None
    return [time.monotonic()]


async def _slow(_server: RedisServer, proxy: FaultProxy, scale: Scale) -> list[float]:
    proxy.delay = 0.2
    await asyncio.sleep(scale.steady)
    proxy.delay = 0.0
    return [time.monotonic()]


@asynccontextmanager
async def _under_load(name: str) -> AsyncGenerator[tuple[RedisServer, FaultProxy, Any, Load]]:
    with RedisServer() as server, FaultProxy(server.port) as proxy:
        async with opened(name, f"redis://127.0.0.1:{proxy.port}/0") as subject, Load(subject) as load:
            await asyncio.sleep(0.5)
            yield server, proxy, subject, load


def _measured(fault: Fault) -> Callable[[str, Scale], Awaitable[Figures]]:
    async def measure(name: str, scale: Scale) -> Figures:
        async with _under_load(name) as (server, proxy, subject, load):
            begun = time.monotonic()
            healed = await fault(server, proxy, scale)
            await asyncio.sleep(RECOVERY)
            firsts = [load.first_after(moment) for moment in healed]
            alls = [load.all_after(moment) for moment in healed]
        opened_at = [at - begun for at, kind in getattr(subject, "told", ()) if kind == "tier_down" and at > begun]
        return {
            **load.figures(),
            "until_open": round(opened_at[0], 3) if opened_at else None,
            "first_answer": None if None in firsts else round(max(at for at in firsts if at is not None), 3),
            "all_well": None if None in alls else round(max(at for at in alls if at is not None), 3),
        }

    return measure


_BOUNDS = {"errors": 0, "wrong": 0, "slowest_less_stolen": 0.30, "first_answer": 1.0, "all_well": 2.0}
_SHOWN = {
    "errors": "errors to callers",
    "wrong": "wrong answers",
    "slowest": "slowest operation, s",
    "first_answer": "first answer after, s",
    "all_well": "all well after, s",
}
_GOAL = "0 errors, 0 wrong, no operation over 0.30 s, first answer within 1 s and all workers well within 2 s after it"


def _row(name: str, fault: Fault, *, opens: bool = True) -> Row:
    bounds = {**_BOUNDS, "until_open": UNTIL_OPEN} if opens else _BOUNDS
    goal = f"{_GOAL}, breaker open within 1 s" if opens else _GOAL
    return Row(name=name, goal=goal, measure=_measured(fault), held=most(**bounds), shown=_SHOWN)


ROWS = [
    _row("kill -9", _kill),
    _row("SIGSTOP", _stop),
    _row("silence", _silence),
    _row("CLIENT PAUSE", _pause),
    _row("resets in mid-reply", _resets, opens=False),  # it answers, in between
    _row("200 ms of latency", _slow, opens=False),  # it answers, late
]
