"""What stands between a cache and one of its tiers: its breaker, and what the tier missed. Safe from any thread.

While all is well a call costs one look at `calm`; everything else happens under a lock, and seldom.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from aicache._kernel.breaker import CircuitBreaker
from aicache._kernel.recovery import Missed, Sweep

__all__ = ["Guard"]

_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 10.0
_QUIET: Final = 60.0


class Guard:
    """The state of one tier.

    `calm`: the turn of any call as long as the tier answers and has missed nothing, else 0: then ask `enter`.
    """

    def __init__(self, breaker: CircuitBreaker, missed: Missed, clock: Callable[[], float]) -> None:
        self._breaker = breaker
        self._missed = missed
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._replaying = False
        self._replay_at = 0.0
        self._wait = _FIRST_WAIT
        self._complaints: dict[str, float] = {}
        self._told_of_dropping = False
        self.replayed = 0
        self.calm = breaker.turn

    def _look(self) -> None:
        self.calm = self._breaker.turn if self._breaker.is_calm and not self._missed else 0

    # -- calls

    @property
    def is_failing(self) -> bool:
        """Whether the last call was not answered."""
        return self._breaker.failures > 0

    @property
    def pending(self) -> int:
        """How many keys and sweeps the tier has missed and not yet made up for."""
        return len(self._missed)

    @property
    def dropped(self) -> int:
        """How many of them were too many to be kept by name."""
        return self._missed.dropped

    def number(self) -> int:
        """The number of a write or an invalidation, to be taken before it begins."""
        return next(self._numbers)

    def enter(self) -> int:
        """The turn of a call; 0: the breaker is open."""
        if self._breaker.is_shut:
            return 0
        with self._lock:
            return self._breaker.enter()

    def turn(self) -> int:
        """A turn for a call that is made whatever the breaker says; 0, which is nobody's turn, unless it is closed."""
        with self._lock:
            return self._breaker.turn if self._breaker.state == "closed" else 0

    def answered(self, turn: int) -> bool:
        """The tier answered; whether that closed the breaker."""
        with self._lock:
            closed = self._breaker.succeeded(turn)
            self._look()
            return closed

    def failed(self, turn: int) -> bool:
        """The tier did not answer; whether that opened the breaker."""
        with self._lock:
            opened = self._breaker.failed(turn)
            self._look()
            return opened

    def left(self, turn: int) -> None:
        """The call ended without an outcome."""
        with self._lock:
            self._breaker.left(turn)
            self._look()

    def healthy(self) -> bool:
        """The tier answered a call that nobody had to allow; whether that closed the breaker."""
        with self._lock:
            closed = self._breaker.close()
            self._look()
            return closed

    def may_complain(self, what: str) -> bool:
        """Whether to write into the log that the tier refuses something: once a minute is enough."""
        with self._lock:
            now = self._clock()
            if now < self._complaints.get(what, now):
                return False
            self._complaints[what] = now + _QUIET
            return True

    # -- what was missed

    def missed(self, keys: Iterable[str], number: int) -> bool:
        """A write or an invalidation may not have reached the tier; whether that made the first be dropped."""
        with self._lock:
            self._missed.add(keys, number)
            return self._dropped_first()

    def missed_sweep(self, sweep: Sweep) -> bool:
        """The same for an invalidation of many keys."""
        with self._lock:
            self._missed.add_sweep(sweep)
            return self._dropped_first()

    def _dropped_first(self) -> bool:
        self._look()
        first = bool(self._missed.dropped) and not self._told_of_dropping
        self._told_of_dropping = self._told_of_dropping or first
        return first

    def settled(self, keys: Iterable[str], number: int) -> None:
        """A write or an invalidation was carried out."""
        with self._lock:
            self._missed.settled(keys, number)
            self._look()

    def cleared(self, number: int) -> None:
        """The tier has forgotten everything."""
        with self._lock:
            self._missed.cleared(number)
            self._look()

    def distrusts(self, key: str) -> bool:
        """Whether what the tier has under the key must not be believed."""
        if not self._missed:
            return False
        with self._lock:
            return self._missed.distrusts(key)

    def trusted(self, keys: Iterable[str]) -> list[str]:
        """The others."""
        with self._lock:
            return [key for key in keys if not self._missed.distrusts(key)]

    # -- making up for it

    def begin_replay(self) -> bool:
        """Whether the caller is to replay what was missed now; it calls `end_replay` when it leaves off."""
        with self._lock:
            wanted = (
                not self._missed.is_idle
                and not self._replaying
                and self._breaker.would_enter
                and self._clock() >= self._replay_at
            )
            self._replaying = self._replaying or wanted
            return wanted

    def end_replay(self) -> None:
        """Somebody else may go on."""
        with self._lock:
            self._replaying = False

    def some(self, most: int) -> list[tuple[str, int]]:
        """The keys to delete first."""
        with self._lock:
            return self._missed.some(most)

    def sweep(self) -> Sweep | None:
        """The sweep to carry out first."""
        with self._lock:
            return self._missed.sweep()

    def deleted(self, keys: list[tuple[str, int]]) -> None:
        """They are gone from the tier."""
        with self._lock:
            self._missed.deleted(keys)
            self.replayed += len(keys)
            self._wait = _FIRST_WAIT
            self._look()

    def swept(self, sweep: Sweep) -> None:
        """It was carried out."""
        with self._lock:
            self._missed.swept(sweep)
            self.replayed += 1
            self._wait = _FIRST_WAIT
            self._look()

    def refused(self, keys: list[tuple[str, int]]) -> None:
        """The tier will not have them deleted, or did not answer: others go first, and not at once."""
        with self._lock:
            self._missed.postpone(keys)
            self._replay_at = self._clock() + self._wait
            self._wait = min(self._wait * 2, _LONGEST_WAIT)
