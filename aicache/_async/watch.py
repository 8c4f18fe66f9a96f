"""What a tier notes and tells of its failures: counts, log lines, its breaker, and what it missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from aicache._async.replay import Replay
from aicache._kernel.breaker import breaker_for, outcome_of
from aicache._kernel.counters import TierCounters
from aicache._kernel.guard import Guard
from aicache._kernel.recovery import Missed, Sweep
from aicache.errors import BackendError, BackendTimeoutError, BackendUnavailableError
from aicache.options import Tier

__all__ = ["Watch"]

_log: Final = logging.getLogger("aicache")


class Watch:
    """One for each tier that may be away. `what`, in its methods, is what a call was for: read, write, forget, list."""

    def __init__(
        self,
        backend: Any,
        options: Tier,
        counters: TierCounters,
        clock: Callable[[], float],
        random: Callable[[], float],
        *,
        has_many: bool,
        can_scan: bool,
        can_clear: bool,
        timeout: float | None,
    ) -> None:
        self._options = options
        self._counters = counters
        missed = Missed(can_scan=can_scan)
        self.guard = counters.guard = Guard(breaker_for(options.breaker, clock, random), missed, clock)
        self.replay = Replay(
            backend, self.guard, self.heard, self.count, has_many=has_many, can_clear=can_clear, timeout=timeout
        )

    def answered(self, turn: int) -> None:
        """Note an answer, and make up for what was missed."""
        self.heard(turn)
        self.replay.begin()

    def heard(self, turn: int) -> None:
        """Note an answer."""
        if self.guard.answered(turn):
            self._say_that_it_answers()

    def healthy(self) -> None:
        """The same for an answer to a call that was made whatever the breaker says."""
        if self.guard.healthy():
            self._say_that_it_answers()
        self.replay.begin()

    def _say_that_it_answers(self) -> None:
        self._counters.ups += 1
        _log.info("cache tier %r answers again", self._counters.name)
        self._tell("tier_up")

    def _tell(self, kind: str, reason: str | None = None) -> None:
        if self._counters.events is not None:
            self._counters.events.tell(kind, tier=self._counters.name, reason=reason)

    def bypassed(self) -> str:
        """Count a call that the open breaker does not let through; raise where the tier's options want that."""
        self._counters.bypassed += 1
        if self._options.on_error == "raise":
            raise BackendUnavailableError(
                f"tier {self._counters.name!r} has not answered several times in a row; it is tried again in a moment"
            )
        return "open"

    def missed(self, keys: Iterable[str], number: int) -> None:
        """A write or an invalidation may not have reached the tier."""
        if self.guard.missed(keys, number):
            self._say_that_much_was_missed()

    def missed_sweep(self, sweep: Sweep) -> None:
        """The same for an invalidation of many keys."""
        if self.guard.missed_sweep(sweep):
            self._say_that_much_was_missed()

    def _say_that_much_was_missed(self) -> None:
        _log.warning(
            "cache tier %r has missed more than is kept by name; it will forget more than it would have to",
            self._counters.name,
        )
        self._tell("dropped")

    def failed(self, error: Exception, turn: int, what: str) -> str:
        """Count the failure and say in a few words what it was; raise it where the tier's options want that."""
        reason = self.count(error, turn, what)
        if self._options.on_error == "raise":
            late = isinstance(error, TimeoutError)
            kind = BackendTimeoutError if late else BackendError
            raise kind(f"tier {self._counters.name!r}: {str(error) or type(error).__name__}") from error
        return reason

    def count(self, error: Exception, turn: int, what: str) -> str:
        """The same, and never raise it."""
        name, guard, late = self._counters.name, self.guard, isinstance(error, TimeoutError)
        if late:
            self._counters.timeouts += 1
        else:
            self._counters.errors += 1
        self._tell("error", repr(error))
        outcome = outcome_of(error)
        if outcome == "failed":
            if guard.failed(turn):
                self._counters.downs += 1
                _log.warning("cache tier %r fails, its calls count as misses until it answers again: %r", name, error)
                self._tell("tier_down", repr(error))
        else:
            if outcome == "left":
                guard.left(turn)
            else:
                self.heard(turn)
            if guard.may_complain(what):
                _log.warning("cache tier %r refuses to %s: %r", name, what, error)
        return "timeout" if late else f"error ({type(error).__name__})"
