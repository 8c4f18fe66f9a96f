"""Processes of one machine that share a store, for what is promised across processes.

They speak through arrays in shared memory, which take no lock: a process may be killed at any point and none of the
others waits for it. CLOCK_MONOTONIC is one clock for all of them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any

__all__ = ["Array", "numbers", "processes", "until"]

PATIENCE = 60.0  # seconds until everybody has to be ready, or gone

Array = Any
"""Numbers that all processes see."""


def numbers(count: int) -> Array:
    """So many whole numbers of 64 bits, 0 at first."""
    return RawArray("q", count)


def _run(role: Callable[..., Coroutine[Any, Any, None]], path: list[str], number: int, *shared: Any) -> None:
    sys.path[:] = path
    asyncio.run(role(number, *shared))


@asynccontextmanager
async def processes(
    role: Callable[..., Coroutine[Any, Any, None]], each: Sequence[tuple[Any, ...]], *, may_die: bool = False
) -> AsyncGenerator[list[BaseProcess]]:
    """Run `role(number, *arguments)` in a process of its own for each tuple of arguments. At the end they are waited
    for: raises `RuntimeError` where one failed, unless it `may_die`.
    """
    context = multiprocessing.get_context("spawn")
    made: list[BaseProcess] = [
        context.Process(target=_run, args=(role, sys.path, number, *arguments), daemon=True)
        for number, arguments in enumerate(each)
    ]
    for process in made:
        process.start()
    try:
        yield made
        for process in made:
            await asyncio.to_thread(process.join, PATIENCE)
        codes = [process.exitcode for process in made]
        if (any(codes) and not may_die) or None in codes:
            raise RuntimeError(f"processes ended with {codes}")
    finally:
        for process in made:
            if process.is_alive():
                process.kill()
            process.join()


async def until(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once it has; raises `TimeoutError` after so many seconds."""
    latest = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > latest:
            raise TimeoutError("it did not happen")
        await asyncio.sleep(0.002)
