"""The key of a request to a provider: everything is in it but what is declared not to change the answer.

    <namespace>:[<scope>]:http:<rule>|<version><digest>

The digest covers version, scope, method, host and port, path, query, the headers that the rule names, and the body, as
JSON with the names in order, in which no two different values look alike: `1`, `1.0`, `true` and `"1"` differ.
Credentials, and who pays, are never in it: whoever must not share answers has a scope of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from json import JSONEncoder
from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl

from aicache.ai.escaping import scoped_namespace
from aicache.contrib.http.contents import digested
from aicache.contrib.http.plain import parsed_exactly
from aicache.contrib.http.rules import Rule
from aicache.errors import KeyEncodingError

__all__ = ["Sent", "key_of", "parts_of", "prefix_of", "sent", "target_of"]

_VERSION: Final = "1-"
_SECRET_QUERY: Final = frozenset({"access_token", "api-key", "api_key", "apikey", "key", "sig", "signature", "token"})
# Parsed JSON has no circles, and a lone surrogate is a text like any other.
_encode: Final = JSONEncoder(check_circular=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


class Sent(NamedTuple):
    """A request as it is sent. `origin`: scheme, host and port. `body`: parsed; `raw`: as it is sent."""

    method: str
    origin: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes
    body: dict[str, Any]


def sent(request: Any, headers: Mapping[str, str] | None = None) -> Sent:
    """What a request of httpx2 or httpx is sent as. `headers`: those that count, where they are known; None: all.

    Raises `ValueError` or `RecursionError` where its body is no JSON object, and `RuntimeError` where the body is still
    to be made: it is not read for the cache's sake.
    """
    raw: bytes = request.content
    body = parsed_exactly(raw)
    if not isinstance(body, dict):
        raise ValueError("the body is no object")
    path, query = target_of(request.url.raw_path)
    origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
    known = request.headers if headers is None else headers
    return Sent(request.method, origin, path, query, known, raw, cast("dict[str, Any]", body))


def target_of(raw_path: bytes) -> tuple[str, str]:
    """The path and the query in the target of a request, as it is sent."""
    path, _, query = raw_path.decode("ascii").partition("?")
    return path, query


def prefix_of(namespace: str, scope: str | None) -> str:
    """What every key of this namespace and scope begins with."""
    return f"{scoped_namespace(namespace, scope)}http:"


def key_of(request: Sent, rule: Rule, scope: str | None) -> str:
    """The key of a request, after its prefix; raises `KeyEncodingError` for a body that nests too deep."""
    try:
        encoded = _encode([_VERSION, scope, rule.name, *parts_of(request, rule).values()])
    except RecursionError as error:
        raise KeyEncodingError("the body of the request nests too deep for a key", path="body") from error
    return f"{rule.name}|{_VERSION}{sha256(encoded.encode('utf-8', 'surrogatepass')).hexdigest()}"


def parts_of(request: Sent, rule: Rule) -> dict[str, Any]:
    """What of a request is in its key, by name: JSON values, always the same names in the same order."""
    body = request.body
    if not rule.volatile.isdisjoint(body):
        body = {name: value for name, value in body.items() if name not in rule.volatile}
    body, contents = digested(body, request.raw)
    return {
        "method": request.method,
        "host": request.origin,
        "path": request.path,
        "query": _query(request.query) if request.query else [],
        "headers": {name: request.headers[name] for name in rule.headers if name in request.headers},
        "body": body,
        "contents": contents,
    }


def _query(query: str) -> list[tuple[str, str]]:
    """Its pairs by name, those of one name in their order, and no credential."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return sorted((pair for pair in pairs if pair[0].lower() not in _SECRET_QUERY), key=lambda pair: pair[0])
