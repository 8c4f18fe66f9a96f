"""What the transports need of httpx2 or httpx, which are alike in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Library"]


class Library(NamedTuple):
    """One of the libraries. `response`: its class; `body`: the class of streams that it takes for a response, made from
    the body of one of our own; `inner`: makes the transport that sends, where none was given.
    """

    response: Callable[..., Any]
    body: Callable[..., Any]
    inner: Callable[[], Any]
