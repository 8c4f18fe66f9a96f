"""What the flavours do differently to ask several nodes at once. Written by hand in both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from aicache_redis._async.link import Links
from aicache_redis._slots import Part

__all__ = ["FLAVOUR", "Turns", "pause", "to_the_end", "together"]

FLAVOUR: Final = "redis.asyncio"
"""The library's module for this flavour."""

pause = asyncio.sleep

_at_work: Final[set[asyncio.Task[Any]]] = set()


class Turns:
    """A lock for each event loop."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def here(self) -> asyncio.Lock:
        """That of this loop."""
        loop = asyncio.get_running_loop()
        lock = self._locks.get(loop)
        if lock is None:
            lock = self._locks.setdefault(loop, asyncio.Lock())
        return lock


async def to_the_end(work: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Its answer; if its caller is cancelled it goes on, as what has been said to one server does."""
    task = asyncio.get_running_loop().create_task(work)
    _at_work.add(task)
    task.add_done_callback(_ended)
    return await asyncio.shield(task)


def _ended(task: asyncio.Task[Any]) -> None:
    _at_work.discard(task)
    if not task.cancelled():
        task.exception()  # its caller has it, or has gone


async def together(asked: Iterable[tuple[Links, Part]], *, is_read: bool) -> list[list[Any] | Exception]:
    """Ask all nodes at once; returns the replies of each, or how it failed."""
    said: list[Awaitable[list[Any]]] = [
        links.sent(part.packed, part.count, part.size, is_read=is_read) for links, part in asked
    ]
    if len(said) > 1:
        answers = await asyncio.gather(*said, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Exception):
                raise answer
        return answers  # type: ignore[return-value]  # pyright: ignore[reportReturnType] those were raised
    try:
        return [await said[0]]
    except Exception as error:
        return [error]
