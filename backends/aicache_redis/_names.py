"""The names of what is kept on the server: the values, and what stands beside them.

A value stands under the prefix and its key. Beside it, while it is being loaded, stand its token and its lock, and
under the same prefix the versions of tags and the feed of invalidations. Those have a NUL after the prefix, which no
value has: a key that begins with NUL is escaped. In a cluster a token and a lock must be where their value is, so their
names hold a short text that hashes to the value's slot (Redis cluster specification, "Hash tags").
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache
from typing import Final

from aicache.options import check_key

__all__ = ["Names", "encoded", "slot_of"]

SLOTS: Final = 16_384

_NUL: Final = b"\0"
_ESCAPED: Final = b"\0k"
_TOKEN: Final = b"\0t"
_LOCK: Final = b"\0l"
_TAG: Final = b"\0g"
_FEED: Final = b"\0f"


class Names:
    """The names under one prefix. `clustered`: tokens and locks are named for their values' slots."""

    __slots__ = ("_clustered", "feed", "prefix", "tokens")

    def __init__(self, prefix: str, *, clustered: bool = False) -> None:
        self.prefix = encoded(prefix)
        self._clustered = clustered and _hash_tag(self.prefix) is None  # else all of the prefix are in one slot
        self.feed = self.prefix + _FEED
        self.tokens = self.prefix + _TOKEN

    def value(self, key: object) -> bytes:
        """Where a value is."""
        name = encoded(check_key(key))
        return self.prefix + (_ESCAPED + name if name[:1] == _NUL else name)

    def token(self, value: bytes) -> bytes:
        """Where the token of a value is."""
        return self._beside(_TOKEN, value)

    def lock(self, value: bytes) -> bytes:
        """Where the lock of a value is."""
        return self._beside(_LOCK, value)

    def tag(self, tag: str) -> bytes:
        """Where the version of a tag is."""
        return self.prefix + _TAG + encoded(tag)

    def key(self, name: bytes) -> str | None:
        """The key of a value by its name; None for what is none, or no text."""
        key = name[len(self.prefix) :]
        if key[:1] == _NUL:
            if key[:2] != _ESCAPED:
                return None
            key = key[2:]
        try:
            return key.decode("utf-8", "surrogatepass") or None
        except UnicodeDecodeError:
            return None

    def loading(self, name: bytes) -> str | None:
        """The key whose token has this name; None for what is none."""
        key = name.removeprefix(self.tokens)
        if len(key) == len(name):
            return None
        if self._clustered:
            key = key.partition(b"}")[2]
        return self.key(self.prefix + key)

    def _beside(self, kind: bytes, value: bytes) -> bytes:
        place = b"{%b}" % _texts_of_slots()[slot_of(value)] if self._clustered else b""
        return self.prefix + kind + place + value[len(self.prefix) :]


def encoded(text: str) -> bytes:
    """The bytes of any text, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def slot_of(name: bytes) -> int:
    """The hash slot of a name: CRC16 (XMODEM) of its hash tag, or of all of it."""
    tag = _hash_tag(name)
    return crc_hqx(name if tag is None else tag, 0) % SLOTS


def _hash_tag(name: bytes) -> bytes | None:
    start = name.find(b"{")
    if start < 0:
        return None
    end = name.find(b"}", start + 1)
    return name[start + 1 : end] if end > start + 1 else None


@cache
def _texts_of_slots() -> list[bytes]:
    """For each slot a short text that hashes to it."""
    texts: list[bytes] = [b""] * SLOTS
    left, number = SLOTS, 0
    while left:
        text = b"%x" % number
        slot = crc_hqx(text, 0) % SLOTS
        if not texts[slot]:
            texts[slot] = text
            left -= 1
        number += 1
    return texts
