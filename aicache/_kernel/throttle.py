"""Keys that are left alone for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["Throttle"]

_MOST: Final = 10_000


class Throttle:
    """Which keys' loads have failed of late. `clock`: seconds that never go back. The oldest of too many is let go."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def hold(self, key: str, seconds: float) -> None:
        """Leave the key alone for so long from now."""
        if seconds > 0:
            self._until.pop(key, None)
            self._until[key] = self._clock() + seconds
            while len(self._until) > _MOST:
                self._until.pop(next(iter(self._until)), None)

    def holds(self, key: str) -> bool:
        """Whether it is to be left alone now."""
        until = self._until.get(key)
        if until is None:
            return False
        if self._clock() < until:
            return True
        self._until.pop(key, None)
        return False
