"""What was made of the last requests, by what they are made of, so that the same one is not read twice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

__all__ = ["Known"]

T = TypeVar("T")

_MOST: Final = 512


class Known(Generic[T]):
    """A table that keeps what was used of late: two generations, of which the older goes when the newer is full.

    `most`: entries of a generation. Safe from any thread: what two of them do at once is at worst made twice.
    """

    __slots__ = ("_most", "_new", "_old")

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._new: dict[Hashable, T] = {}
        self._old: dict[Hashable, T] = {}

    def get(self, key: Hashable) -> T | None:
        """What is there; None where nothing is."""
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Hashable, value: T) -> None:
        """Have it there, as what was used last."""
        if len(self._new) >= self._most:
            self._old, self._new = self._new, {}
        self._new[key] = value
