"""What changes about entries, in arrays: each entry has a place, its number in all of them.

An object for each entry would cost more memory, and a garbage collector that looks at each of them. In lists is what
is asked for most, or has to be an object; a place's number is one object wherever it stands: the links lead from one to
the next, and no number is made for that. What is asked for less, or would need an object of its own, is in arrays.
"""

from __future__ import annotations

from array import array
from math import inf
from typing import Final

__all__ = ["Places"]

_LEAST_GROWTH: Final = 16
_MOST_GROWTH: Final = 4096  # at once: some hundred microseconds


class Places:
    """By place, of which 0 is none:

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
        "ends", "free", "frequencies", "hits", "keys", "later", "levels", "newer", "older", "priorities", "sizes",
        "sooner",
    )  # fmt: skip

    def __init__(self, hits: list[int], *, weighs: bool) -> None:
        self.hits = hits
        self.free = 0
        self.keys: list[str] = []
        self.frequencies = bytearray()
        self.priorities = array("d")
        self.sizes = array("Q")
        self.older: list[int] = []
        self.newer: list[int] = []
        self.levels = array("d") if weighs else None
        self.ends: array[float] | None = None
        self.sooner: list[int] = []
        self.later: list[int] = []
        self._add(1)

    def take(self) -> int:
        """A place for somebody new."""
        if not self.free:
            have = len(self.keys)
            self._add(min(_MOST_GROWTH, max(_LEAST_GROWTH, have // 8)))
            self.newer[have:] = [*range(have + 1, len(self.keys)), 0]
            self.free = have
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
            self.levels = array("d", [0.0]) * len(self.keys)
        return self.levels

    def end(self) -> array[float]:
        """The ends, which are needed from now on."""
        if self.ends is None:
            self.ends = array("d", [inf]) * len(self.keys)
            self.sooner = [0] * len(self.keys)
            self.later = [0] * len(self.keys)
        return self.ends

    def _add(self, more: int) -> None:
        self.keys.extend([""] * more)
        self.frequencies.extend(bytes(more))
        self.priorities.extend(array("d", [inf]) * more)
        self.sizes.extend(array("Q", [0]) * more)
        self.older.extend([0] * more)
        self.newer.extend([0] * more)
        if self.levels is not None:
            self.levels.extend(array("d", [0.0]) * more)
        if self.ends is not None:
            self.ends.extend(array("d", [inf]) * more)
            self.sooner.extend([0] * more)
            self.later.extend([0] * more)
        self.hits.extend([0] * (len(self.keys) - len(self.hits)))
