"""Reads JSON of others, in which anything may stand anywhere, without a check at each step."""

from __future__ import annotations

from json import JSONDecoder
from typing import Any, Final, cast

__all__ = ["items", "number", "object_of", "parsed", "parsed_exactly", "text", "under"]


def under(value: object, *names: str) -> Any:
    """What stands in nested objects under these names; None where one of them is missing, or is no object."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, object]", value).get(name)
    return value


def object_of(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[object]", value) if isinstance(item, dict)]


def text(value: object) -> str | None:
    """The value where it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> int | None:
    """The value where it is a count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parsed(data: bytes | str) -> Any:
    """The JSON in `data`; raises `ValueError` where it is none."""
    return _decode(data.decode("utf-8") if isinstance(data, bytes) else data)


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
_decode_exactly: Final = JSONDecoder(object_pairs_hook=_unique).decode
