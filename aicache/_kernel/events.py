"""What a cache tells whoever listens: one call for each thing that happens. Nobody listens unless asked for.

kind         tier   reason                                   seconds
hit          which
miss                what each tier said
stale        which                                           since its ttl was over
refresh
load                None, or the name of what was raised     how long the factory took
join
store        which  None, "promotion", "touch" or "expire"
skip         which  why it was not stored
evict        which
invalidate          None, "expire", "prefix" or "clear"
reclaim                                                      how long it took
error        which  what was raised
tier_down    which  what was raised
tier_up      which
refused      which  why stored bytes were refused
dropped      which
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

__all__ = ["Event", "Events", "Observer"]


class Event(NamedTuple):
    """One thing that happened. `key`: None where it was about several, and then `number` says how many."""

    kind: str
    key: str | None
    tier: str | None
    reason: str | None
    seconds: float | None
    number: int


Observer: TypeAlias = Callable[[Event], None]
"""Called at once, in the task or thread in which it happened, so it must be quick and never wait."""


class Events:
    """Tells the observers. What one of them raises harms nobody: the first time, `complain` is called with the event,
    while the exception is being handled.
    """

    def __init__(self, observers: Sequence[Observer], complain: Callable[[Event], None]) -> None:
        self._observers = tuple(observers)
        self._complain = complain
        self._complained = False

    def tell(
        self,
        kind: str,
        key: str | None = None,
        *,
        tier: str | None = None,
        reason: str | None = None,
        seconds: float | None = None,
        count: int = 1,
    ) -> None:
        """Call each observer."""
        event = Event(kind, key, tier, reason, seconds, count)
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                if not self._complained:
                    self._complained = True
                    self._complain(event)

    def tell_of(self, kind: str, keys: Sequence[str], *, tier: str | None = None, reason: str | None = None) -> None:
        """`tell` of several keys at once."""
        if keys:
            self.tell(kind, keys[0] if len(keys) == 1 else None, tier=tier, reason=reason, count=len(keys))
