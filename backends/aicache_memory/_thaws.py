"""What makes fresh values, by number: a function is no part of an entry, or the collector would track each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["OWN", "Thaws", "as_it_is"]

OWN: Final = 1
_MOST: Final = 64  # a cache has one or two: its codec's


class Thaws:
    """`by_number`: only ever grows, so a number means the same for ever. `OWN` is of values that come with a function
    of their own, where there would be too many to number: a tuple of both.
    """

    __slots__ = ("_numbers", "by_number")

    def __init__(self) -> None:
        self.by_number: list[Callable[[Any], Any]] = [as_it_is, _own]
        self._numbers: dict[Callable[[Any], Any], int] = {}

    def number(self, thaw: Callable[[Any], Any]) -> int:
        """Its number."""
        try:
            number = self._numbers.get(thaw)
        except TypeError:  # it cannot be hashed
            return OWN
        if number is None:
            number = len(self.by_number)
            if number >= _MOST:
                return OWN
            self.by_number.append(thaw)
            self._numbers[thaw] = number
        return number


def as_it_is(value: Any) -> Any:
    """The value."""
    return value


def _own(kept: tuple[Any, Callable[[Any], Any]]) -> Any:
    value, thaw = kept
    return thaw(value)
