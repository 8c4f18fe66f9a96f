"""Measures contenders side by side: in rounds, one after the other, in an order that turns, so that what disturbs the
machine disturbs all of them. What counts is the median of each round's ratio to a baseline in the same round.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from math import ceil
from statistics import median
from types import TracebackType
from typing import Any, Self

__all__ = [
    "Contender",
    "Figure",
    "Options",
    "Scenario",
    "Taken",
    "Watch",
    "called",
    "measure",
    "repeated",
    "spread",
    "walked",
]


@dataclass
class Taken:
    """What a run measured by itself: seconds of an operation, or bytes where the scenario counts those.

    `more`: other numbers for the table; one whose name ends in ", s" is seconds.
    """

    wall: float
    cpu: float = 0.0
    more: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)


Run = Callable[[int], Awaitable[list[float] | Taken | None]]
"""Does an operation so many times; returns how many seconds each took, None where only the sum counts, or what it
measured itself.
"""


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
    """One table: contenders that do the same. `at_once`: callers that do it side by side.

    `rounds`: so many, whatever the options say; each a single operation, for what takes long and measures itself, or of
    about `seconds` where that is given. `unit`: s, or B for bytes.
    """

    name: str
    what: str
    contenders: Sequence[Contender]
    baseline: str
    at_once: int = 1
    rounds: int | None = None
    seconds: float | None = None
    unit: str = "s"


@dataclass(frozen=True)
class Options:
    """How long to measure: `rounds` of about `seconds` for each contender. They are many and short, so that a machine
    that is now fast and now slow is the same for all contenders of a round. `is_quick`: a third of the rounds of what
    says by itself how many it needs, and half of its seconds; `is_check`: nothing is measured for longer than
    `seconds`.
    """

    rounds: int = 31
    seconds: float = 0.05
    is_quick: bool = False
    is_check: bool = False

    def seconds_of(self, scenario: Scenario) -> float:
        """How long a round of the scenario is."""
        if scenario.seconds is None or self.is_check:
            return self.seconds
        return scenario.seconds / 2 if self.is_quick else scenario.seconds

    def rounds_of(self, scenario: Scenario) -> int:
        """How many rounds the scenario gets."""
        if scenario.rounds is None:
            return self.rounds
        return min(self.rounds, -(-scenario.rounds // 3)) if self.is_quick else scenario.rounds


@dataclass
class Figure:
    """What was measured of one contender, in seconds an operation or in bytes: one number for each round."""

    contender: Contender
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    more: dict[str, list[float]] = field(default_factory=dict)

    def add(self, taken: Taken) -> None:
        """One more round."""
        self.wall.append(taken.wall)
        self.cpu.append(taken.cpu)
        self.latencies += taken.latencies
        for name, number in taken.more.items():
            self.more.setdefault(name, []).append(number)

    def to_dict(self, baseline: Figure) -> dict[str, Any]:
        """Medians, and the median of the ratios to the baseline round by round."""
        figures: dict[str, Any] = {
            "wall": median(self.wall),
            "wall_min": min(self.wall),
            "wall_p90": spread(self.wall, 0.9),
            "cpu": median(self.cpu),
            "ratio": median([own / base for own, base in zip(self.wall, baseline.wall, strict=True)]),
        }
        if all(self.cpu) and all(baseline.cpu):
            figures["ratio_cpu"] = median([own / base for own, base in zip(self.cpu, baseline.cpu, strict=True)])
        if self.latencies:
            self.latencies.sort()
            figures |= {f"p{percent:g}": spread(self.latencies, percent / 100) for percent in PERCENTILES}
        if self.more:
            figures["more"] = {name: median(numbers) for name, numbers in self.more.items()}
        return figures


PERCENTILES = (50, 75, 90, 95, 99, 99.9, 100)


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
        stack.callback(gc.unfreeze)
        runs: dict[str, tuple[Run, int]] = {}
        for contender in scenario.contenders:
            try:
                run = await stack.enter_async_context(asynccontextmanager(contender.open)())
                is_once = scenario.rounds is not None and scenario.seconds is None
                many = 1 if is_once else await _calibrated(run, options.seconds_of(scenario), scenario.at_once)
                runs[contender.name] = run, many
            except Exception as error:
                error.add_note(f"by {contender.name!r} in {scenario.name!r}")
                raise
        figures = {contender.name: Figure(contender) for contender in scenario.contenders}
        gc.collect()
        gc.freeze()  # to look through what the contenders hold before each run takes longer than the runs
        for number in range(options.rounds_of(scenario)):
            for name in turned(list(runs), number):
                run, count = runs[name]
                gc.collect()
                gc.disable()
                cpu, wall = time.process_time(), time.perf_counter()
                taken = await run(count)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                gc.enable()
                if not isinstance(taken, Taken):
                    taken = Taken(wall / count, cpu / count, latencies=taken or [])
                figures[name].add(taken)
    baseline = figures[scenario.baseline]
    return {name: figure.to_dict(baseline) for name, figure in figures.items()}


async def _calibrated(run: Run, seconds: float, at_once: int) -> int:
    count = at_once
    while True:  # the first rounds warm up
        start = time.perf_counter()
        taken = await run(count)  # what gets ready first, and looks at the end, is no operation
        took = taken.wall * count if isinstance(taken, Taken) else time.perf_counter() - start
        if took >= seconds / 5:
            return max(at_once, int(count * seconds / took) // at_once * at_once)
        count = max(count * 2, int(count * min(10, seconds / 5 / max(took, 1e-9))) // at_once * at_once)


class Watch:
    """Times what is done inside it, for a run that has to get ready first."""

    def __enter__(self) -> Self:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._wall, self._cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def taken(self, count: int, latencies: list[float] | None = None, **more: float) -> Taken:
        """What each of so many operations took."""
        return Taken(self._wall / count, self._cpu / count, more, latencies or [])


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


def walked(function: Callable[[Any], Any], keys: Sequence[Any]) -> Run:
    """Call a function with one key after the other, again and again."""

    async def run(count: int) -> None:
        for key in islice(cycle(keys), count):
            function(key)

    return run
