"""One value, one text of bytes: an encoding for keys in which two different values never look alike.

Each value is its type's tag, its length and its content, so nothing can run into its neighbour: `1`, `1.0`, `True` and
`"1"` differ, and so do a list and its text, `None` and absence. The order of a dict's keys does not count, that of a
list's items does. The bytes are the same in every process, whatever `PYTHONHASHSEED` is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from aicache.errors import KeyEncodingError

__all__ = ["canonical", "digest"]

_DEEPEST: Final = 100
_SHORT: Final = 64


def digest(value: object, path: str = "") -> str:
    """The SHA-256 of `canonical(value)`, as 64 hexadecimal digits."""
    return sha256(canonical(value, path)).hexdigest()


def canonical(value: object, path: str = "") -> bytes:
    """The encoding of `value`; raises `KeyEncodingError`, which names the place below `path`, for a type it does not
    know.
    """
    try:
        return _encoded(value, 0)
    except _NoPlaceError as error:
        place = path + "".join(reversed(error.steps))
        cure = "convert it to a built-in type, or name the call yourself: pass key="
        raise KeyEncodingError(f"{place or 'the value'} {error}; {cure}", path=place) from None


class _NoPlaceError(Exception):
    """Something in a value has no place in a key; `steps` lead to it, the last first."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.steps: list[str] = []


_head: Final = struct.Struct(">cQ").pack


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _zone(value: datetime | time) -> str:
    zone = value.tzinfo
    return "" if zone is None else f"{type(zone).__module__}.{type(zone).__qualname__}:{zone}"


_ATOMS: Final[dict[type, tuple[bytes, Callable[[Any], bytes]]]] = {
    type(None): (b"N", lambda _: b""),
    bool: (b"B", lambda v: b"1" if v else b"0"),
    int: (b"I", lambda v: v.to_bytes(v.bit_length() // 8 + 1, "big", signed=True)),
    float: (b"F", lambda v: struct.pack(">d", v)),
    complex: (b"C", lambda v: struct.pack(">dd", v.real, v.imag)),
    str: (b"S", _text),
    bytes: (b"Y", lambda v: v),
    bytearray: (b"A", bytes),
    datetime: (b"T", lambda v: _text(f"{v.isoformat()} {v.fold} {_zone(v)}")),
    date: (b"D", lambda v: v.isoformat().encode()),
    time: (b"H", lambda v: _text(f"{v.isoformat()} {v.fold} {_zone(v)}")),
    timedelta: (b"P", lambda v: f"{v.days} {v.seconds} {v.microseconds}".encode()),
    Decimal: (b"M", lambda v: str(v).encode()),
    UUID: (b"U", lambda v: v.bytes),
}


def _encoded(value: Any, depth: int) -> bytes:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
    if kind is str:
        try:
            content: bytes = value.encode()
        except UnicodeEncodeError:
            content = _text(value)
        return _head(b"S", len(content)) + content
    atom = _ATOMS.get(kind)
    if atom is not None:
        tag, encode = atom
        content = encode(value)
        return _head(tag, len(content)) + content
    if depth >= _DEEPEST:
        raise _NoPlaceError(f"is nested deeper than {_DEEPEST} levels")
    if kind is dict:
        content = _pairs(value, depth + 1) if value else b""
        return _head(b"O", len(content)) + content
    if kind is list or kind is tuple:
        content = _items(value, depth + 1) if value else b""
        return _head(b"L" if kind is list else b"t", len(content)) + content
    if kind is set or kind is frozenset:
        content = b"".join(sorted([_encoded(item, depth + 1) for item in value]))
        return _head(b"E" if kind is set else b"e", len(content)) + content
    if isinstance(value, Enum):
        content = _text(f"{kind.__module__}.{kind.__qualname__}.{value.name}")
        return _head(b"V", len(content)) + content
    raise _NoPlaceError(f"is a {kind.__qualname__}, which has no unambiguous place in a key")


def _items(values: Iterable[Any], depth: int) -> bytes:
    encoded: list[bytes] = []
    try:
        for item in values:
            encoded.append(_encoded(item, depth))  # noqa: PERF401 how many there are says where it failed
    except _NoPlaceError as error:
        error.steps.append(f"[{len(encoded)}]")
        raise
    return b"".join(encoded)


def _pairs(values: dict[Any, Any], depth: int) -> bytes:
    pairs: list[bytes] = []
    name: object = None
    try:
        for name, item in values.items():
            is_short = type(name) is str and len(name) < _SHORT
            pairs.append((_name(name) if is_short else _encoded(name, depth)) + _encoded(item, depth))
    except _NoPlaceError as error:
        error.steps.append(f"[{name!r}]")
        raise
    pairs.sort()  # no encoding begins another, so this is by name
    return b"".join(pairs)


@lru_cache(1024)
def _name(name: str) -> bytes:
    """A short name's encoding: the names of arguments, options and fields are few, and come again and again."""
    return _encoded(name, 0)
