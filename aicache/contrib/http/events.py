"""Server-sent events out of chunks of bytes that are cut anywhere."""

from __future__ import annotations

from typing import Final

__all__ = ["Event", "Events"]

_LF: Final = 10
_CR: Final = 13  # a byte is found in a chunk in a tenth of the time that one takes as `bytes`

Event = tuple[str, str]
"""What an event is called, "" where it has no name, and its data."""


class Events:
    """Puts chunks together and gives out each event once it is whole, its blank line included."""

    __slots__ = ("_is_first", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._is_first = True

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes."""
        if not (self._rest or self._is_first) and _is_one(chunk):
            return [("", chunk[6:-2].decode("utf-8", "replace"))]
        data = self._rest + chunk
        if self._is_first and len(data) >= 3:
            self._is_first = False
            data = data.removeprefix(b"\xef\xbb\xbf")
        held = b""
        if _CR in data:  # ends a line by itself or with what follows it
            if data.endswith(b"\r"):
                data, held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = data.split(b"\n\n")
        self._rest = rest + held
        return [event for block in blocks if (event := _event(block)) is not None]


def _is_one(chunk: bytes) -> bool:
    """Whether a chunk is one event of one line, which is data, as nearly all are."""
    at = chunk.find(b"\n")
    return at == len(chunk) - 2 and chunk[-1] == _LF and _CR not in chunk and chunk.startswith(b"data: ")


def _event(block: bytes) -> Event | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return "", block[6:].decode("utf-8", "replace")
    name, data = "", list[str]()
    for line in block.decode("utf-8", "replace").split("\n"):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.removeprefix(" ")
    return (name, "\n".join(data)) if data else None
