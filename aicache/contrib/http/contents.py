"""Images and files in a request stand in its key by what they hold: by the SHA-256 of their bytes, not as base64."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any, Final, cast

__all__ = ["with_digests"]

_HOLDERS: Final = frozenset({"data", "file_data"})
_SHORTEST: Final = 64


def with_digests(body: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The body with a tuple of kind, size and digest for each base64 text, in a data URL or under a name that is for
    such. JSON has no tuples, so no text of a request can be taken for one.

    `raw`: the body as it is sent, by which one without any is seen at once.
    """
    if b";base64," not in raw and b'data"' not in raw:
        return body
    return cast("dict[str, Any]", _digested(body, is_data=False))


def _digested(value: Any, *, is_data: bool) -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _digested(item, is_data=name in _HOLDERS) for name, item in pairs.items()}
    if isinstance(value, list):
        return [_digested(item, is_data=False) for item in value]  # pyright: ignore[reportUnknownVariableType] of Any
    if isinstance(value, str) and len(value) >= _SHORTEST:
        if value.startswith("data:"):
            head, found, rest = value.partition(";base64,")
            return (_content(head, rest) or value) if found else value
        if is_data:
            return _content("", value) or value
    return value


def _content(kind: str, text: str) -> tuple[str, int, str] | None:
    """None where it is no base64 from end to end: then it is what it is."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    return kind, len(data), sha256(data).hexdigest()
