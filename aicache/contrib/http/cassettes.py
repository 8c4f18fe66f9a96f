"""Cassettes: answers in a file that can be read, checked in, and replayed elsewhere.

JSON lines. The first says what it is: `{"aicache-cassette": 1}`. Each of the others is one answer, under its key:

    {"key": …, "request": {"method": …, "url": …, "body": …},
     "status": 200, "headers": [[…, …]], "asked": …, "chunks": […]}

on one line. `asked` is in seconds since the epoch. A chunk is the text of its bytes, or `{"base64": …}` where they are
none. No request header is in it, and no credential of the URL; the prompts are.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self

from aicache.contrib.http.heads import Head, head_of
from aicache.contrib.http.plain import object_of
from aicache.errors import ConfigurationError

__all__ = ["Cassette", "Take"]

_MARK: Final = "aicache-cassette"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Take:
    """One answer. `request`: what was asked, for people. `chunks`: its body."""

    request: dict[str, Any]
    head: Head
    chunks: list[bytes]


@dataclass(slots=True)
class Cassette:
    """Answers by key, in the order in which they were recorded."""

    takes: dict[str, Take] = field(default_factory=dict[str, Take])

    @classmethod
    def read(cls, path: str | PathLike[str], *, missing_is_empty: bool = False) -> Self:
        """The cassette in a file. Raises `ConfigurationError`, with the line, where it is none that is known here, and
        `OSError` where it cannot be read.
        """
        if missing_is_empty and not Path(path).exists():
            return cls()
        lines = Path(path).read_bytes().decode("utf-8", "surrogatepass").split("\n")
        if not lines[0] or _json(path, 1, lines[0]).get(_MARK) != _VERSION:
            raise ConfigurationError(f'{path} must begin with {{"{_MARK}": {_VERSION}}}; record it again')
        takes: dict[str, Take] = {}
        for number, line in enumerate(lines[1:], 2):
            if line.strip():
                key, take = _take(_json(path, number, line), f"line {number} of {path}")
                takes[key] = take
        return cls(takes)

    def write(self, path: str | PathLike[str]) -> None:
        """Write it to a file, in place of what is there."""
        lines = [json.dumps({_MARK: _VERSION})]
        for key, take in self.takes.items():
            plain = {
                "key": key,
                "request": take.request,
                **take.head.plain(),
                "chunks": [_shown(c) for c in take.chunks],
            }
            lines.append(json.dumps(plain, ensure_ascii=False))
        text = "\n".join(lines) + "\n"
        Path(path).write_bytes(text.encode("utf-8", "surrogatepass"))


def _json(path: object, number: int, line: str) -> dict[str, Any]:
    try:
        return object_of(json.loads(line))
    except ValueError as error:
        raise ConfigurationError(f"line {number} of {path} must be JSON: {error}") from error


def _take(plain: dict[str, Any], where: str) -> tuple[str, Take]:
    key, head, chunks = plain.get("key"), head_of(plain), plain.get("chunks")
    if not isinstance(key, str) or head is None or not isinstance(chunks, list):
        raise ConfigurationError(f"{where} must have a key, a status, headers and chunks")
    try:
        body = [_bytes(chunk) for chunk in chunks]  # pyright: ignore[reportUnknownVariableType] of Any
        return key, Take(object_of(plain.get("request")), head, body)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{where} has a chunk that is neither a text nor base64") from error


def _shown(chunk: bytes) -> str | dict[str, str]:
    try:
        return chunk.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(chunk).decode("ascii")}


def _bytes(shown: Any) -> bytes:
    return shown.encode("utf-8") if isinstance(shown, str) else b64decode(shown["base64"], validate=True)
