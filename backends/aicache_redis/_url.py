"""What a URL may say. A password that was not percent-encoded can stand where a host, a path or an option is looked
for, so nothing of a URL is shown before it is known where its password is.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["DEFAULT_URL", "check_url", "for_the_library", "place_of"]

DEFAULT_URL: Final = "redis://localhost:6379/0"

_SCHEMES: Final = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
_ALLOWED: Final = frozenset({"db", "username", "password", "client_name"})


def check_url(url: object) -> None:
    """Raise where `url` is none of ours; the message shows no user, no password and no option's value."""
    if not isinstance(url, str):
        raise InvalidTypeError(f"url must be a str, got {type(url).__name__}")
    parts, options = _split(url)
    if parts.scheme not in _SCHEMES or "://" not in url:
        raise InvalidArgumentError(f"url must begin with one of {', '.join(_SCHEMES)} and ://, got {place_of(url)!r}")
    for name, value in options:
        if name not in _ALLOWED and not name.startswith("ssl_"):
            raise InvalidArgumentError(
                f"url has the option {name!r}, which is not the URL's to decide; "
                f"there are {', '.join(sorted(_ALLOWED))} and ssl_*; waiting is set by timeout="
            )
        if name.startswith("ssl_") and _SCHEMES[parts.scheme] != "rediss":
            raise InvalidArgumentError(
                f"url has the option {name!r} without TLS; begin it with rediss:// or valkeys://"
            )
        if name == "db" and not _is_number(value):
            raise InvalidArgumentError(
                f"url {place_of(url)!r} cannot be read: check port and db; db={value!r} is no number"
            )
    if parts.scheme == "unix":
        if not parts.path:
            raise InvalidArgumentError("url must name the path of a socket, as in unix:///run/redis.sock?db=0")
    elif not _has_port(parts) or (parts.path.strip("/") and not _is_number(parts.path[1:])):
        raise InvalidArgumentError(
            f"url {place_of(url)!r} cannot be read: check port and db, as in redis://localhost:6379/0"
        )


def place_of(url: str) -> str:
    """A URL that can be split, without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def for_the_library(url: str) -> str:
    """The URL under a scheme that the client library knows."""
    scheme, _, rest = url.partition("://")
    return f"{_SCHEMES[scheme.lower()]}://{rest}"


def _split(url: str) -> tuple[SplitResult, list[tuple[str, str]]]:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may hold the password
        raise InvalidArgumentError(
            "url cannot be read; check its host (it is not shown: it may hold a password)"
        ) from None
    options = parse_qsl(parts.query, keep_blank_values=True)
    path = "" if parts.scheme == "unix" else parts.path
    if any("@" in part for part in (path, parts.fragment, *(name for name, _ in options))):
        raise InvalidArgumentError(
            "url has an @ behind its host, so its user or password holds one of / ? # as it is (the URL is not shown); "
            "percent-encode them with urllib.parse.quote(text, safe='')"
        )
    return parts, options


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]+", text) is not None
