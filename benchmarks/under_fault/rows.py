"""What a row of the page is: a fault, what is promised under it, and what was measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["DownError", "Figures", "Judge", "Row", "Scale", "exactly", "most"]

Figures: TypeAlias = dict[str, Any]
Judge: TypeAlias = Callable[[Figures], list[str]]
"""What was promised and did not hold, in words; nothing where all held."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is done: the defaults are what the tests do."""

    operations: int = 10_000
    kills: int = 1
    down: float = 2.0
    stopped: float = 1.5
    silent: float = 1.5
    steady: float = 2.0
    forked_reads: int = 1_000
    seeds: int = 10_000
    swaps: int = 5_000
    gets: int = 10_000
    swept: int = 20_000


@dataclass(frozen=True, kw_only=True)
class Row:
    """`measure(name, scale)`: put the subject of that name to the fault. `held`: judges our figures.
    `shown`: what of the figures stands in the table of peers, by its heading; empty: there is nothing to compare.
    """

    name: str
    goal: str
    measure: Callable[[str, Scale], Awaitable[Figures]]
    held: Judge
    shown: dict[str, str] = field(default_factory=dict)


class DownError(Exception):
    """The provider is down."""


def exactly(**wanted: int) -> Judge:
    """Judges that each of the figures is just so much."""
    return lambda figures: [
        f"{key}: {figures[key]}, not {want}" for key, want in wanted.items() if figures[key] != want
    ]


def most(**bounds: float) -> Judge:
    """Judges that each of the figures is at most so much; what was not seen at all (None) did not hold."""

    def held(figures: Figures) -> list[str]:
        return [
            f"{name.replace('_', ' ')}: {figures[name]}, goal at most {bound:g}"
            for name, bound in bounds.items()
            if figures[name] is None or figures[name] > bound
        ]

    return held
