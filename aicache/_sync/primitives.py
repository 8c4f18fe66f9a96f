"""What the two flavours do differently: waiting with a bound, and calling a factory. Written by hand on both sides."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aicache.errors import ConfigurationError, InvalidTypeError

__all__ = ["IS_ASYNC", "at_once", "bounded", "call", "check_function", "within"]

T = TypeVar("T")

IS_ASYNC: Final = False


def bounded(answer: T, seconds: float | None) -> T:  # noqa: ARG001 a sync backend keeps its own deadline; see tiers.py
    """The backend's answer, which is there already: nothing can interrupt a thread, so the constructor refused
    `seconds`.
    """
    return answer


def at_once(_answer: object) -> None:
    """Have a backend in this process do something: it has done it."""


def check_function(function: Callable[..., Any]) -> None:
    """Raise where the function to be decorated is an async one."""
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"{function.__qualname__} is an async function; decorate it with a TieredCache")


def call(factory: Callable[..., Any], *arguments: Any) -> Any:
    """The factory's value; raises where the factory is an async one."""
    value = factory(*arguments)
    if inspect.iscoroutine(value):
        value.close()
        raise InvalidTypeError(
            f"factory must return a value here, got a coroutine from {factory!r}; use TieredCache for async factories"
        )
    return value


def within(seconds: float, factory: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ARG001 see flights.py
    """`call`: nothing can interrupt a thread, so those who wait for it leave after `seconds`, and it goes on."""
    return call(factory, *arguments)
