"""What the verbs of a cache are given, checked at the door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from aicache.errors import InvalidTypeError
from aicache.options import check_key

__all__ = ["check_factory", "checked_keys", "checked_mapping"]


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
