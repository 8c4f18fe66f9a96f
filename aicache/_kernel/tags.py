"""Tags: how an entry says which versions of its tags it was made under, and which keys in memory have a tag.

An entry is valid while each of its tags has the version that it was made under. To invalidate a tag is to take its
version away, so it takes one step however many entries have it, and asks no clock. A tag without a version makes a
miss, so a store that loses one (an eviction, a restart) loses entries and never brings one back.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from aicache.errors import EnvelopeError

__all__ = ["NO_TAGS", "TagIndex", "are_valid", "packed_tags", "unpacked_tags"]

_NAME: Final = struct.Struct(">HB")  # bytes of the tag, and of its version
NO_TAGS: Final[Mapping[str, bytes]] = MappingProxyType({})


def packed_tags(versions: Mapping[str, bytes]) -> bytes:
    """Tags with their versions, as they stand in an entry."""
    parts: list[bytes] = []
    for tag, version in versions.items():
        name = tag.encode("utf-8", "surrogatepass")
        parts += (_NAME.pack(len(name), len(version)), name, version)
    return b"".join(parts)


def unpacked_tags(packed: bytes) -> dict[str, bytes]:
    """The same back; raises `EnvelopeError`."""
    versions: dict[str, bytes] = {}
    at, end = 0, len(packed)
    try:
        while at < end:
            of_name, of_version = _NAME.unpack_from(packed, at)
            start = at + _NAME.size
            middle, at = start + of_name, start + of_name + of_version
            versions[packed[start:middle].decode("utf-8", "surrogatepass")] = packed[middle:at]
    except (struct.error, UnicodeDecodeError) as error:
        raise EnvelopeError("tags", f"{type(error).__name__}: {error}") from error
    if at != end:
        raise EnvelopeError("tags", "the tags end too soon")
    return versions


def are_valid(made_under: Mapping[str, bytes], now: Mapping[str, bytes]) -> bool:
    """Whether every tag still has the version that the entry was made under."""
    return all(now.get(tag) == version for tag, version in made_under.items())


class TagIndex:
    """Which keys of an in-process tier have a tag. Safe from any thread.

    It may name a key that has left since: `holds` says whether it is still there, and now and then those that are not
    are forgotten, so it grows no larger than what the tier holds.
    """

    __slots__ = ("_count", "_holds", "_keys", "_lock", "_prune_at")

    def __init__(self, holds: Callable[[str], bool]) -> None:
        self._holds = holds
        self._lock = threading.Lock()
        self._keys: dict[str, set[str]] = {}
        self._count = 0
        self._prune_at = 1_000

    def add(self, key: str, tags: Iterable[str]) -> None:
        """A key was stored with these tags."""
        with self._lock:
            for tag in tags:
                keys = self._keys.setdefault(tag, set())
                if key not in keys:
                    keys.add(key)
                    self._count += 1
            if self._count > self._prune_at:
                self._prune()

    def take(self, tags: Iterable[str]) -> list[str]:
        """The keys that have one of these tags; they are forgotten here."""
        with self._lock:
            taken = [self._keys.pop(tag, set()) for tag in tags]
            self._count -= sum(map(len, taken))
        return list(set[str]().union(*taken))

    def clear(self) -> None:
        """No key has a tag."""
        with self._lock:
            self._keys.clear()
            self._count = 0

    def _prune(self) -> None:
        for tag, keys in list(self._keys.items()):
            kept = {key for key in keys if self._holds(key)}
            if kept:
                self._keys[tag] = kept
            else:
                del self._keys[tag]
        self._count = sum(map(len, self._keys.values()))
        self._prune_at = max(1_000, 2 * self._count)
