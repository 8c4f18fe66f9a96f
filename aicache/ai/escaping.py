"""Puts any text into a key, so that it can be read there, ends where it seems to end, and comes out again."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError

__all__ = ["checked_namespace", "checked_scope", "escaped", "named", "scoped_namespace", "unescaped"]

_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9_.-]")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_ESCAPED: Final = re.compile(rb"%([0-9A-F]{2})")
_LONGEST_SCOPE: Final = 64


def escaped(text: str) -> str:
    """`text` with a percent sign and two hexadecimal digits for each byte that is no ASCII letter, digit, `_.-`."""
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], _bytes(text)).decode("ascii")


def unescaped(text: str) -> str:
    """What `escaped` was given; of a name cut short, its beginning and what stands after it."""
    raw = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), text.encode("ascii"))
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # it was cut within a character
        return raw.decode("utf-8", "replace")


def named(text: str, most: int) -> str:
    """`text` escaped in at most `most` bytes (64 at least): where it is longer, its beginning, `~` and its SHA-256.

    `~` is never in an escaped text, so the two cannot be mistaken for each other.
    """
    name = escaped(text)
    if len(name) <= most:
        return name
    digest = urlsafe_b64encode(sha256(_bytes(text)).digest()).rstrip(b"=").decode("ascii")
    return f"{name[: most - len(digest) - 1]}~{digest}"


def scoped_namespace(namespace: str, scope: str | None) -> str:
    """What keys of a namespace, taken as it is, and a scope begin with: `<namespace>:[<scope>]:`, or `<namespace>:`."""
    return f"{namespace}:" if scope is None else f"{namespace}:[{named(scope, _LONGEST_SCOPE)}]:"


def checked_namespace(namespace: object) -> str:
    """Return `namespace`, or raise: it can begin keys as it is."""
    if not isinstance(namespace, str) or _NAMESPACE.fullmatch(namespace) is None:
        raise ConfigurationError(
            f"namespace must be 1 to 32 ASCII letters, digits and _.- characters, got {namespace!r}"
        )
    return namespace


def checked_scope(scope: object) -> str | None:
    """Return `scope`, or raise: it is None or a text that is not empty."""
    if scope is not None and not isinstance(scope, str):
        raise InvalidTypeError(f"scope must be a str or None, got {scope!r}")
    if scope == "":
        raise InvalidArgumentError("scope must not be empty, got ''; pass None for no scope")
    return scope


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
