"""What changes about entries, in arrays: each entry has a place, its number in all of them.

An object for each entry would cost more memory, and a garbage collector that looks at each of them. In lists is what
is asked for most, or has to be an object; a place's number is one object wherever it stands: the links lead from one to
the next, and no number is made for that. What is asked for less, or would need an object of its own, is in arrays.
"""

from __future__ import annotations

from array import array
from math import inf
from typing import Any, Final

__all__ = ["Places"]

_LEAST_GROWTH: Final = 16
_MOST_GROWTH: Final = 256
_MANY: Final = 64 * _MOST_GROWTH


class Places:
    """By place, of which 0 is none and has what the others begin with:

    `hits`: how often it was hit since it was last looked at, up to 7; the only thing that a reader writes. It never
    becomes shorter under one.
    `keys`: empty where nobody is.
    `frequencies`: 0 on trial, 1 to 15 once it has been hit. `priorities`: who has least goes. `sizes`: in bytes.
    `older`, `newer`: its neighbours in its queue, in a ring that is closed by a place of the queue's own.
    `levels`: 4 · log2 of what it is worth; None: all are worth the same.
    `ends`, `sooner`, `later`: when it goes, and its neighbours among those that go at about the same time (see
    `_expiry`); None while none ends.
    """

    __slots__ = (
        "_count", "_turn", "ends", "free", "frequencies", "hits", "keys", "later", "levels", "newer", "older",
        "priorities", "sizes", "sooner",
    )  # fmt: skip

    def __init__(self, hits: list[int], *, weighs: bool) -> None:
        self.hits = hits
        hits[:1] = [0]
        self.free = 0
        self.keys = [""]
        self.frequencies = bytearray(1)
        self.priorities = array("d", [inf])
        self.sizes = array("Q", [0])
        self.older = [0]
        self.newer = [0]
        self.levels = array("d", [0.0]) if weighs else None
        self.ends: array[float] | None = None
        self.sooner: list[int] = []
        self.later: list[int] = []
        self._count = 1
        self._turn = 0

    def take(self) -> int:
        """A place for somebody new."""
        if not self.free:
            self._grow()
        place = self.free
        self.free = self.newer[place]
        return place

    def give(self, place: int) -> None:
        """Nobody is there any more."""
        self.keys[place] = ""
        self.newer[place] = self.free
        self.free = place

    def weigh(self) -> array[float]:
        """The levels, which are needed from now on."""
        if self.levels is None:
            self.levels = array("d", [0.0]) * self._count
        return self.levels

    def end(self) -> array[float]:
        """The ends, which are needed from now on."""
        if self.ends is None:
            self.ends = array("d", [inf]) * self._count
            self.sooner = [0] * self._count
            self.later = [0] * self._count
        return self.ends

    def _grow(self) -> None:
        """Make some places.

        Where an array cannot grow any more where it is, all of it is copied, which for a million places takes some
        milliseconds. They are as long as each other, so all would come to that at once. Hence each grows in its turn,
        by so much that it lasts until the next.
        """
        arrays: list[Any] = [self.hits, self.keys, self.frequencies, self.priorities]
        arrays += [self.sizes, self.older, self.newer]
        if self.levels is not None:
            arrays.append(self.levels)
        if self.ends is not None:
            arrays += [self.ends, self.sooner, self.later]
        first, more = self._count, min(_MOST_GROWTH, max(_LEAST_GROWTH, self._count // 8))
        until = first + more
        self._turn = (self._turn + 1) % len(arrays)
        for number, values in enumerate(arrays):
            ahead = more * len(arrays) if number == self._turn and first >= _MANY else 0
            missing = until + ahead - len(values)
            if missing > 0:
                values.extend(values[:1] * missing)
        self.newer[first:until] = [*range(first + 1, until), 0]
        self._count, self.free = until, first
