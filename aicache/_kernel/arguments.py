"""Names a call of a function: a key from its module, its name and its arguments.

A call names the same key however its arguments are passed: `f(1)`, `f(x=1)` and, where 1 is the default, `f()`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from aicache._kernel.canonical import digest

__all__ = ["namer"]


def namer(function: Callable[..., Any]) -> Callable[..., str]:
    """What makes the key of a call of `function`; the signature is read here, once, and not at each call."""
    signature = inspect.signature(function)
    name = f"{function.__module__}.{function.__qualname__}"
    positional: list[str] = []
    by_name: set[str] = set()
    defaults: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(parameter.name)
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            by_name.add(parameter.name)
        if parameter.default is not parameter.empty:
            defaults[parameter.name] = parameter.default
    places = len(positional)

    def key(*args: Any, **kwargs: Any) -> str:
        given = dict(zip(positional, args, strict=False))
        if not given.keys().isdisjoint(kwargs):
            signature.bind(*args, **kwargs)  # raises what the call itself would raise
        named = {**defaults, **given}
        others: dict[str, Any] = {}
        for argument, value in kwargs.items():
            (named if argument in by_name else others)[argument] = value
        return f"{name}:{digest([named, args[places:], others], name)}"

    return key
