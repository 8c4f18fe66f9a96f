"""Says why two requests have different keys, so that a miss that should have been a hit can be understood."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aicache.ai.differences import Difference, difference
from aicache.contrib.http.keys import Sent, parts_of, sent
from aicache.contrib.http.providers import PROVIDERS
from aicache.contrib.http.rules import Rule, rule_for
from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["explain"]


def explain(a: Any, b: Any, rules: Sequence[Rule] = PROVIDERS) -> Difference | None:
    """The first part in which two requests differ, and so have different keys; None where they have the same key.

    A request is one of httpx2 or httpx, or a mapping of its `url` and `body` (as JSON values), with `method` ("POST")
    and `headers` where there are such. Raises `InvalidTypeError` for anything else, and `InvalidArgumentError` where
    no rule knows one of them, so that it has no key.
    """
    one, other = _parts(a, rules, "a"), _parts(b, rules, "b")
    found = (difference(part, other[name], name) for name, part in one.items())
    return next((apart for apart in found if apart is not None), None)


def _parts(request: Any, rules: Sequence[Rule], name: str) -> dict[str, Any]:
    told = _sent(request, name)
    rule = rule_for(rules, told.method, told.path)
    if rule is None:
        raise InvalidArgumentError(
            f"{name} is a {told.method} to {told.path!r}, which no rule knows, and so has no key; pass rules= with one"
        )
    return {"rule": rule.name, **parts_of(told, rule)}


def _sent(request: Any, name: str) -> Sent:
    if isinstance(request, Mapping):
        given = cast("Mapping[str, Any]", request)
        try:
            raw = json.dumps(given["body"]).encode()
            return sent(given.get("method", "POST"), given["url"], dict(given.get("headers") or {}).items(), raw)
        except KeyError as error:
            raise InvalidArgumentError(f"{name} must have {error}, got {sorted(given)}") from error
        except ValueError as error:
            raise InvalidArgumentError(f"{name} must have a JSON object as its body: {error}") from error
    try:
        return sent(request.method, str(request.url), request.headers.items(), request.content)
    except AttributeError as error:
        raise InvalidTypeError(f"{name} must be a request or a mapping of one, got {request!r}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"{name} must have a JSON object as its body: {error}") from error
