"""Decides for how long an in-process tier may answer, by what the feed of the shared tier says.

A feed is the list of notices of what was written or forgotten in the shared tier. It is asked again and again, and each
answer proves that nothing was missed up to the moment at which it was asked for: memory is believed for a fixed time
from then on, and no longer. What cannot be proven empties memory: the first answer, and one that says that notices may
be missing (more of them than are kept, a restart, a failover, a flush, a new connection).
"""

from __future__ import annotations

from typing import Final

from aicache.protocols import Heard

__all__ = ["ALIVE_FOR", "Following"]

ALIVE_FOR: Final = 0.5
"""Seconds for which memory is believed from the moment at which the feed was asked."""


class Following:
    """One follower of one feed. Times are those of one monotonic clock.

    `until`: memory may answer as long as the clock is below it.
    """

    __slots__ = ("position", "until")

    def __init__(self) -> None:
        self.position: str | None = None
        self.until = float("-inf")

    def stop(self) -> None:
        """Believe nothing until the feed has been heard from its beginning: it failed, or this is another process."""
        self.position = None
        self.until = float("-inf")

    def heard(self, heard: Heard) -> bool:
        """Whether the notices are all there is to forget; False: everything is. Once that is done, say `prove`."""
        goes_on = self.position is not None
        self.position = heard.position
        return goes_on and heard.is_whole

    def prove(self, asked_at: float) -> None:
        """What the answer to the question that was sent at `asked_at` said has been done."""
        self.until = max(self.until, asked_at + ALIVE_FOR)
