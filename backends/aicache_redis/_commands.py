"""What both flavours say to the server: pure functions from arguments to commands, and from replies to answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Any, Final, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError
from aicache.options import check_key, check_ttl, check_value

__all__ = ["MOST_BYTES", "MOST_COMMANDS", "SLICE", "Command", "Commands", "portions", "refusal"]

Command = tuple[Any, ...]

SLICE: Final = 500
"""How many keys one SCAN or UNLINK takes, so that no other client waits long."""

MOST_COMMANDS: Final = 512
MOST_BYTES: Final = 2**20
"""How much goes out in one round trip, unless a single value is larger."""

_LONGEST: Final = 2**53  # milliseconds; Redis adds them to the time of day in 64 bits
_GLOB: Final = str.maketrans({char: f"\\{char}" for char in "\\*?[]"})


def portions(commands: Sequence[Command]) -> Iterator[tuple[Sequence[Command], int]]:
    """The commands in order, as many at a time as one round trip takes, with the bytes of the values they store."""
    start = size = 0
    for at, command in enumerate(commands):
        weight = len(command[2]) if command[0] == "SET" else 0
        if at - start == MOST_COMMANDS or (at > start and size + weight > MOST_BYTES):
            yield commands[start:at], size
            start, size = at, 0
        size += weight
    if start < len(commands):
        yield commands[start:], size


def refusal(replies: Iterable[Any]) -> Exception | None:
    """The first error among the replies. That a key holds a list or a hash is none: nothing of ours is there."""
    return next((reply for reply in replies if isinstance(reply, Exception) and not _is_foreign(reply)), None)


class Commands:
    """The commands of one backend.

    A value is read with GETRANGE, so that no more than `max_value_bytes` ever crosses the wire, whoever stored it.
    GETRANGE answers a missing key with an empty text; an empty value, and one of NULs only, is therefore stored with
    one NUL more. What another client keeps under a key, larger than that or no text at all, is a miss, and is counted.
    """

    def __init__(self, prefix: str, max_value_bytes: int) -> None:
        if not isinstance(cast(object, prefix), str):
            raise InvalidTypeError(f"prefix must be a str, got {prefix!r}")
        if max_value_bytes < 1:
            raise InvalidArgumentError(f"max_value_bytes must be at least 1, got {max_value_bytes!r}")
        self.prefix = prefix
        self._prefix = _bytes(prefix)
        self._max = max_value_bytes
        self.oversized = 0
        self.foreign = 0

    def name(self, key: object) -> bytes:
        """The name of a key on the server."""
        return self._prefix + _bytes(check_key(key))

    def keys(self, names: Iterable[bytes]) -> Iterator[str]:
        """The keys behind names on the server; a name that is no text, or the bare prefix, is none that we stored."""
        for name in names:
            with suppress(UnicodeDecodeError):
                if key := name[len(self._prefix) :].decode("utf-8", "surrogatepass"):
                    yield key

    def get(self, key: str) -> Command:
        """Read a value, or as much of it as shows that it is too large."""
        return ("GETRANGE", self.name(key), 0, self._max + 1)

    def value(self, reply: bytes | Exception) -> bytes | None:
        """The value in a reply; None where there is none, or one that is too large or of another type."""
        if isinstance(reply, Exception):
            self.foreign += 1
            return None
        if not reply:
            return None
        if reply[0] == 0 and not reply.strip(b"\0"):
            reply = reply[:-1]
        if len(reply) > self._max:
            self.oversized += 1
            return None
        return bytes(reply)

    def set(self, key: str, value: bytes, ttl: float | None) -> Command:
        """Store a value; raises for one that is too large, or a ttl that the server cannot hold."""
        name, ttl = self.name(key), check_ttl(ttl)
        data = check_value(value)
        if len(data) > self._max:
            raise InvalidArgumentError(
                f"value has {len(data)} bytes, over max_value_bytes={self._max}; raise that, or keep it elsewhere"
            )
        if not data or (data[0] == 0 and not data.strip(b"\0")):
            data += b"\0"
        if ttl is None:
            return ("SET", name, data)
        if ttl * 1000 > _LONGEST:
            raise InvalidArgumentError(
                f"ttl is {ttl:g} seconds, longer than the server can hold; pass None for no expiry"
            )
        return ("SET", name, data, "PX", max(1, ceil(ttl * 1000)))

    def ttl(self, key: str) -> Command:
        """Ask for the remaining life."""
        return ("PTTL", self.name(key))

    def lives(self, keys: Sequence[str], replies: Sequence[Any]) -> dict[str, tuple[bytes, float | None]]:
        """The found values with their remaining seconds, from a GETRANGE and a PTTL for each key."""
        found: dict[str, tuple[bytes, float | None]] = {}
        for at, key in enumerate(keys):
            value, left = self.value(replies[2 * at]), replies[2 * at + 1]
            if value is not None:
                found[key] = (value, None if left == -1 else max(0, left) / 1000)
        return found

    def sets(self, entries: Mapping[str, tuple[bytes, float | None]]) -> list[Command]:
        """Store many values, all of them checked before the first is sent."""
        return [self.set(key, value, ttl) for key, (value, ttl) in entries.items()]

    def unlinks(self, keys: Iterable[str]) -> list[Command]:
        """Forget keys, each once, in slices."""
        return self.unlinks_of(list(dict.fromkeys(map(self.name, keys))))

    def unlinks_of(self, names: Sequence[bytes]) -> list[Command]:
        """Forget names as they are on the server, in slices."""
        return [("UNLINK", *names[start : start + SLICE]) for start in range(0, len(names), SLICE)]

    def scan(self, cursor: int, prefix: str = "") -> Command:
        """The next slice of the keys that begin with `prefix`."""
        return ("SCAN", cursor, "MATCH", _bytes((self.prefix + prefix).translate(_GLOB) + "*"), "COUNT", SLICE)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_foreign(error: Exception) -> bool:
    return str(error).startswith("WRONGTYPE")
