"""Virtual time: it goes from event to event, so an hour of requests takes the seconds that the cache itself needs."""

from __future__ import annotations

from typing import Final

__all__ = ["EPOCH", "VirtualClock"]

EPOCH: Final = 1_750_000_000.0


class VirtualClock:
    """Seconds since the replay began; `now` is set by the replay alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        """The same moment in seconds since the epoch: the replay begins at a fixed one."""
        return EPOCH + self.now
