"""What a tier missed while it did not answer, and has to forget before it is believed again.

A write or an invalidation that did not reach a tier leaves something older there. The key is kept here, with the number
of the call that was missed: numbers are our own and in order, so the newest of a key wins and no clock is asked. Until
the key has been deleted in the tier, or written by a later call, what the tier has under it is not believed.

Bounded: beyond its bounds the oldest key leaves a mark, one bit among a million, and no longer its name. Whatever has
a mark is not believed either, and a pass over the tier's keys deletes it: a few others with it, and never too few. Not
safe from threads by itself: `Guard` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

__all__ = ["MAX_BYTES", "MAX_KEYS", "MAX_SWEEPS", "Missed", "Sweep"]

MAX_KEYS: Final = 10_000
MAX_BYTES: Final = 4 * 2**20
MAX_SWEEPS: Final = 100

_OVERHEAD: Final = 100  # bytes that a key takes beside its text, about
_MARKS: Final = 2**20


class Sweep:
    """An invalidation of all keys that begin with `prefix` and match; `number` is that of the call that was missed.

    `is_clear`: it was everything, so the tier's own `clear` will do.
    """

    __slots__ = ("is_clear", "matches", "number", "prefix")

    def __init__(self, prefix: str, matches: Callable[[str], bool], number: int, *, is_clear: bool = False) -> None:
        self.prefix = prefix
        self.matches = matches
        self.number = number
        self.is_clear = is_clear

    def covers(self, key: str) -> bool:
        """Whether the key was meant; one that cannot be told was."""
        try:
            return key.startswith(self.prefix) and bool(self.matches(key))
        except Exception:  # a caller's function
            return True


class Missed:
    """The keys that a tier has to forget, oldest first, and the sweeps over many."""

    def __init__(
        self,
        *,
        max_keys: int = MAX_KEYS,
        max_bytes: int = MAX_BYTES,
        max_sweeps: int = MAX_SWEEPS,
        can_scan: bool = True,
    ) -> None:
        self._can_scan = can_scan  # else what has a mark cannot be found, and is never believed again
        self._max_keys = max_keys
        self._max_bytes = max_bytes
        self._max_sweeps = max_sweeps
        self._keys: dict[str, int] = {}
        self._size = 0
        self._sweeps: list[Sweep] = []
        self._marks: bytearray | None = None
        self._marked = Sweep("", self._is_marked, 0)
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._keys) + len(self._sweeps) + (self._marks is not None)

    # -- what was missed

    def add(self, keys: Iterable[str], number: int) -> None:
        """A call that was to write or delete these keys did not reach the tier, or may not have."""
        for key in keys:
            known = self._keys.get(key)
            if known is None:
                self._size += _OVERHEAD + len(key)
            elif known > number:
                continue
            else:
                del self._keys[key]
            self._keys[key] = number
        while len(self._keys) > self._max_keys or self._size > self._max_bytes:
            self._drop(next(iter(self._keys)))

    def add_sweep(self, sweep: Sweep) -> None:
        """The same for an invalidation of many keys."""
        if sweep.is_clear:
            self.cleared(sweep.number)
        for known in self._sweeps:
            if (known.prefix, known.matches, known.is_clear) == (sweep.prefix, sweep.matches, sweep.is_clear):
                self._sweeps.remove(known)
                break
        self._sweeps.append(sweep)
        if len(self._sweeps) > self._max_sweeps:
            first, second, *others = self._sweeps
            prefix = _common(first.prefix, second.prefix)
            self._sweeps = [Sweep(prefix, _all, max(first.number, second.number)), *others]
            self.dropped += 1

    def _drop(self, key: str) -> None:
        if self._marks is None:
            self._marks = bytearray(_MARKS // 8)
        at = hash(key) % _MARKS
        self._marks[at // 8] |= 1 << at % 8
        self._marked = Sweep("", self._is_marked, max(self._marked.number, self._forget(key)))
        self.dropped += 1

    def _forget(self, key: str) -> int:
        self._size -= _OVERHEAD + len(key)
        return self._keys.pop(key)

    # -- what is true of a key

    def distrusts(self, key: str) -> bool:
        """Whether what the tier has under this key may be older than what it missed."""
        return key in self._keys or self._is_marked(key) or any(sweep.covers(key) for sweep in self._sweeps)

    def _is_marked(self, key: str) -> bool:
        at = hash(key) % _MARKS
        return self._marks is not None and bool(self._marks[at // 8] >> at % 8 & 1)

    # -- what was done

    def settled(self, keys: Iterable[str], number: int) -> int:
        """A call for these keys was carried out: older ones that were missed matter no more. Returns how many."""
        old = [key for key in dict.fromkeys(keys) if (known := self._keys.get(key)) is not None and known < number]
        for key in old:
            self._forget(key)
        return len(old)

    def deleted(self, keys: Iterable[tuple[str, int]]) -> int:
        """What `some` gave has been deleted: done, where nothing newer was missed meanwhile. Returns how many."""
        same = [key for key, number in keys if self._keys.get(key) == number]
        for key in same:
            self._forget(key)
        return len(same)

    def swept(self, sweep: Sweep) -> None:
        """What `sweep` gave has been carried out."""
        if sweep in self._sweeps:
            self._sweeps.remove(sweep)
        elif sweep is self._marked:
            self._marks = None

    def cleared(self, number: int) -> None:
        """The tier has forgotten everything, or a sweep will see to it: whatever is older matters no more."""
        self.settled(list(self._keys), number)
        self._sweeps = [sweep for sweep in self._sweeps if sweep.number > number]
        if self._marked.number < number:
            self._marks = None

    # -- what is to be done

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to be done."""
        return not self._keys and self.sweep() is None

    def some(self, count: int) -> list[tuple[str, int]]:
        """The keys to be deleted first, each with its number; `count` at most."""
        return list(islice(self._keys.items(), count))

    def postpone(self, keys: Iterable[tuple[str, int]]) -> None:
        """Let others go first: the tier refuses these."""
        for key, number in keys:
            if self._keys.get(key) == number:
                self._keys[key] = self._keys.pop(key)

    def sweep(self) -> Sweep | None:
        """The sweep to be carried out first."""
        if self._sweeps:
            return self._sweeps[0]
        return self._marked if self._marks is not None and self._can_scan else None


def _all(_key: str) -> bool:
    return True


def _common(one: str, other: str) -> str:
    length = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]
