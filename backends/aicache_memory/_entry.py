"""One entry of the memory backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Entry", "worth_of"]


class Entry:
    """What is kept under a key, and its place among the others. What a reader sees of it never changes: an overwrite
    makes a new entry, and one that is taken out keeps its value for who still holds it.

    `hits`: how often it was hit since it was last looked at, 7 at most; the only field that a reader writes.
    `frequency`: 0 on trial, 1 to 15 once it has been hit. `level`: 4 · log2 of its worth. `priority`: who has least
    goes.
    `ends`: when it goes; from `expires` until then it is stale.
    `queue`: the number of the queue it stands in, between `older` and `newer`. `home`: the table it is in.
    `bucket`: the entries that end at about the same time; None: it does not end.

    `level`, `priority`, `queue`, `older` and `home` are set when it takes its place.
    """

    level: float
    priority: float
    queue: int
    older: Entry | None
    newer: Entry | None
    home: dict[str, Entry]
    bucket: set[Entry] | None

    __slots__ = (
        "bucket", "compressed", "created", "ends", "expires", "frequency", "hits", "home", "key", "level", "newer",
        "older", "priority", "queue", "size", "thaw", "value",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        value: Any,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        expires: float | None,
        compressed: bool = False,
        stale: float = 0.0,
    ) -> None:
        self.key = key
        self.value = value
        self.thaw = thaw
        self.size = size
        self.created = created
        self.expires = expires
        self.ends = expires + stale if stale and expires is not None else expires
        self.compressed = compressed
        self.hits = 0
        self.frequency = 0
        self.newer = None
        self.bucket = None


def worth_of(entry: Entry) -> float:
    """What it is worth to keep: the cost of a miss, for each byte where bytes are bounded."""
    worth: float = 2.0 ** (entry.level / 4)
    return worth
