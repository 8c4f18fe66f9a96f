"""Images and files in a request stand in its key by what they hold: by the SHA-256 of their bytes, not as base64."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any, Final, TypeAlias, cast

__all__ = ["Content", "digested"]

Content: TypeAlias = "list[Any]"
"""Where in the body it stands, as names and numbers, then its kind, its size in bytes and its digest."""

_HOLDERS: Final = frozenset({"data", "file_data"})
_SHORTEST: Final = 64
_INSTEAD: Final = "(its content)"


def digested(body: dict[str, Any], raw: bytes) -> tuple[dict[str, Any], list[Content]]:
    """The body without each base64 text, in a data URL or under a name that is for such, and what these hold.

    Where they stood is told beside the body and not in it, so no text of a request can be taken for one. `raw`: the
    body as it is sent, by which one without any is seen at once.
    """
    contents: list[Content] = []
    # `in` would first try each of them as the number of a byte.
    if raw.find(b";base64,") < 0 and raw.find(b'data"') < 0:
        return body, contents
    return cast("dict[str, Any]", _without(body, [], contents)), contents


def _without(value: Any, steps: list[str | int], contents: list[Content]) -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _without(item, [*steps, name], contents) for name, item in sorted(pairs.items())}
    if isinstance(value, list):
        given = cast("list[object]", value)
        return [_without(item, [*steps, at], contents) for at, item in enumerate(given)]
    if isinstance(value, str) and len(value) >= _SHORTEST:
        content = _content(value, is_data=bool(steps) and steps[-1] in _HOLDERS)
        if content is not None:
            contents.append([steps, *content])
            return _INSTEAD
    return value


def _content(value: str, *, is_data: bool) -> tuple[str, int, str] | None:
    """Its kind, size and digest; None where it is no base64 from end to end: then it is what it is."""
    if value.startswith("data:"):
        head, found, text = value.partition(";base64,")
        if not found:
            return None
    elif is_data:
        head, text = "", value
    else:
        return None
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    return head, len(data), sha256(data).hexdigest()
