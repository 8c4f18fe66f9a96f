"""Recordings on their way to readers: one that was found, for any number of them, and the pace of one in play."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from aicache._kernel.item import Item
from aicache._kernel.recording import Pacing, Recording, recording_in

__all__ = ["Found", "played"]


class Found:
    """The item that the readers of a stream are to read instead; None: they are not. It has no lock; a shell that
    needs one holds it.
    """

    __slots__ = ("_is_given", "item")

    def __init__(self) -> None:
        self.item: Item | None = None
        self._is_given = False

    def take(self) -> tuple[Item, Recording] | None:
        """The item and its recording: the very one for whoever is first, a copy for the others if it can be changed."""
        item = self.item
        if item is None:
            return None
        value = item.for_another() if self._is_given else item.value
        self._is_given = True
        held = recording_in(value)
        return None if held is None else (item, held)


def played(held: Recording, pacing: Pacing, clock: Callable[[], float]) -> Iterator[tuple[float, Any]]:
    """Its chunks, each with the seconds to wait before it; none, where they come at once or the reader is late."""
    begun = clock()
    for chunk, at in zip(held.chunks, held.at, strict=False):  # `at` has the end too
        early = (at - held.at[0]) / 1e6 - (clock() - begun) if pacing == "recorded" else 0.0
        yield max(early, 0.0), chunk
