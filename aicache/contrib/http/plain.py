"""Reads JSON of others, in which anything may stand anywhere, without a check at each step; and writes some.

Where msgspec is installed (extra `fast`) it reads and writes what it can: the same values in a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecoder, JSONEncoder
from typing import Any, Final

try:
    from msgspec import json as _msgspec

    _read: Callable[[bytes | str], Any] | None = _msgspec.Decoder().decode
    _write: Callable[[Any], bytes] | None = _msgspec.Encoder().encode
except ImportError:
    _read = _write = None

__all__ = ["items", "number", "object_of", "parsed", "parsed_exactly", "text", "under", "written"]


def under(value: object, *names: str) -> Any:
    """What stands in nested objects under these names; None where one of them is missing, or is no object."""
    here: Any = value
    for name in names:
        if not isinstance(here, dict):
            return None
        here = here.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] of Any
    return here  # pyright: ignore[reportUnknownVariableType] of Any


def object_of(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    found: Any = value
    return found if isinstance(value, dict) else {}


def items(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    found: list[Any] = value
    return [item for item in found if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The value where it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> int | None:
    """The value where it is a count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parsed(data: bytes | str) -> Any:
    """The JSON in `data`; raises `ValueError` where it is none."""
    if _read is not None:
        try:
            return _read(data)
        except Exception:  # some of it is JSON to Python, as NaN and half a surrogate pair
            pass
    return _decode(data.decode("utf-8") if isinstance(data, bytes) else data)


def written(value: Any) -> str:
    """The text of such values, without NaN and infinity, which JSON has no words for."""
    if _write is not None:
        try:
            return _write(value).decode("utf-8")
        except Exception:  # half a surrogate pair
            pass
    return _encode(value)


def parsed_exactly(data: bytes) -> Any:
    """The same for what is to be in a key: an object with a name twice is refused, since some take the first of the
    two, and some the last.
    """
    return _decode_exactly(data.decode("utf-8"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a name twice")
    return made


_decode: Final = JSONDecoder().decode
_encode: Final = JSONEncoder(check_circular=False).encode  # what is given has no circles
_decode_exactly: Final = JSONDecoder(object_pairs_hook=_unique).decode
