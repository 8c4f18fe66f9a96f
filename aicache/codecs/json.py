"""`JsonSerializer`: for values that JSON keeps as they are, and for bytes that other programs can read (RFC 8259)."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, Final

from aicache.codecs.budget import HARMLESS
from aicache.errors import EnvelopeError, SerializationError

__all__ = ["JsonSerializer"]

_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ATOMS: Final = frozenset({str, int, bool, type(None)})


class JsonSerializer:
    """Exact JSON: None, bool, int, finite float, str, list, and dict with texts for keys; anything else is refused.

    `max_depth`, `max_items`: how deep and how many items a value may be; items are counted in values over 64 KiB.
    """

    id: int = 2

    def __init__(self, *, max_depth: int = 32, max_items: int = 200_000) -> None:
        self._max_depth = max_depth
        self._max_items = max_items

    def dumps(self, value: Any) -> bytes:
        """The bytes; raises `SerializationError`, whose `path` says where, for what JSON cannot keep exactly."""
        self._check(value, "", 0)
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except ValueError as error:  # an int with more digits than Python turns into text
            raise SerializationError(f"the value cannot be JSON: {error}") from error
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > HARMLESS and self._items(raw) > self._max_items:
            raise SerializationError(f"the value has more than {self._max_items} items; split it, or raise max_items")
        return raw

    def loads(self, data: bytes) -> Any:
        """The value; raises whatever goes wrong on bytes that `dumps` did not make, `EnvelopeError` over a limit."""
        if len(data) > HARMLESS and self._items(data) > self._max_items:
            raise EnvelopeError("budget", f"more than {self._max_items} items")
        return json.loads(data.decode("utf-8", "surrogatepass"))

    def _items(self, raw: bytes) -> int:
        """At least as many as there are items; exact where that matters."""
        most = sum(map(raw.count, (b",", b":", b"[", b"{")))
        if most > self._max_items:
            bare = _TEXTS.sub(b"", raw)
            most = sum(map(bare.count, (b",", b":", b"[", b"{")))
        return most + 1

    def _check(self, value: Any, path: str, depth: int) -> None:
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
        if kind in _ATOMS or (kind is float and isfinite(value)):
            return
        if kind not in (list, dict):
            what = "is not finite" if kind is float else f"is a {kind.__module__}.{kind.__qualname__}"
            cure = "use MsgpackSerializer, which keeps more types, or convert it"
            raise SerializationError(f"{path or 'the value'} {what}, which JSON cannot keep exactly; {cure}", path=path)
        if depth >= self._max_depth:
            message = f"{path or 'the value'} lies deeper than {self._max_depth} levels; flatten it, or raise max_depth"
            raise SerializationError(message, path=path)
        if kind is list:
            for at, item in enumerate(value):
                self._check(item, f"{path}[{at}]", depth + 1)
        else:
            for key, item in value.items():
                if type(key) is not str:
                    message = f"{path or 'the value'} has the key {key!r}, which JSON would make a text"
                    raise SerializationError(f"{message}; use MsgpackSerializer", path=f"{path}[{key!r}]")
                self._check(item, f"{path}[{key!r}]", depth + 1)
