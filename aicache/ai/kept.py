"""What is stored for an answer: the response itself, or beside it what the call that made it used, where that is known.

The record is a plain dict with these two names and no other, so any serializer keeps it and any reader can read it. A
response that looks like one is put into one, so that none is mistaken for another; what was stored before there were
records is the response itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from time import time
from typing import Any, Final, TypeAlias, cast

from aicache._kernel.outcomes import with_value
from aicache.ai.extraction import usage_of
from aicache.ai.usage import Usage
from aicache.errors import InvalidTypeError
from aicache.options import Policy

__all__ = ["UsageOf", "check_usage", "judging_responses", "kept", "kept_apart", "kept_outcome", "used"]

UsageOf: TypeAlias = "Usage | Callable[[Any], Usage | None] | None"

_log: Final = logging.getLogger("aicache")

_RESPONSE: Final = "aicache:response"
_USAGE: Final = "aicache:usage"
_NAMES: Final = frozenset({_RESPONSE, _USAGE})


def kept(response: Any, usage: Usage | None) -> Any:
    """What to store. None stays None: a policy may have a ttl of its own for it."""
    if response is None or (usage is None and not _is_record(response)):
        return response
    return {_RESPONSE: response, _USAGE: None if usage is None else usage.to_dict()}


def kept_apart(value: Any) -> tuple[Any, Usage | None]:
    """The response of what was stored, and the usage; None: it is not known."""
    if not _is_record(value):
        return value, None
    return value[_RESPONSE], Usage.from_dict(value[_USAGE])


def _is_record(value: object) -> bool:
    return type(value) is dict and cast("dict[object, object]", value).keys() == _NAMES


def check_usage(usage: object) -> None:
    """Raise where it is neither a usage, nor a function of the response, nor None."""
    if usage is not None and not isinstance(usage, Usage) and not callable(usage):
        raise InvalidTypeError(f"usage must be a Usage, a function of the response or None, got {usage!r}")


def used(usage: UsageOf, response: Any, seconds: float | None) -> Usage | None:
    """What the call that made `response` used: as given, as the function says, or as the response says itself.

    `seconds`: how long it took; None: that is not known. A function that fails costs the usage and not the answer.
    """
    found = usage if isinstance(usage, Usage) else _found(usage or usage_of, response)
    if found is None and seconds is None:
        return None
    found = found or Usage()
    if found.total_seconds is None and seconds is not None:
        found = replace(found, total_seconds=seconds)
    return found if found.created is not None else replace(found, created=time())


def _found(function: Callable[[Any], object], response: Any) -> Usage | None:
    try:
        found = function(response)
        check_usage(found)
    except Exception:
        _log.exception("the usage of an answer is not known: %r failed", function)
        return None
    return found if isinstance(found, Usage) else None


def kept_outcome(outcome: Any, usage: UsageOf, seconds: float) -> Any:
    """What a factory returned, as it is to be stored."""
    return with_value(outcome, lambda response: kept(response, used(usage, response, seconds)))


def judging_responses(policy: Policy) -> Policy:
    """The policy, with a `store_if` that is asked about the response and not about the record."""
    store_if = policy.store_if
    if store_if is None:
        return policy

    def judged(value: Any) -> bool:
        return store_if(kept_apart(value)[0])

    return replace(policy, store_if=judged)
