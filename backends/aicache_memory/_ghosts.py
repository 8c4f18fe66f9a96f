"""Remembers what was evicted, as hashes: a key that comes back soon is no stranger.

Two memories, of what left on trial and of what left after it had been hit, share a total of three departures for each
entry held; the one that is used more grows at the cost of the other, as the two ghost lists of ARC do (Megiddo and
Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003). Each departure is 8 bytes: the stamp of its
memory (32 bits), a tag (24), which memory (1), the frequency it left with (4). They lie in pairs of slots; a new one
pushes the former first to the second place. A false match, one in some millions, gives a new key a head start and
nothing else.
"""

from __future__ import annotations

from array import array
from typing import Final

__all__ = ["AFTER_HITS", "ON_TRIAL", "Ghosts"]

ON_TRIAL: Final = 0
AFTER_HITS: Final = 1

_STAMPS: Final = 0xFFFF_FFFF
_TAGS: Final = 0xFF_FFFF
_SMALLEST: Final = 64  # pairs


class Ghosts:
    """What left lately. `salt`: makes the places unforeseeable, so that nobody can aim keys at one of them."""

    def __init__(self, salt: int) -> None:
        self._salt = salt
        self._slots = array("Q")
        self._mask = 0
        self._room = 0
        self.lengths = [0, 0]
        self.counts = [0, 0]

    def remember(self, key: str, memory: int, frequency: int, entries: int) -> None:
        """It was evicted; `entries` are left."""
        if entries > self._room:
            self._make_room(entries)
        counts, lengths = self.counts, self.lengths
        counts[memory] += 1
        lengths[memory] += 1
        if lengths[0] + lengths[1] > 3 * entries:
            lengths[lengths[1] > lengths[0]] -= 1
        hashed = hash((key, self._salt))
        at = 2 * (hashed & self._mask)
        stamp = counts[memory] & _STAMPS
        self._slots[at + 1] = self._slots[at]
        self._slots[at] = stamp << 32 | (hashed >> 32 & _TAGS) << 8 | memory << 7 | frequency << 1 | 1

    def recall(self, key: str) -> tuple[int, int, int] | None:
        """Its memory, the frequency it left with and how many have left into the same memory since; forgets it."""
        if not self._room:
            return None
        hashed = hash((key, self._salt))
        at = 2 * (hashed & self._mask)
        tag = hashed >> 32 & _TAGS
        for place in (at, at + 1):
            slot = self._slots[place]
            if slot & 1 and slot >> 8 & _TAGS == tag:
                self._slots[place] = 0
                memory = slot >> 7 & 1
                since = (self.counts[memory] - (slot >> 32)) & _STAMPS
                return (memory, slot >> 1 & 15, since) if since < self.lengths[memory] else None
        return None

    def clear(self) -> None:
        """Remember nothing."""
        self._slots = array("Q")
        self._room = 0
        self.lengths = [0, 0]
        self.counts = [0, 0]

    def _make_room(self, entries: int) -> None:
        pairs = _SMALLEST
        while pairs < 4 * entries:  # for twice as many entries as there are, two slots each
            pairs *= 2
        self._slots = array("Q", bytes(16 * pairs))
        self._mask = pairs - 1
        self._room = pairs // 2
        self.lengths = [0, 0]
