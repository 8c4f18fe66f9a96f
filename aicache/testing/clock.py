"""A clock that stands still until a test moves it."""

from __future__ import annotations

from aicache.errors import InvalidArgumentError

__all__ = ["FakeClock"]


class FakeClock:
    """Seconds, from 0 or from `start`; pass it wherever a `clock=` or a `wall_clock=` is taken."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """The time now."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass; raises `InvalidArgumentError` where it would go back."""
        if not seconds >= 0:
            raise InvalidArgumentError(f"seconds must be at least 0, got {seconds!r}; a clock never goes back")
        self._now += seconds
