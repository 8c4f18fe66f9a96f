"""The two chunks that are no bytes of the body: the first, with status and headers, and the last, with the usage.

Both are the text of a JSON object: a chunk that cannot be changed is never copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from aicache.ai.usage import Usage
from aicache.contrib.http.plain import object_of, parsed, written

__all__ = [
    "Head",
    "Header",
    "RawHeader",
    "as_bytes",
    "body_of",
    "head_in",
    "head_of",
    "kept_headers",
    "passed_headers",
    "usage_chunk",
    "usage_in",
]

Header = tuple[str, str]
RawHeader = tuple[bytes, bytes]

_DROPPED: Final = frozenset(
    {
        "age",
        "alt-svc",
        "anthropic-organization-id",
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "openai-organization",
        "openai-project",
        "proxy-authenticate",
        "retry-after",
        "retry-after-ms",
        "server-timing",
        "set-cookie",
        "set-cookie2",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-aicache",
    }
)
_OF_ENCODING: Final = frozenset({b"content-encoding", b"content-length"})


class Head(NamedTuple):
    """Status and headers of an answer, these as they go over the wire. `asked`: when it was asked for, in seconds since
    the epoch.
    """

    status: int
    headers: list[RawHeader]
    asked: float

    def chunk(self) -> str:
        """The chunk that it is kept as."""
        return written(self.plain())

    def plain(self) -> dict[str, Any]:
        """The same as a plain dict."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        return {"status": self.status, "headers": headers, "asked": self.asked}


def head_in(chunk: object) -> Head | None:
    """The head that a chunk is; None where it is none."""
    return _head_of(chunk) if isinstance(chunk, str) else None


@lru_cache(maxsize=1024)  # the same for each hit of an answer; its list of headers is read, and never changed
def _head_of(chunk: str) -> Head | None:
    return head_of(_loaded(chunk))


def head_of(plain: dict[str, Any]) -> Head | None:
    """The head that a plain dict is; None where it is none."""
    status, headers, asked = plain.get("status"), plain.get("headers"), plain.get("asked")
    if not isinstance(status, int) or not isinstance(headers, list) or not isinstance(asked, int | float):
        return None
    try:
        pairs = [(str(name), str(value)) for name, value in cast("list[list[str]]", headers)]
        return Head(status, as_bytes(pairs), asked)
    except (TypeError, ValueError):
        return None


def usage_chunk(usage: Usage) -> str:
    """The last chunk, with what the call used."""
    return written({"usage": usage.to_dict()})


def usage_in(chunk: object) -> Usage | None:
    """The usage that the last chunk of an answer has; None where it has none."""
    return _usage_of(chunk) if isinstance(chunk, str) else None


@lru_cache(maxsize=1024)  # the same for each hit of an answer, and nobody can change it
def _usage_of(chunk: str) -> Usage | None:
    return Usage.from_dict(_loaded(chunk).get("usage"))


def _loaded(chunk: str) -> dict[str, Any]:
    try:
        return object_of(parsed(chunk))
    except ValueError:
        return {}


def body_of(chunks: Sequence[object]) -> list[bytes]:
    """The chunks of the body."""
    return [chunk for chunk in chunks if isinstance(chunk, bytes)]


def as_bytes(headers: Iterable[Header]) -> list[RawHeader]:
    """Headers as they go over the wire."""
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]


def kept_headers(raw: Iterable[RawHeader]) -> list[RawHeader]:
    """Of the headers as they come over the wire, in which any byte may be, those that are still true of the answer when
    somebody else gets it later: not who asked, when, and what was left to him, and not how the body came, since it is
    kept decoded.
    """
    return [(kept, value) for name, value in raw if (kept := _kept_name(name)) is not None]


@lru_cache(maxsize=512)  # providers send some dozens, the same with each answer
def _kept_name(name: bytes) -> bytes | None:
    text = name.decode("latin-1").lower()
    return None if text in _DROPPED or "ratelimit" in text.replace("-", "") else text.encode("latin-1")


def passed_headers(raw: list[RawHeader], *, was_encoded: bool) -> list[RawHeader]:
    """Those for who asked himself; `was_encoded`: the body was decoded on its way."""
    return [pair for pair in raw if pair[0].lower() not in _OF_ENCODING] if was_encoded else raw
