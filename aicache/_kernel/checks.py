"""What the verbs of a cache are given, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, TypeAlias, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError
from aicache.options import check_key

__all__ = ["Cost", "check_factory", "checked_cost", "checked_keys", "checked_mapping"]

Cost: TypeAlias = "float | Callable[[Any], float] | None"


def checked_cost(cost: object, value: object) -> float | None:
    """The cost of making `value` again: None, a number from 0 up, or what a function says of the value; else raises."""
    if cost is None:
        return None
    said: object = cost(value) if callable(cost) else cost
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise InvalidTypeError(
            f"cost must be a number, a function of the value that returns one, or None, got {said!r}"
        )
    if not 0 <= said < inf:  # NaN neither
        raise InvalidArgumentError(f"cost must be a number from 0 up, got {said!r}; leave out what is not known")
    return float(said)


def checked_keys(keys: Iterable[str]) -> list[str]:
    """The keys, each once, in order; raises where one is none."""
    if isinstance(keys, str):
        raise InvalidTypeError(f"keys must be several keys, got the one text {keys!r}; put it into a list")
    return list(dict.fromkeys([check_key(key) for key in keys]))


def check_factory(factory: object) -> None:
    """Raise where the factory cannot be called."""
    if not callable(factory):
        raise InvalidTypeError(f"factory must be callable, got {factory!r}; pass the function itself, or a lambda")


def checked_mapping(values: object) -> Mapping[str, Any]:
    """What a factory of many returned; raises where it is no mapping."""
    if not isinstance(values, Mapping):
        raise InvalidTypeError(f"factory must return a mapping of key to value, got {values!r}")
    return cast("Mapping[str, Any]", values)
