"""The key of a request to a provider: everything is in it but what is declared not to change the answer.

    <namespace>:[<scope>]:http:<rule>|<version><digest>

The digest covers version, scope, method, host and port, path, query, the headers that the rule names, and the body
in the encoding of `aicache._kernel.canonical`, in which no two different values look alike. Credentials, and who pays,
are never in it: whoever must not share answers has a scope of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from aicache._kernel.canonical import canonical
from aicache.ai.escaping import scoped_namespace
from aicache.contrib.http.contents import with_digests
from aicache.contrib.http.plain import parsed_exactly
from aicache.contrib.http.rules import Rule

__all__ = ["Sent", "key_of", "parts_of", "prefix_of", "sent"]

_VERSION: Final = "1-"
_SECRET_QUERY: Final = frozenset({"access_token", "api-key", "api_key", "apikey", "key", "sig", "signature", "token"})


class Sent(NamedTuple):
    """A request as it is sent. `origin`: scheme, host and port. `body`: parsed; `raw`: as it is sent."""

    method: str
    origin: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes
    body: dict[str, Any]


def prefix_of(namespace: str, scope: str | None) -> str:
    """What every key of this namespace and scope begins with."""
    return f"{scoped_namespace(namespace, scope)}http:"


def key_of(request: Sent, rule: Rule, scope: str | None) -> str:
    """The key of a request, after its prefix; raises `KeyEncodingError` for a body that nests too deep."""
    encoded = canonical((_VERSION, scope, rule.name)) + canonical(parts_of(request, rule))
    return f"{rule.name}|{_VERSION}{sha256(encoded).hexdigest()}"


def parts_of(request: Sent, rule: Rule) -> dict[str, Any]:
    """What of a request is in its key, by name."""
    body = request.body
    if not rule.volatile.isdisjoint(body):
        body = {name: value for name, value in body.items() if name not in rule.volatile}
    return {
        "method": request.method,
        "host": request.origin,
        "path": request.path,
        "query": _query(request.query) if request.query else [],
        "headers": {name: request.headers[name] for name in rule.headers if name in request.headers},
        "body": with_digests(body, request.raw),
    }


def _query(query: str) -> list[tuple[str, str]]:
    """Its pairs by name, those of one name in their order, and no credential."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return sorted((pair for pair in pairs if pair[0].lower() not in _SECRET_QUERY), key=lambda pair: pair[0])


def sent(method: str, url: str, headers: Iterable[tuple[str, str]], raw: bytes) -> Sent:
    """A request as it is sent; raises `ValueError` where its body is no JSON object."""
    parts = urlsplit(url)
    body = parsed_exactly(raw)
    if not isinstance(body, dict):
        raise ValueError("the body is no object")
    plain = {name.lower(): value for name, value in headers}
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return Sent(method, origin, parts.path, parts.query, plain, raw, cast("dict[str, Any]", body))
