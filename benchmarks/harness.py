"""Measures contenders side by side: in rounds, one after the other, in an order that turns, so that what disturbs the
machine disturbs all of them. What counts is the median of each round's ratio to a baseline in the same round.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Any

__all__ = ["Contender", "Figure", "Options", "Scenario", "called", "measure", "repeated", "spread"]

Run = Callable[[int], Awaitable[list[float] | None]]
"""Does an operation so many times; returns how many seconds each took, or None where only the sum counts."""


@dataclass(frozen=True)
class Contender:
    """`open` yields what runs the operation; it raises where the contender gives a wrong answer.

    `note`: what it does and does not do, for who reads the table. `is_floor`: no cache, but what any would cost.
    """

    name: str
    open: Callable[[], AsyncGenerator[Run]]
    note: str = ""
    is_floor: bool = False


@dataclass(frozen=True)
class Scenario:
    """One table: contenders that do the same. `at_once`: callers that do it side by side."""

    name: str
    what: str
    contenders: Sequence[Contender]
    baseline: str
    at_once: int = 1


@dataclass(frozen=True)
class Options:
    """How long to measure: `rounds` of about `seconds` for each contender."""

    rounds: int = 11
    seconds: float = 0.2


@dataclass
class Figure:
    """What was measured of one contender, in seconds an operation: one number for each round."""

    contender: Contender
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def to_dict(self, baseline: Figure) -> dict[str, Any]:
        """Medians, and the median of the ratios to the baseline round by round."""
        figures: dict[str, Any] = {
            "wall": median(self.wall),
            "wall_min": min(self.wall),
            "wall_p90": spread(self.wall, 0.9),
            "cpu": median(self.cpu),
            "ratio": median([own / base for own, base in zip(self.wall, baseline.wall, strict=True)]),
            "ratio_cpu": median([own / base for own, base in zip(self.cpu, baseline.cpu, strict=True)]),
        }
        if self.latencies:
            figures |= {"p50": spread(self.latencies, 0.5), "p99": spread(self.latencies, 0.99)}
        return figures


def spread(numbers: Sequence[float], share: float) -> float:
    """The smallest of the numbers that at least `share` of them are not above (nearest rank)."""
    return sorted(numbers)[max(0, ceil(share * len(numbers)) - 1)]


def turned(names: Sequence[str], by: int) -> list[str]:
    """The same in another order: begun somewhere else, and every other time backwards."""
    start = by % len(names)
    order = [*names[start:], *names[:start]]
    return order[::-1] if by % 2 else order


async def measure(scenario: Scenario, options: Options) -> dict[str, Any]:
    """The figures of each contender by name; raises where one gives a wrong answer."""
    async with AsyncExitStack() as stack:
        runs: dict[str, tuple[Run, int]] = {}
        for contender in scenario.contenders:
            try:
                run = await stack.enter_async_context(asynccontextmanager(contender.open)())
                runs[contender.name] = run, await _calibrated(run, options.seconds, scenario.at_once)
            except Exception as error:
                error.add_note(f"by {contender.name!r} in {scenario.name!r}")
                raise
        figures = {contender.name: Figure(contender) for contender in scenario.contenders}
        for number in range(options.rounds):
            for name in turned(list(runs), number):
                run, count = runs[name]
                gc.collect()
                gc.disable()
                cpu, wall = time.process_time(), time.perf_counter()
                latencies = await run(count)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                gc.enable()
                figures[name].wall.append(wall / count)
                figures[name].cpu.append(cpu / count)
                figures[name].latencies += latencies or ()
    baseline = figures[scenario.baseline]
    return {name: figure.to_dict(baseline) for name, figure in figures.items()}


async def _calibrated(run: Run, seconds: float, at_once: int) -> int:
    count = at_once
    while True:  # the first rounds warm up
        start = time.perf_counter()
        await run(count)
        took = time.perf_counter() - start
        if took >= seconds / 5:
            return max(at_once, int(count * seconds / took) // at_once * at_once)
        count = max(count * 2, int(count * min(10, seconds / 5 / max(took, 1e-9))) // at_once * at_once)


def called(function: Callable[..., Any], *arguments: Any) -> Run:
    """Call a function again and again."""

    async def run(count: int) -> None:
        for _ in range(count):
            function(*arguments)

    return run


def repeated(function: Callable[..., Awaitable[Any]], *arguments: Any) -> Run:
    """Await a function again and again."""

    async def run(count: int) -> None:
        for _ in range(count):
            await function(*arguments)

    return run
