"""How a plan is asked, and what a fault makes of a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aicache.errors import InvalidTypeError
from aicache.testing.faults import AnswerOf, Delay, Fail, Fault, FlipBit, Lose, Plan, Stale, Truncate

__all__ = ["asked", "damaged"]

_KINDS: Final = (Fail, Delay, FlipBit, Truncate, AnswerOf, Stale, Lose)


def asked(plan: Plan) -> Callable[[str, str, int], Fault | None]:
    """The plan as a function; raises `InvalidTypeError` for what is none, and for a fault that is none."""
    if callable(plan):
        return plan
    steps = list(plan)
    for step in steps:
        if step is not None and not isinstance(step, _KINDS):  # pyright: ignore[reportUnnecessaryIsInstance] untyped callers
            raise InvalidTypeError(f"plan must be of faults and None, got {step!r}; wrap an exception as Fail(error)")
    return lambda _verb, _key, number: steps[number] if number < len(steps) else None


def damaged(value: bytes, fault: Fault | None) -> bytes:
    """The value as a fault leaves it; the same where the fault is of another kind."""
    if isinstance(fault, Truncate):
        return value[: fault.length]
    if isinstance(fault, FlipBit) and value:
        at = fault.bit % (8 * len(value))
        changed = bytearray(value)
        changed[at // 8] ^= 1 << at % 8
        return bytes(changed)
    return value
