"""What a store holds that several processes share, in memory: values, and beside them tokens, locks, versions of tags
and the notices of what was changed. Each method happens at once, as a command of a server does.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Final, NamedTuple, TypeVar

from aicache.options import check_key, check_ttl
from aicache.protocols import Heard, Leased

__all__ = ["Shelf"]

KEPT_NOTICES: Final = 10_000
_CLEAR: Final = "clear"
_FILLED: Final = "filled"

_KINDS: Final = ("key", "tag", _FILLED, _CLEAR)

T = TypeVar("T")


class _Notice(NamedTuple):
    number: int
    writer: int
    kind: str
    name: str


class Shelf:
    """`clock`: in seconds, by which what is here ends. Safe from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._writers = 0
        self.restart()

    def restart(self) -> None:
        """Lose everything, as a server that keeps nothing on disk does when it dies."""
        with self._lock:
            self._values: dict[str, tuple[bytes, float]] = {}
            self._tokens: dict[str, tuple[bytes, float]] = {}
            self._locks: dict[str, tuple[str, float]] = {}
            self._versions: dict[str, tuple[bytes, float]] = {}  # and when each was made
            self._notices: deque[_Notice] = deque(maxlen=KEPT_NOTICES)
            self._number = 0
            self._epoch = os.urandom(4).hex()

    def lose_tokens(self) -> None:
        """Lose all tokens, as by eviction."""
        with self._lock:
            self._tokens.clear()

    def trim(self) -> None:
        """Lose the notices that are kept."""
        with self._lock:
            self._notices.clear()

    def new_writer(self) -> int:
        """A number for one who writes here."""
        with self._lock:
            self._writers += 1
            return self._writers

    # -- values

    def found(self, keys: Iterable[str]) -> dict[str, tuple[bytes, float | None]]:
        """Those that are there, with their remaining seconds; None: no expiry."""
        with self._lock:
            now = self._clock()
            there = {key: self._values[key] for key in map(check_key, keys) if key in self._values}
            return {key: (value, _left(ends, now)) for key, (value, ends) in there.items() if now < ends}

    def listed(self) -> list[str]:
        """The keys of all values."""
        return list(self.found(list(self._values)))

    def set(self, writer: int, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store values; whoever is loading them now may not."""
        now = self._clock()
        kept = {
            check_key(key): (bytes(memoryview(value)), now + (check_ttl(ttl) or inf))
            for key, (value, ttl) in entries.items()
        }
        with self._lock:
            self._forget_loads(kept)
            self._values |= kept
            self._tell(writer, "key", kept)

    def delete(self, writer: int, keys: Iterable[str]) -> int:
        """Forget values; whoever is loading them now may not store them."""
        asked = dict.fromkeys(map(check_key, keys))
        with self._lock:
            there = self.found(asked)
            self._forget_loads(asked)
            for key in asked:
                self._values.pop(key, None)
            self._tell(writer, "key", asked)
            return len(there)

    def clear(self, writer: int) -> None:
        """Forget everything but the notices."""
        with self._lock:
            for table in (self._values, self._tokens, self._locks, self._versions):
                table.clear()
            self._tell(writer, _CLEAR, [""])

    def reclaim(self, prefix: str) -> int:
        """Remove the values under a prefix, and tell nobody; how many there were."""
        with self._lock:
            keys = [key for key in self.listed() if key.startswith(prefix)]
            for key in keys:
                del self._values[key]
            return len(keys)

    def _forget_loads(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._tokens.pop(key, None)
            self._locks.pop(key, None)

    # -- leases

    def lease(self, key: str, seconds: float, holder: str | None, lock: float, *, renewing: bool) -> Leased:
        """See `SupportsLeases.lease`."""
        with self._lock:
            value, left = self.found([key]).get(key, (None, None))
            if value is not None and not renewing:
                return Leased(value, left, None, False)
            holds = holder is None or (_live(self._locks, key, self._clock()) or holder) == holder
            if holder is not None and holds and _live(self._locks, key, self._clock()) is None:
                self._locks[key] = holder, self._clock() + lock
            token = _live(self._tokens, key, self._clock()) or os.urandom(16)
            self._tokens[key] = token, self._clock() + seconds
            return Leased(value, left, token, holds)

    def fill(self, key: str, value: bytes, ttl: float | None, token: bytes, holder: str | None) -> bool:
        """See `SupportsLeases.fill`."""
        with self._lock:
            now = self._clock()
            owner = _live(self._locks, key, now) if holder is not None else None
            stands = _live(self._tokens, key, now)
            if stands is None or stands != token or owner not in (None, holder):
                return False
            self._values[key] = bytes(memoryview(value)), now + (check_ttl(ttl) or inf)
            if owner is not None:
                del self._locks[key]
            return True

    def renew(self, key: str, holder: str, lock: float) -> bool:
        """Keep a lock that is the holder's; whether it is."""
        with self._lock:
            kept = _live(self._locks, key, self._clock()) == holder
            if kept:
                self._locks[key] = holder, self._clock() + lock
            return kept

    def release(self, key: str, holder: str) -> None:
        """Give back a lock that is the holder's."""
        with self._lock:
            if _live(self._locks, key, self._clock()) == holder:
                del self._locks[key]

    def leased(self) -> list[str]:
        """The keys that have a token."""
        with self._lock:
            now = self._clock()
            return [key for key in self._tokens if _live(self._tokens, key, now) is not None]

    # -- the feed

    def _tell(self, writer: int, kind: str, names: Iterable[str]) -> None:
        for name in names:
            self._number += 1
            self._notices.append(_Notice(self._number, writer, kind, name))

    def tell_of_fills(self, writer: int, keys: Iterable[str]) -> None:
        """A holder has stored these, or given them up."""
        with self._lock:
            self._tell(writer, _FILLED, keys)

    def has_news(self, position: str) -> bool:
        """Whether anything happened after it."""
        return position != f"{self._epoch}:{self._number}"

    def heard(self, position: str | None, without: int | None) -> Heard:
        """What happened after `position`, without what one writer did."""
        with self._lock:
            now = f"{self._epoch}:{self._number}"
            epoch, _, number = (position or ":0").partition(":")
            new = [notice for notice in self._notices if notice.number > int(number)]
            said = [notice for notice in new if notice.writer != without]
            kinds = {kind: [notice.name for notice in said if notice.kind == kind] for kind in _KINDS}
            is_whole = epoch == self._epoch and len(new) == self._number - int(number) and not kinds[_CLEAR]
            return Heard(now, kinds["key"], kinds["tag"], is_whole, kinds[_FILLED])

    # -- tags

    def versions(self, tags: Sequence[str], *, create: bool) -> dict[str, bytes]:
        """See `SupportsTags.tag_versions`."""
        with self._lock:
            if create:
                for tag in tags:
                    self._versions.setdefault(tag, (os.urandom(8), self._clock()))
            return {tag: self._versions[tag][0] for tag in tags if tag in self._versions}

    def ages(self, tags: Sequence[str]) -> dict[str, float]:
        """See `SupportsTags.tag_ages`."""
        with self._lock:
            now = self._clock()
            return {tag: now - self._versions[tag][1] for tag in tags if tag in self._versions}

    def invalidate_tags(self, writer: int, tags: Sequence[str]) -> None:
        """Take their versions away, and tell."""
        with self._lock:
            for tag in tags:
                self._versions.pop(tag, None)
            self._tell(writer, "tag", tags)


def _left(ends: float, now: float) -> float | None:
    return None if ends == inf else ends - now


def _live(table: Mapping[str, tuple[T, float]], key: str, now: float) -> T | None:
    kept, ends = table.get(key, (None, 0.0))
    return kept if now < ends else None
