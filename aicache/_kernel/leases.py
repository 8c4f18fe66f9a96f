"""What one load holds in the tier that several processes share: the tokens under which it may store, and the locks by
which it is the only one that loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final

from aicache.protocols import Leased

__all__ = ["TOKEN_SECONDS", "Lease", "pauses", "turn"]

TOKEN_SECONDS: Final = 600.0
"""How long a load may take to be stored: longer than any that is worth waiting for."""

turn: Final[Callable[[], int]] = count(1).__next__
"""Numbers that order, within this process, who asked when."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.1


class Lease:
    """The lease of one load.

    `lock`: seconds that its locks last unless they are renewed; 0: it takes none, others may load at the same time.
    `holder`: its name in the locks; None: it takes none. `tokens`: by key; a key without one is not stored.
    `elsewhere`: the keys that another process is loading. `asked_at`: the turn at which it was asked for. `renews`:
    whether the load is to replace a value that is there.
    """

    __slots__ = ("asked_at", "elsewhere", "holder", "lock", "renews", "tokens")

    def __init__(self, holder: str | None = None, lock: float = 0.0, *, renews: bool = False) -> None:
        self.holder = holder
        self.lock = lock
        self.renews = renews
        self.tokens: dict[str, bytes] = {}
        self.elsewhere: set[str] = set()
        self.asked_at = 0

    def take(self, leased: Mapping[str, Leased]) -> None:
        """Note what the store said."""
        for key, said in leased.items():
            if said.token is not None:
                self.tokens[key] = said.token
            if said.token is None or said.holds:
                self.elsewhere.discard(key)
            else:
                self.elsewhere.add(key)

    @property
    def held(self) -> list[str]:
        """The keys whose locks are its own."""
        return [] if self.holder is None else [key for key in self.tokens if key not in self.elsewhere]


def pauses(random: Callable[[], float]) -> Iterator[float]:
    """Seconds between two looks for what another process is loading: longer and longer, and not all at once."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * (0.75 + random() / 2)
        pause = min(_LONGEST_PAUSE, 2 * pause)
