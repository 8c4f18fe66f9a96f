"""Remembers what was evicted, as hashes: a key that comes back soon is no stranger.

Two memories, of what left on trial and of what left after it had been hit, share a total of three departures for each
entry held; the one that is used more grows at the cost of the other, as the two ghost lists of ARC do (Megiddo and
Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003). Each departure is a word and a stamp of 4
bytes: in the word a tag (25 bits, the last of them always set) and a mark (5: the frequency it left with, and which
memory), all within what Python reckons in one digit; the stamp, read only where the tag fits, is the count of its
memory when it left. They lie in pairs; a new one pushes the former first to the second place. A false match, one in
some millions, gives a new key a head start and nothing else. The hash of a text is keyed anew in each process, so
nobody can aim keys at a pair.
"""

from __future__ import annotations

from array import array
from typing import Final

__all__ = ["AFTER_HITS", "ON_TRIAL", "Ghosts"]

ON_TRIAL: Final = 0
AFTER_HITS: Final = 1

_DIGIT: Final = 0x3FFF_FFFF
_TAG: Final = 0x3FFF_FFE0
_TAG_SET: Final = 0x20
_PAGE: Final = 2**18  # pairs, 4 MB; a page is made when it is first needed, so that no call has to make all of them
_AMPLE: Final = 2**17  # pairs
_PAGE_BITS: Final = 34  # to the bits of a hash that choose one
_SMALLEST: Final = 512  # pairs


class Ghosts:
    """What left lately. `most`: how many entries there can be; None: nobody knows. `counts`: how many have left into
    each memory, `lengths`: how many of them it knows.
    """

    __slots__ = ("_known", "_most", "_page", "_pages", "_pairs", "_room", "counts", "lengths")

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._room = 0
        self._pairs = 1  # in a page
        self._page: array[int] | None = array("I", [0]) * 4  # the only one; None: there are many
        self._pages: list[array[int]] = []
        self._known = 0
        self.lengths = [0, 0]
        self.counts = [0, 0]

    def remember(self, key: str, frequency: int, entries: int) -> None:
        """It was evicted with that frequency, 0 on trial; `entries` are left."""
        if entries > self._room:
            self._make_room(entries)
        memory = 1 if frequency else 0
        counts = self.counts
        counts[memory] = stamp = counts[memory] + 1
        if self._known < 3 * entries:
            self._known += 1
            self.lengths[memory] += 1
        else:  # it grows by one, and then the longer one shrinks by one
            on_trial, after_hits = self.lengths
            if memory:
                if on_trial > after_hits:
                    self.lengths = [on_trial - 1, after_hits + 1]
            elif after_hits > on_trial + 1:
                self.lengths = [on_trial + 1, after_hits - 1]
        hashed = hash(key)
        page = self._page
        if page is None:
            page = self._page_of(hashed)
        at = (hashed & _DIGIT) % self._pairs << 2
        former = page[at]
        if former:
            page[at + 2] = former
            page[at + 3] = page[at + 1]
        page[at] = hashed >> 34 & _TAG | _TAG_SET | frequency << 1 | memory
        page[at + 1] = stamp & _DIGIT

    def recall(self, key: str) -> tuple[int, int, int] | None:
        """Its memory, the frequency it left with and how many have left into the same memory since; forgets it."""
        hashed = hash(key)
        page = self._page
        if page is None:
            page = self._page_of(hashed)
        at = (hashed & _DIGIT) % self._pairs << 2
        tag = hashed >> 34 & _TAG | _TAG_SET
        mark = page[at] ^ tag
        if mark >= _TAG_SET:
            at += 2
            mark = page[at] ^ tag
            if mark >= _TAG_SET:
                return None
        page[at] = 0
        memory = mark & 1
        since = self.counts[memory] - page[at + 1] & _DIGIT
        return (memory, mark >> 1, since) if since < self.lengths[memory] else None

    def _make_room(self, entries: int) -> None:
        """Room for half as many again, or as many as there can be; what was remembered is forgotten.

        Four slots an entry at least, eight where that is little memory: fewer are pushed out before their time.
        """
        self._room = entries + entries // 2
        if self._most is not None:
            self._room = max(entries, min(self._room, self._most))
        pairs = max(_SMALLEST, 2 * self._room, min(4 * self._room, _AMPLE))
        pages = -(-pairs // _PAGE)
        self._pairs = -(-pairs // pages)
        self._page = array("I", [0]) * (4 * pairs) if pages == 1 else None
        self._pages = [array("I")] * pages
        self._known = 0
        self.lengths = [0, 0]

    def _page_of(self, hashed: int) -> array[int]:
        """One of many."""
        number = (hashed >> _PAGE_BITS & _DIGIT) % len(self._pages)
        page = self._pages[number]
        if not page:
            page = self._pages[number] = array("I", [0]) * (4 * self._pairs)
        return page
