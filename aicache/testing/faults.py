"""What can go wrong in a store, one class for each, and the plan of when: for `FaultyBackend`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

__all__ = ["AnswerOf", "Delay", "Fail", "Fault", "FlipBit", "Lose", "Plan", "Stale", "Truncate", "mixed"]


@dataclass(frozen=True, slots=True)
class Fail:
    """The call raises `error`. `after=True`: once the store has done what it was told, as when a reply is lost."""

    error: BaseException
    after: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """The call waits for `seconds` before it goes on as usual."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FlipBit:
    """One bit of the value is wrong, as it is read or as it is written. `bit` counts from the start, and from the
    end where it is negative; it goes round at the ends.
    """

    bit: int = 0


@dataclass(frozen=True, slots=True)
class Truncate:
    """Only the first `length` bytes of the value are read or written."""

    length: int = 0


@dataclass(frozen=True, slots=True)
class AnswerOf:
    """A read gets the answer of another key, as on a connection that is out of step. A write goes on as usual."""

    key: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A read gets what the key had before it was last written or deleted through this backend, as from a replica that
    is behind. A write goes on as usual.
    """


@dataclass(frozen=True, slots=True)
class Lose:
    """A read is a miss, and a write or a deletion is told as done and is not, as after an eviction."""


Fault: TypeAlias = Fail | Delay | FlipBit | Truncate | AnswerOf | Stale | Lose

Plan: TypeAlias = "Iterable[Fault | None] | Callable[[str, str, int], Fault | None]"
"""A fault for each call in order, None where all is well; or a function of verb, key and number of the call.

Calls are numbered from 0, over all verbs. A call for many keys is one call, and the function is asked for each of the
keys; a call that has none (`scan`, `clear`, `info`) has the key `""`. After the last of a sequence all is well.
"""


def mixed(seed: int, shares: Iterable[tuple[float, Fault | Callable[[Random], Fault]]]) -> Plan:
    """A plan of chance: each share of all calls, from 0 to 1, has its fault; the others go well.

    A fault may be a function of a random source: `lambda r: Delay(r.uniform(0, 0.004))`. The same seed gives the same
    fault to the same call (its verb, key and number), in whatever order they are made.
    """
    table = list(shares)

    def plan(verb: str, key: str, number: int) -> Fault | None:
        source = Random(f"{seed} {number} {verb} {key}")
        drawn = source.random()
        for share, fault in table:
            if drawn < share:
                return fault(source) if callable(fault) else fault
            drawn -= share
        return None

    return plan
