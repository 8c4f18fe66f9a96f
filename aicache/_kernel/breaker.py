"""Decides whether a tier is asked at all: after a few failures in a row it is left alone, and tried now and then.

A call asks `enter` for its turn, and says afterwards what came of it. A turn is the number of the state it was given
in, and the outcome of a call counts only while that state lasts: so a call that was sent before an outage and fails
after it is old news, and the one probe of a half-open breaker is known by its turn. Not safe from threads by itself:
`Guard` is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from aicache.errors import (
    AICacheError,
    BackendBusyError,
    BackendError,
    BackendTimeoutError,
    BackendUnavailableError,
)
from aicache.options import Breaker

__all__ = ["CircuitBreaker", "breaker_for", "outcome_of"]

_LEASE: Final = 10.0  # seconds; longer than any deadline that is worth having


class CircuitBreaker:
    """Closed, open, or half-open with one probe on its way.

    `clock`: monotonic seconds. `random`: from 0 to 1; each wait is shortened by up to half, so that many processes do
    not come back at once.
    """

    def __init__(self, options: Breaker, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._random = random
        self._backoff = options.backoff
        self._until = 0.0
        self.state: Literal["closed", "open", "half-open"] = "closed"
        self.failures = 0  # in a row
        self.turn = 1

    @property
    def is_calm(self) -> bool:
        """Whether all is well: closed, and the last call was answered."""
        return self.state == "closed" and not self.failures

    @property
    def is_shut(self) -> bool:
        """Whether it is open, and its wait is not yet over; may be asked without a lock."""
        return self.state == "open" and self._clock() < self._until

    @property
    def would_enter(self) -> bool:
        """Whether `enter` would give a turn now."""
        return self.state == "closed" or self._clock() >= self._until

    def enter(self) -> int:
        """A turn for a call that is about to be made; 0: it must not be made."""
        if self.state == "closed":
            return self.turn
        now = self._clock()
        if now < self._until:
            return 0
        self._become("half-open")
        self._until = now + max(self._options.most, _LEASE)  # a probe that never tells its outcome is given up then
        return self.turn

    def succeeded(self, turn: int) -> bool:
        """The call was answered; whether that closed the breaker."""
        if turn != self.turn or self.state == "open":
            return False
        self.failures = 0
        return self.state != "closed" and self.close()

    def failed(self, turn: int) -> bool:
        """The call was not answered; whether that opened a closed breaker."""
        if turn != self.turn or self.state == "open":
            return False
        self.failures += 1
        if self.state == "half-open":
            self._open()
            return False
        if self.failures < self._options.failures:
            return False
        self._backoff = self._options.backoff
        self._open()
        return True

    def left(self, turn: int) -> None:
        """The call ended without an outcome, cancelled or never sent: the next may be the probe."""
        if turn == self.turn and self.state == "half-open":
            self._become("open")
            self._until = self._clock()

    def close(self) -> bool:
        """The store answers, as is known from elsewhere; whether that closed the breaker."""
        self.failures = 0
        if self.state == "closed":
            return False
        self._become("closed")
        return True

    def _open(self) -> None:
        self._become("open")
        self._until = self._clock() + self._backoff * (1 - self._random() / 2)
        self._backoff = min(self._backoff * 2, self._options.most)

    def _become(self, state: Literal["closed", "open", "half-open"]) -> None:
        self.state = state
        self.turn += 1


class _NoBreaker(CircuitBreaker):
    """Lets every call through, and knows whether the last was answered."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        super().__init__(Breaker(failures=1), clock, random)

    @property
    def is_shut(self) -> bool:
        return False

    def enter(self) -> int:
        return self.turn

    def succeeded(self, turn: int) -> bool:  # noqa: ARG002 any answer tells that it answers
        return self.close()


def breaker_for(options: Breaker | None, clock: Callable[[], float], random: Callable[[], float]) -> CircuitBreaker:
    """What `Tier(breaker=…)` asks for."""
    return _NoBreaker(clock, random) if options is None else CircuitBreaker(options, clock, random)


def outcome_of(error: Exception) -> Literal["failed", "answered", "left"]:
    """What an error says of the store: that it is away, that it is there and refuses, or nothing."""
    if isinstance(error, BackendBusyError):
        return "left"
    if isinstance(error, BackendTimeoutError | BackendUnavailableError) or not isinstance(error, AICacheError):
        return "failed"
    return "answered" if isinstance(error, BackendError) else "left"
