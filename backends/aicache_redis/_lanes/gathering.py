"""Sets that come while others are under way go together: what goes with each of them is said once for all.

Of the async flavour only: a thread of the other has nobody to go with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from aicache.errors import BackendError, BackendTimeoutError, BackendUnavailableError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command

__all__ = ["Gathering"]

_Send: TypeAlias = Callable[[Sequence[str], Sequence[Command]], Awaitable[Any]]

_MOST: Final = MOST_COMMANDS // 4 - 2  # and an UNLINK and a notice
_BYTES: Final = MOST_BYTES // 4
"""How many go together: a lane takes them as one part, and sends the next when the first of four has been answered."""


class Gathering:
    """The sets of each event loop. `send`: carries out the SETs of some keys, in order, with what goes with them.

    A set that finds none under way is sent at once. Those that come meanwhile wait for the loop to come round.
    """

    def __init__(self, send: _Send) -> None:
        self._send = send
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Sets] = WeakKeyDictionary()

    async def set(self, key: str, store: Command) -> None:
        """Carry out one SET; raises what becomes of it, and not what becomes of others."""
        loop = asyncio.get_running_loop()
        sets = self._loops.get(loop)
        if sets is None:
            sets = self._loops.setdefault(loop, _Sets(self._send, loop))
        if not sets.under_way:
            await sets.sent([key], [store])
            return
        try:
            await sets.gathered(key, store)
        except (BackendTimeoutError, BackendUnavailableError):
            raise
        except BackendError:  # the server refused one of them, or all: now each is said by itself
            await sets.sent([key], [store])


class _Sets:
    """Those of one event loop. `under_way`: how many calls have been sent and not been answered."""

    def __init__(self, send: _Send, loop: asyncio.AbstractEventLoop) -> None:
        self.under_way = 0
        self._send = send
        self._loop = loop
        self._open: list[tuple[str, Command, asyncio.Future[None]]] = []
        self._size = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def sent(self, keys: Sequence[str], stores: Sequence[Command]) -> None:
        self.under_way += 1
        try:
            await self._send(keys, stores)
        finally:
            self.under_way -= 1

    def gathered(self, key: str, store: Command) -> asyncio.Future[None]:
        """Have a SET go with those of this turn of the loop; done when it has been carried out."""
        size = len(store[2])
        if len(self._open) == _MOST or (self._open and self._size + size > _BYTES):
            self._close()
        if not self._open:
            self._loop.call_soon(self._close)
        reply: asyncio.Future[None] = self._loop.create_future()
        self._open.append((key, store, reply))
        self._size += size
        return reply

    def _close(self) -> None:
        gathered, self._open, self._size = self._open, [], 0
        if gathered:  # else they were too many for one turn
            task = self._loop.create_task(self._carry_out(gathered))
            self._tasks.add(task)  # the loop alone would not keep it
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, gathered: list[tuple[str, Command, asyncio.Future[None]]]) -> None:
        # Whose caller was cancelled must not be stored now: its key may have been forgotten since.
        wanted = [one for one in gathered if not one[2].done()]
        failure: Exception | None = None
        try:
            if wanted:
                await self.sent([key for key, _, _ in wanted], [store for _, store, _ in wanted])
        except asyncio.CancelledError:
            for _, _, reply in wanted:
                reply.cancel()
            raise
        except Exception as error:
            failure = error
        for _, _, reply in wanted:
            if reply.done():
                continue
            if failure is None:
                reply.set_result(None)
            else:
                reply.set_exception(failure)
