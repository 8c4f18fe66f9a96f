"""The numbers under which stored bytes name what made them."""

from __future__ import annotations

__all__ = ["is_number"]


def is_number(value: object, lowest: int, highest: int) -> bool:
    """Whether `value` is an int from `lowest` to `highest`; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
