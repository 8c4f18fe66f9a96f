"""What the transports need of httpx2 or httpx, which are alike in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Library"]


class Library(NamedTuple):
    """One of the libraries. `response`: its class; `body`, `kept`: our own, as it takes them for a response, made of
    chunks on their way and their exchange, and of chunks that are there; `inner`: makes the transport that sends, where
    none was given.
    """

    response: Callable[..., Any]
    body: Callable[..., Any]
    kept: Callable[..., Any]
    inner: Callable[[], Any]
