"""How what takes very many round trips goes on: others get their turn, and one trip that was late does not end it."""

from __future__ import annotations

import asyncio  # async-only

# sync: import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aicache.errors import BackendTimeoutError

__all__ = ["patiently", "rest"]

T = TypeVar("T")

_PAUSES: Final = (0.05, 0.1, 0.2)  # seconds before what was late is said again
_LONGEST_REST: Final = 0.01


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer to what may be said twice; asked again, three times at most, where it did not come in time."""
    for pause in _PAUSES:
        try:
            return await ask()
        except BackendTimeoutError:
            await asyncio.sleep(pause)  # async-only
            # sync: time.sleep(pause)
    return await ask()


async def rest(took: float) -> None:
    """Let others have the server and the processor for as long as a slice took, which was so many seconds."""
    await asyncio.sleep(min(took, _LONGEST_REST))  # async-only
    # sync: time.sleep(min(took, _LONGEST_REST))
