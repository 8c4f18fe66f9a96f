"""Leases, tags and the feed, as pure functions from arguments to commands, and from replies to answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, cast

from aicache.protocols import Heard, Leased
from aicache_redis._commands import SLICE, Command, milliseconds, seconds_left
from aicache_redis._names import Names, encoded
from aicache_redis._scripts import FILL, LEASE, RELEASE, RENEW, Script

__all__ = [
    "KEPT_NOTICES",
    "Conditions",
    "Step",
    "begin_following",
    "entry_and_origin",
    "fill",
    "fill_in_steps",
    "follow",
    "heard",
    "holder_of",
    "is_denied",
    "is_unknown",
    "lease",
    "lease_in_steps",
    "leased",
    "notices",
    "owned_in_steps",
    "position",
    "release",
    "renew",
]

KEPT_NOTICES: Final = 10_000
"""How many the feed keeps; whoever has not read for longer than that forgets everything."""

Conditions = list[tuple[bytes, tuple[bytes | None, ...]]]
"""Names, and what one of must stand there."""

_WRITER: Final = b"w"  # each entry's first field: who wrote it
_KEY: Final = b"k"
_TAG: Final = b"t"
_CLEAR: Final = b"c"
_FILLED: Final = b"f"


class Step:
    """One script with its arguments, for one key: as a command by its digest, or whole."""

    __slots__ = ("arguments", "keys", "script")

    def __init__(self, script: Script, keys: Sequence[bytes], *arguments: Any) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments

    def by_digest(self) -> Command:
        """The command, for a server that knows the script."""
        return ("EVALSHA", self.script.digest, len(self.keys), *self.keys, *self.arguments)

    def whole(self) -> Command:
        """The command, for any."""
        return ("EVAL", self.script.text, len(self.keys), *self.keys, *self.arguments)


def lease(
    names: Names, key: str, most: int, token: bytes, seconds: float, holder: bytes, lock: float, *, renewing: bool
) -> Step:
    """Read a value of at most so many bytes, or else take its token, and its lock for a holder that is not empty."""
    value = names.value(key)
    keys = (value, names.token(value), names.lock(value))
    return Step(LEASE, keys, most, token, milliseconds(seconds), holder, milliseconds(lock), b"1" if renewing else b"")


def leased(reply: Sequence[Any]) -> Leased:
    """What the reply to `lease` says."""
    value, left, token, holds = reply
    return Leased(value, seconds_left(left), token, bool(holds))


def lease_in_steps(names: Names, key: str, token: bytes, seconds: float, holder: bytes, lock: float) -> list[Command]:
    """The same where EVAL is denied and the value was not there: the second reply is the token, the last the holder."""
    value = names.value(key)
    beside, own, life = names.token(value), names.lock(value), milliseconds(seconds)
    commands: list[Command] = [("SET", beside, token, "NX", "PX", life), ("GET", beside), ("PEXPIRE", beside, life)]
    if holder:
        commands += [("SET", own, holder, "NX", "PX", milliseconds(lock)), ("GET", own)]
    return commands


def fill(names: Names, token: bytes, holder: bytes, store: Command) -> Step:
    """Store a value by its SET while its token stands."""
    _, value, data, *life = store
    return Step(FILL, (value, names.token(value), names.lock(value)), token, holder, data, life[1] if life else b"")


def fill_in_steps(names: Names, token: bytes, holder: bytes, store: Command) -> tuple[Conditions, list[Command]]:
    """The same where EVAL is denied: what must hold, and what is to be done then."""
    value: bytes = store[1]
    conditions: Conditions = [(names.token(value), (token,))]
    if not holder:
        return conditions, [store]
    return [*conditions, (names.lock(value), (holder, None))], [store, ("UNLINK", names.lock(value))]


def owned_in_steps(step: Step) -> tuple[Conditions, list[Command]]:
    """What `renew` or `release` does, where EVAL is denied."""
    lock, holder = step.keys[0], step.arguments[0]
    kept: Command = ("PEXPIRE", lock, step.arguments[1]) if step.script is RENEW else ("UNLINK", lock)
    return [(lock, (holder,))], [kept]


def holder_of(holder: str | None) -> bytes:
    """A holder as it is written; empty: none."""
    return b"" if holder is None else encoded(holder)


def is_unknown(error: BaseException | None) -> bool:
    """Whether the server does not know a script yet."""
    return str(error).startswith("NOSCRIPT") or type(error).__name__ == "NoScriptError"


def is_denied(error: BaseException | None) -> bool:
    """Whether the server lets nobody, or not us, run scripts."""
    said = str(error).lower()
    return said.startswith("noperm") or type(error).__name__ == "NoPermissionError" or "unknown command" in said


def renew(names: Names, key: str, holder: bytes, lock: float) -> Step:
    """Keep a lock."""
    return Step(RENEW, (names.lock(names.value(key)),), holder, milliseconds(lock))


def release(names: Names, key: str, holder: bytes) -> Step:
    """Give a lock back."""
    return Step(RELEASE, (names.lock(names.value(key)),), holder)


# -- the feed: a capped stream


def notices(
    names: Names,
    writer: bytes,
    *,
    keys: Iterable[str] = (),
    tags: Iterable[str] = (),
    filled: Iterable[str] = (),
    is_clear: bool = False,
) -> list[Command]:
    """Tell every process, of some names at a time: no notice keeps a server busy for long."""
    said = [(kind, name) for kind, all_of in ((_KEY, keys), (_TAG, tags), (_FILLED, filled)) for name in all_of]
    parts = [(kind, encoded(name)) for kind, name in dict.fromkeys(said)]
    if is_clear:
        parts.append((_CLEAR, b""))
    start = ("XADD", names.feed, "MAXLEN", "~", KEPT_NOTICES, "*", _WRITER, writer)
    return [(*start, *chain.from_iterable(parts[at : at + SLICE])) for at in range(0, len(parts), SLICE)]


def begin_following(names: Names) -> Command:
    """A place to follow the feed from: an entry of its own, so that the feed is there."""
    return ("XADD", names.feed, "MAXLEN", "~", KEPT_NOTICES, "*", _WRITER, b"")


def follow(names: Names, position: str, wait: float) -> tuple[Command, Command]:
    """What came after `position`, as soon as anything does or after so many seconds; and the oldest that is kept."""
    return (
        ("XREAD", "BLOCK", milliseconds(wait), "STREAMS", names.feed, position),
        ("XRANGE", names.feed, "-", "+", "COUNT", 1),
    )


def position(entry: str, origin: str) -> str:
    """What a follower has to show: the last entry it heard, and the server that it heard it from."""
    return f"{entry} {origin}" if origin else entry


def entry_and_origin(position: str) -> tuple[str, str]:
    """What `position` was made of."""
    entry, _, origin = position.partition(" ")
    return entry, origin


def heard(position: str, replies: Sequence[Any], without: bytes | None) -> Heard:
    """What the replies to `follow` say, without what one writer did.

    The feed holds all that came after `position` if it still holds that entry or an older one. If not, more came than
    it keeps, or it is not the feed that it was (evicted, flushed, another server's).
    """
    streams: Any = replies[0]
    oldest: Sequence[Any] = replies[1]
    if isinstance(streams, dict):  # a client that speaks RESP3
        streams = [*cast("dict[bytes, Any]", streams).items()]
    entries: Sequence[Any] = streams[0][1] if streams else ()
    newest = entries[-1][0].decode() if entries else position
    is_whole = bool(oldest) and _order(oldest[0][0].decode()) <= _order(position)
    said: dict[bytes, list[str]] = {_KEY: [], _TAG: [], _FILLED: [], _CLEAR: []}
    for _, fields in entries:
        if fields[1] != without:
            for kind, name in zip(fields[2::2], fields[3::2], strict=True):
                said[kind].append(name.decode("utf-8", "surrogatepass"))
    filled = list(dict.fromkeys(said[_FILLED]))  # told twice by who had to send a script whole
    return Heard(newest, said[_KEY], said[_TAG], is_whole and not said[_CLEAR], filled)


def _order(entry: str) -> tuple[int, int]:
    time, _, number = entry.partition("-")
    return int(time), int(number)
