"""What the two flavours do differently: waiting with a bound, and calling a factory. Written by hand on both sides."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import GeneratorType
from typing import Any, Final, TypeVar

from aicache.errors import ConfigurationError, LoadTimeoutError

__all__ = ["IS_ASYNC", "at_once", "bounded", "call", "check_function", "is_awaitable", "within"]

T = TypeVar("T")

IS_ASYNC: Final = True


def bounded(answer: Awaitable[T], seconds: float | None) -> Awaitable[T]:
    """A backend's answer within `seconds` (None: its backend sees to that); raises `TimeoutError`."""
    return answer if seconds is None else _in_time(answer, seconds)


async def _in_time(answer: Awaitable[T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await answer


def at_once(answer: Awaitable[object]) -> None:
    """Have a backend in this process do something that it never waits for."""
    try:
        answer.__await__().__next__()
    except StopIteration:
        return
    raise ConfigurationError("a backend that holds entries waited in clear(); it must answer at once")


def check_function(_: Callable[..., Any]) -> None:
    """Any function can be decorated: a plain one becomes an async one."""


def is_awaitable(value: object) -> bool:
    """As `inspect.isawaitable`, which asks an abstract class: that takes ten times as long."""
    kind: type[object] = type(value)
    return hasattr(kind, "__await__") or (kind is GeneratorType and inspect.isawaitable(value))


async def call(factory: Callable[..., Any], *arguments: Any) -> Any:
    """The factory's value, awaited where it is an awaitable."""
    value = factory(*arguments)
    return await value if is_awaitable(value) else value


async def within(seconds: float, factory: Callable[..., Any], *arguments: Any) -> Any:
    """`call`, given up after so long; raises `LoadTimeoutError`."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await call(factory, *arguments)
    except TimeoutError as error:
        if not limit.expired():
            raise  # the factory's own
        raise LoadTimeoutError(f"the factory took longer than hard_timeout={seconds:g} s") from error
