"""One value, one text of bytes: an encoding for keys in which two different values never look alike.

Each value is its type's tag, its length and its content, so nothing can run into its neighbour: `1`, `1.0`, `True` and
`"1"` differ, and so do a list and its text, `None` and absence. The order of a dict's keys does not count, that of a
list's items does. The bytes are the same in every process, whatever `PYTHONHASHSEED` is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from aicache.errors import KeyEncodingError

__all__ = ["canonical", "digest"]

_DEEPEST: Final = 100


def digest(value: object, path: str = "") -> str:
    """The SHA-256 of `canonical(value)`, as 64 hexadecimal digits."""
    return sha256(canonical(value, path)).hexdigest()


def canonical(value: object, path: str = "") -> bytes:
    """The encoding of `value`; raises `KeyEncodingError`, which names the place below `path`, for a type it does not
    know.
    """
    out = bytearray()
    _encode(value, out, path, 0)
    return bytes(out)


def _put(out: bytearray, tag: bytes, content: bytes) -> None:
    out += tag
    out += len(content).to_bytes(8, "big")
    out += content


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


def _encode(value: Any, out: bytearray, path: str, depth: int) -> None:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
    atom = _ATOMS.get(kind)
    if atom is not None:
        tag, content = atom
        _put(out, tag, content(value))
    elif depth >= _DEEPEST:
        raise KeyEncodingError(
            f"{path or 'the value'} is nested deeper than {_DEEPEST} levels; pass key= instead", path=path
        )
    elif kind is list or kind is tuple:
        inner = bytearray()
        for at, item in enumerate(value):
            _encode(item, inner, f"{path}[{at}]", depth + 1)
        _put(out, b"L" if kind is list else b"t", bytes(inner))
    elif kind is dict:
        pairs: list[tuple[bytes, bytes]] = []
        for name, item in value.items():
            encoded_name, encoded_item = bytearray(), bytearray()
            _encode(name, encoded_name, f"{path}[{name!r}]", depth + 1)
            _encode(item, encoded_item, f"{path}[{name!r}]", depth + 1)
            pairs.append((bytes(encoded_name), bytes(encoded_item)))
        _put(out, b"O", b"".join(key + content for key, content in sorted(pairs)))
    elif kind is set or kind is frozenset:
        _put(out, b"E" if kind is set else b"e", b"".join(sorted(canonical(item, f"{path}{{…}}") for item in value)))
    elif isinstance(value, Enum):
        _put(out, b"V", _text(f"{kind.__module__}.{kind.__qualname__}.{value.name}"))
    else:
        raise KeyEncodingError(
            f"{path or 'the value'} is a {kind.__qualname__}, which has no unambiguous place in a key; "
            "pass key= to name the call yourself",
            path=path,
        )
