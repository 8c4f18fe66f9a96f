"""Says why two requests have different keys, so that a miss that should have been a hit can be understood."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

from aicache.ai.differences import Difference, difference
from aicache.contrib.http.keys import Sent, parts_of, sent
from aicache.contrib.http.providers import PROVIDERS
from aicache.contrib.http.rules import Rule, rule_for
from aicache.errors import InvalidArgumentError, InvalidTypeError, MissingExtraError

__all__ = ["explain"]


def explain(a: Any, b: Any, rules: Sequence[Rule] = PROVIDERS) -> Difference | None:
    """The first part in which two requests differ, and so have different keys; None where they have the same key.

    A request is one of httpx2 or httpx, or a mapping of its `url` and `body` (as JSON values), with `method` ("POST")
    and `headers` where there are such, of which one is made as the SDKs do. Raises `InvalidTypeError` for anything
    else, `InvalidArgumentError` where one of them has no key: no rule knows it, its body is no JSON object, or is a
    stream that has not been read; and `MissingExtraError` where a mapping is given and neither library is there.
    """
    one, other = _parts(a, rules, "a"), _parts(b, rules, "b")
    found = (difference(part, other[name], name) for name, part in one.items())
    return next((apart for apart in found if apart is not None), None)


def _parts(request: Any, rules: Sequence[Rule], name: str) -> dict[str, Any]:
    told = _sent(_made(cast("Mapping[str, Any]", request), name) if isinstance(request, Mapping) else request, name)
    rule = rule_for(rules, told.method, told.path)
    if rule is None:
        raise InvalidArgumentError(
            f"{name} is a {told.method} to {told.path!r}, which no rule knows, and so has no key; pass rules= with one"
        )
    return {"rule": rule.name, **parts_of(told, rule)}


def _sent(request: Any, name: str) -> Sent:
    """The request as the transport sees it."""
    try:
        return sent(request)
    except AttributeError as error:
        raise InvalidTypeError(f"{name} must be a request or a mapping of one, got {request!r}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"{name} must have a JSON object as its body: {error}") from error
    except RuntimeError as error:
        raise InvalidArgumentError(
            f"{name} must have its body at hand, got a stream that was not read, which the transport passes on; "
            f"call {name}.read() first, or await {name}.aread()"
        ) from error


def _made(given: Mapping[str, Any], name: str) -> Any:
    """A request of whichever library is there."""
    try:
        raw = json.dumps(given["body"]).encode()
        return _request()(given.get("method", "POST"), given["url"], headers=given.get("headers"), content=raw)
    except MissingExtraError:
        raise
    except KeyError as error:
        raise InvalidArgumentError(f"{name} must have {error}, got {sorted(given)}") from error
    except Exception as error:  # whatever the library says of a URL or a header
        raise InvalidArgumentError(f"{name} must have a URL, headers and a JSON body: {error}") from error


def _request() -> Any:
    try:
        return import_module("aicache.contrib.http.httpx2").httpx2.Request
    except MissingExtraError as missing:
        try:
            return import_module("aicache.contrib.http.httpx").httpx.Request
        except MissingExtraError:
            raise missing from None
