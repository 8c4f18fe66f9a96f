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
    """One answer that is given out. `begun`: when it was asked for, by the monotonic clock, in seconds."""

    __slots__ = ("_begun", "_entered", "_is_entered", "_ledger")

    def __init__(self, ledger: SavingsLedger, entered: Entered, begun: float) -> None:
        self._begun = begun
        self._entered = entered
        self._ledger = ledger
        self._is_entered = False

    def enter(self, usage: Usage | None) -> None:
        """Enter it, once. `usage`: of the original call; None: the end was not read, so that is not known."""
        if self._is_entered:
            return
        self._is_entered = True
        kind, operation, scope, tier = self._entered
        self._ledger.record(kind, usage, operation, scope, tier, monotonic() - self._begun)
