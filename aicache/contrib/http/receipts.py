"""What one request is entered as in the ledger of savings, once its answer has been read to the end, or left."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from aicache.ai.ledger import Kind, SavingsLedger
from aicache.ai.usage import Usage

__all__ = ["Entered", "Receipt"]


class Entered(NamedTuple):
    """What the ledger is told beside usage and time."""

    kind: Kind
    operation: str
    scope: str | None
    tier: str | None


class Receipt:
    """One answer that is given out. `begun`: when it was asked for, by the monotonic clock, in seconds.

    `is_at_hand`: whether all of it is there already, so that reading on waits for nothing; it took so long as until
    now, however slowly it is read. `is_entered`: whether it stands in the ledger.
    """

    __slots__ = ("_begun", "_entered", "_ledger", "_seconds", "is_at_hand", "is_entered")

    def __init__(self, ledger: SavingsLedger, entered: Entered, begun: float, *, is_at_hand: bool) -> None:
        self._ledger = ledger
        self._entered = entered
        self._begun = begun
        self._seconds = monotonic() - begun if is_at_hand else None
        self.is_at_hand = is_at_hand
        self.is_entered = False

    def enter(self, usage: Usage | None) -> None:
        """Enter it, once. `usage`: of the original call; None: the end was not read, so that is not known."""
        if self.is_entered:
            return
        self.is_entered = True
        kind, operation, scope, tier = self._entered
        seconds = monotonic() - self._begun if self._seconds is None else self._seconds
        self._ledger.record(kind, usage, operation, scope, tier, seconds)
