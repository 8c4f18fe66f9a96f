"""What a URL may say. A password that was not percent-encoded can stand where a host, a path or an option is looked
for, so nothing of a URL is shown before it is known where its password is.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["DEFAULT_URL", "Address", "Target", "check_url", "place_of", "target_of"]

DEFAULT_URL: Final = "redis://localhost:6379/0"

_PLAIN: Final = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
_SCHEMES: Final = {
    **_PLAIN,
    "unix": "unix",
    **{f"{name}+{kind}": scheme for kind in ("sentinel", "cluster") for name, scheme in _PLAIN.items()},
}
_ALLOWED: Final = frozenset({"db", "username", "password", "client_name"})
_OF_SENTINELS: Final = frozenset({"sentinel_username", "sentinel_password"})
_PORTS: Final = {"sentinel": 26379, "cluster": 6379}
_NODE: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_EXAMPLES: Final = {
    "sentinel": "redis+sentinel://host1:26379,host2:26379/name/0",
    "cluster": "redis+cluster://host1:6379,host2:6379",
}


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Target(NamedTuple):
    """What a URL points to.

    `kind`: `""` one server, `"sentinel"` the master of that `name`, `"cluster"`. `url`: for the client library, with
    the credentials and options of a server. `nodes`: the sentinels, or nodes of the cluster. `credentials`: the
    sentinels'.
    """

    kind: str
    url: str
    nodes: tuple[Address, ...] = ()
    name: str = ""
    credentials: dict[str, str] = {}  # noqa: RUF012 nobody changes it


def check_url(url: object) -> None:
    """Raise where `url` is none of ours; the message shows no user, no password and no option's value."""
    if not isinstance(url, str):
        raise InvalidTypeError(f"url must be a str, got {type(url).__name__}")
    parts, options = _split(url)
    if parts.scheme not in _SCHEMES or "://" not in url:
        raise InvalidArgumentError(f"url must begin with one of {', '.join(_SCHEMES)} and ://, got {place_of(url)!r}")
    kind = _kind(parts)
    allowed = _ALLOWED | _OF_SENTINELS if kind == "sentinel" else _ALLOWED
    for name, value in options:
        if name not in allowed and not name.startswith("ssl_"):
            raise InvalidArgumentError(
                f"url has the option {name!r}, which is not the URL's to decide; "
                f"there are {', '.join(sorted(allowed))} and ssl_*; waiting is set by timeout="
            )
        if name.startswith("ssl_") and _SCHEMES[parts.scheme] != "rediss":
            raise InvalidArgumentError(
                f"url has the option {name!r} without TLS; begin it with rediss:// or valkeys://"
            )
        if name == "db" and not _is_number(value):
            raise InvalidArgumentError(
                f"url {place_of(url)!r} cannot be read: check port and db; db={value!r} is no number"
            )
    if kind:
        _check_many(url, kind, parts, options)
    elif parts.scheme == "unix":
        if not parts.path:
            raise InvalidArgumentError("url must name the path of a socket, as in unix:///run/redis.sock?db=0")
    elif not _has_port(parts) or (parts.path.strip("/") and not _is_number(parts.path[1:])):
        raise InvalidArgumentError(
            f"url {place_of(url)!r} cannot be read: check port and db, as in redis://localhost:6379/0"
        )


def _check_many(url: str, kind: str, parts: SplitResult, options: list[tuple[str, str]]) -> None:
    if not _nodes(parts, kind):
        raise InvalidArgumentError(
            f"url {place_of(url)!r} cannot be read: check its hosts and ports, as in {_EXAMPLES[kind]}"
        )
    name, _, db = parts.path[1:].partition("/")
    if kind == "sentinel":
        if not name:
            raise InvalidArgumentError(f"url {place_of(url)!r} must name the master, as in {_EXAMPLES[kind]}")
        if db and not _is_number(db):
            raise InvalidArgumentError(f"url {place_of(url)!r} cannot be read: check its db, as in {_EXAMPLES[kind]}")
    elif parts.path not in ("", "/", "/0") or any(value != "0" for option, value in options if option == "db"):
        raise InvalidArgumentError(
            f"url {place_of(url)!r} names a database, and a cluster has only 0: write {_EXAMPLES[kind]}"
        )


def place_of(url: str) -> str:
    """A URL that can be split, without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def target_of(url: str) -> Target:
    """What a URL that was checked points to."""
    parts, options = _split(url)
    scheme, kind = _SCHEMES[parts.scheme], _kind(parts)
    if not kind:
        return Target("", f"{scheme}://{url.partition('://')[2]}")
    nodes = _nodes(parts, kind)
    name, _, db = parts.path[1:].partition("/") if kind == "sentinel" else ("", "", "0")
    user = parts.netloc.rpartition("@")[0]
    own = urlencode([(option, value) for option, value in options if option not in _OF_SENTINELS])
    served = f"{scheme}://{user}{'@' if user else ''}{nodes[0]}/{db or 0}{'?' if own else ''}{own}"
    theirs = {option.removeprefix("sentinel_"): value for option, value in options if option in _OF_SENTINELS}
    return Target(kind, served, nodes, unquote(name), theirs)


def _kind(parts: SplitResult) -> str:
    return parts.scheme.partition("+")[2]


def _nodes(parts: SplitResult, kind: str) -> tuple[Address, ...]:
    """The servers that a URL lists; none where one of them cannot be read."""
    nodes: list[Address] = []
    for text in parts.netloc.rpartition("@")[2].split(","):
        read = _NODE.fullmatch(text)
        port = int(read[2] or _PORTS[kind]) if read else 0
        if read is None or not 0 < port < 65536:
            return ()
        nodes.append(Address(read[1].strip("[]"), port))
    return tuple(nodes)


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
