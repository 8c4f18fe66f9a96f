"""From a key to what is kept under it: one dict, or many where there may be so many entries that a dict cannot take
them in without a pause. One that has grown full is copied in one go, which takes some 10 ms from 200,000 entries on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from aicache.errors import ClosedError
from aicache_memory._entry import Kept

__all__ = ["Tables"]

_MOST_IN_ONE: Final = 131_072
_EACH: Final = 40_000
_MOST_TABLES: Final = 256
_SHIFT: Final = 54  # to bits of a hash by which a dict does not place its keys


class _Closed(dict[str, Kept]):
    """Stands in for the tables of a closed store, so that being open costs a look-up nothing."""

    def get(self, *_: object) -> NoReturn:
        raise ClosedError("this memory backend is closed; build a new one")


class Tables:
    """`most`: entries that there may be; None: nobody knows. `only`: the dict, where there is one.

    `look`: finds the entry, or None; raises once it is closed. `lookup`: the same for those who may look for as long as
    they like; it finds nothing any more once it is closed.
    """

    __slots__ = ("_mask", "_parts", "look", "lookup", "only")

    def __init__(self, most: int | None) -> None:
        parts = _MOST_TABLES
        if most is not None:
            parts = 1
            while most > _MOST_IN_ONE and parts < _MOST_TABLES and parts * _EACH < most:
                parts *= 2
        self._parts: list[dict[str, Kept]] = [{} for _ in range(parts)]
        self._mask = parts - 1
        self.only = self._parts[0] if parts == 1 else None
        self.look = self.lookup = _lookup(self._parts)

    def of(self, key: str) -> dict[str, Kept]:
        """The one that the key belongs to."""
        return self._parts[hash(key) >> _SHIFT & self._mask]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[dict[str, Kept]]:
        return iter(self._parts)

    def close(self) -> None:
        """From now on there is nothing, and asking is an error."""
        for part in self._parts:
            part.clear()  # somebody may still hold its look-up
        self._parts = [_Closed()] * len(self._parts)
        if self.only is not None:
            self.only = self._parts[0]
        self.look = _lookup(self._parts)


def _lookup(parts: list[dict[str, Kept]]) -> Callable[[str], Kept | None]:
    if len(parts) == 1:
        return parts[0].get
    mask = len(parts) - 1

    def lookup(key: str) -> Kept | None:
        return parts[hash(key) >> _SHIFT & mask].get(key)

    return lookup
