"""What both flavours say to the server: pure functions from arguments to commands, and from replies to answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf
from typing import Any, Final, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError
from aicache.options import check_ttl, check_value
from aicache_redis._names import Names

__all__ = [
    "CUT",
    "LOOK",
    "MOST_BYTES",
    "MOST_COMMANDS",
    "SLICE",
    "ClusterCommands",
    "Command",
    "Commands",
    "Look",
    "is_foreign",
    "milliseconds",
    "portions",
    "refusal",
    "seconds_left",
    "weight",
]

Command = tuple[Any, ...]

SLICE: Final = 500
"""How many keys one SCAN or UNLINK takes, so that no other client waits long."""

MOST_COMMANDS: Final = 512
MOST_BYTES: Final = 2**20
"""How much is under way at once on a connection, unless a single value is larger."""

LOOK: Final = 64 * 1024
"""How many bytes of a value are asked for where others wait behind it; a larger one is asked for again, elsewhere."""

CUT: Final = object()
"""What stands for a value of which a look did not show all."""

_ANSWERS: Final[set[type]] = {bytes, int}
_LONGEST: Final = 2**53  # milliseconds; Redis adds them to the time of day in 64 bits
_GLOB: Final = re.compile(rb"[\\*?\[\]]")


def portions(commands: Sequence[Command]) -> Iterator[tuple[Sequence[Command], int]]:
    """The commands in order, as many at a time as one round trip takes, with the bytes of the values they store."""
    start = size = 0
    for at, command in enumerate(commands):
        own = weight(command)
        if at - start == MOST_COMMANDS or (own and size and size + own > MOST_BYTES):
            yield commands[start:at], size
            start, size = at, 0
        size += own
    if start < len(commands):
        yield commands[start:], size


def weight(command: Command) -> int:
    """The bytes of a command's value, or what stands for those of a reply that may be large."""
    if command[0] == "SET":
        return len(command[2])
    if command[0] in ("EVAL", "EVALSHA"):
        return sum([len(part) for part in command[3:] if isinstance(part, bytes)])
    return MOST_BYTES // 4 if command[0] == "GETRANGE" and command[3] > LOOK + 1 else 0


def refusal(replies: Sequence[Any]) -> Exception | None:
    """The first error among the replies. That a key holds a list or a hash is none: nothing of ours is there."""
    if set(map(type, replies)) <= _ANSWERS:
        return None
    return next((reply for reply in replies if isinstance(reply, Exception) and not is_foreign(reply)), None)


def is_foreign(error: Exception) -> bool:
    """Whether an error says that a key holds something else than text."""
    return str(error).startswith("WRONGTYPE")


def milliseconds(seconds: float) -> int:
    """At least one."""
    return max(1, ceil(seconds * 1000))


def seconds_left(left: int) -> float | None:
    """What a PTTL of something that is there says; None: no expiry."""
    return None if left == -1 else max(0, left) / 1000


class Look:
    """How a value is read: `most` bytes of it, and two more: for the NUL that an empty value is stored with, and to
    tell that there is more. As a command, or as its bytes on the wire, the same for all reads but for the name.
    """

    __slots__ = ("_tail", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        end = b"%d" % (most + 1)
        self._tail = b"$1\r\n0\r\n$%d\r\n%b\r\n" % (len(end), end)

    def command(self, name: bytes) -> Command:
        """The command for one name."""
        return ("GETRANGE", name, 0, self.most + 1)

    def packed(self, name: bytes) -> bytes:
        """Its bytes on the wire."""
        return b"*4\r\n$8\r\nGETRANGE\r\n$%d\r\n%b\r\n%b" % (len(name), name, self._tail)


class Commands:
    """The commands of one backend.

    A value is read with GETRANGE, so that no more than `max_value_bytes` ever crosses the wire, whoever stored it.
    GETRANGE answers a missing key with an empty text; an empty value, and one of NULs only, is therefore stored with
    one NUL more. What another client keeps under a key, larger than that or no text at all, is a miss, and is counted.
    """

    def __init__(self, prefix: str, max_value_bytes: int, look: int | None = None) -> None:
        if not isinstance(cast(object, prefix), str):
            raise InvalidTypeError(f"prefix must be a str, got {prefix!r}")
        if max_value_bytes < 1:
            raise InvalidArgumentError(f"max_value_bytes must be at least 1, got {max_value_bytes!r}")
        self.prefix = prefix
        self.names = self.names_under(prefix)
        self.name = self.names.value
        self.max_value_bytes = max_value_bytes
        self.look = Look(max_value_bytes if look is None else min(look, max_value_bytes))
        self.whole = Look(max_value_bytes)
        self.oversized = 0
        self.foreign = 0

    @staticmethod
    def names_under(prefix: str) -> Names:
        """The names of one server."""
        return Names(prefix)

    def value(self, reply: bytes | Exception, *, is_whole: bool = False) -> Any:
        """The value in a reply; None where there is none, or one that is too large or of another type; `CUT` where
        only the reply to `whole` can say.
        """
        if isinstance(reply, Exception):
            self.foreign += 1
            return None
        if not reply:
            return None
        if reply[0] == 0 and not reply.strip(b"\0"):
            reply = reply[:-1]
        if len(reply) > self.look.most:
            if len(reply) > self.max_value_bytes:
                self.oversized += 1
                return None
            if not is_whole:
                return CUT
        return reply

    def set(self, key: str, value: bytes, ttl: float | None) -> Command:
        """Store a value; raises for one that is too large, or a ttl that the server cannot hold."""
        name = self.name(key)
        if type(ttl) is not float or not 0 < ttl < inf:
            ttl = check_ttl(ttl)
        data = value if type(value) is bytes else check_value(value)
        if len(data) > self.max_value_bytes:
            raise InvalidArgumentError(
                f"value has {len(data)} bytes, over max_value_bytes={self.max_value_bytes}; "
                "raise that, or keep it elsewhere"
            )
        if not data or (data[0] == 0 and not data.strip(b"\0")):
            data += b"\0"
        if ttl is None:
            return ("SET", name, data)
        if ttl * 1000 > _LONGEST:
            raise InvalidArgumentError(
                f"ttl is {ttl:g} seconds, longer than the server can hold; pass None for no expiry"
            )
        return ("SET", name, data, "PX", milliseconds(ttl))

    def pairs(self, keys: Sequence[str], *, is_whole: bool = False) -> list[Command]:
        """Read each value and its remaining life."""
        look = self.whole if is_whole else self.look
        return [command for name in map(self.name, keys) for command in (look.command(name), ("PTTL", name))]

    def lives(
        self, keys: Sequence[str], replies: Sequence[Any], *, is_whole: bool = False
    ) -> dict[str, tuple[Any, float | None]]:
        """What `value` says and the remaining seconds (None: no expiry), from the replies to `pairs`."""
        return {
            key: (self.value(value, is_whole=is_whole), seconds_left(left))
            for key, value, left in zip(keys, replies[::2], replies[1::2], strict=True)
        }

    def sets(self, entries: Mapping[str, tuple[bytes, float | None]]) -> list[Command]:
        """Store many values, all of them checked before the first is sent."""
        return [self.set(key, value, ttl) for key, (value, ttl) in entries.items()]

    def unlinks_of(self, names: Sequence[bytes]) -> list[Command]:
        """Forget names as they are on the server, in slices."""
        return [("UNLINK", *names[start : start + SLICE]) for start in range(0, len(names), SLICE)]

    def info(self, replies: Sequence[Any]) -> dict[str, Any]:
        """What the servers say of themselves, and what was found here that is no value of ours."""
        said = [self._read(reply) for reply in replies]
        if len(said) > 1:
            sums = {name: sum(one.get(name, 0) for one in said) for name in ("used_memory", "connected_clients")}
            said[0].pop("used_memory_human", None)
            said[0] |= {"masters": len(said), **sums}
        return {**said[0], "oversized": self.oversized, "foreign": self.foreign}

    @staticmethod
    def _read(reply: Any) -> dict[str, Any]:
        if not isinstance(reply, dict):  # else a client has read it
            pairs = [line.partition(":") for line in reply.decode("utf-8", "replace").splitlines() if ":" in line]
            reply = {name: int(text) if text.isdecimal() else text for name, _, text in pairs}
        names = (
            "redis_version",
            "valkey_version",
            "used_memory",
            "used_memory_human",
            "connected_clients",
            "uptime_in_seconds",
        )
        return {name: reply[name] for name in names if name in reply}

    def scan(self, cursor: int, prefix: str = "") -> Command:
        """The next slice of the keys that begin with `prefix`, and of what stands beside them."""
        return self.names_from(cursor, self.names.value(prefix) if prefix else self.names.prefix)

    def names_from(self, cursor: int, start: bytes) -> Command:
        """The next slice of the names that begin so."""
        return ("SCAN", cursor, "MATCH", _GLOB.sub(rb"\\\g<0>", start) + b"*", "COUNT", SLICE)


class ClusterCommands(Commands):
    """Those for a cluster: a command has one key, or keys in one slot."""

    @staticmethod
    def names_under(prefix: str) -> Names:
        """Names of which those that belong to one value are in its slot."""
        if prefix.partition("{")[1] and not prefix.partition("{")[2].partition("}")[1]:
            raise InvalidArgumentError(
                f"prefix has a {{ without a }} behind it, got {prefix!r}: in a cluster each key's own }} would decide "
                "where it is; leave the { out, or close it"
            )
        return Names(prefix, clustered=True)

    def unlinks_of(self, names: Sequence[bytes]) -> list[Command]:
        """Forget names, each by itself: several, even of one slot, cannot be forgotten while it is being moved."""
        return [("UNLINK", name) for name in names]
