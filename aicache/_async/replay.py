"""Has a tier forget what it missed, once it answers again: in slices, and nobody waits for it.

A key that was to be written is deleted like one that was to be deleted: what is there is older than what was said here,
or another process has written it since, and then its loss is a miss and no wrong answer.
"""

from __future__ import annotations

import asyncio  # async-only
from collections.abc import Callable
from typing import Any, Final

from aicache._async.primitives import bounded
from aicache._kernel.breaker import outcome_of
from aicache._kernel.guard import Guard
from aicache._kernel.recovery import Sweep
from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Replay"]

_SLICE: Final = 100  # keys deleted at once
_SCANNED: Final = 500  # keys listed at once
_PATIENCE: Final = 1.0  # seconds that closing waits for it


class Replay:
    """The replay of one tier. `answered`, `failed`: tell the breaker and the log what came of a call."""

    def __init__(
        self,
        backend: Any,
        guard: Guard,
        answered: Callable[[int], None],
        failed: Callable[[Exception, int, str], object],
        *,
        has_many: bool,
        can_clear: bool,
        timeout: float | None,
    ) -> None:
        self._backend = backend
        self._guard = guard
        self._answered = answered
        self._failed = failed
        self._has_many = has_many
        self._can_clear = can_clear
        self._timeout = timeout
        self._most = _SLICE
        self._sweep: Sweep | None = None
        self._listed: Any = None
        self._task: asyncio.Task[None] | None = None  # async-only

    def begin(self) -> None:
        """Go on in a task of its own, unless it is under way or there is nothing to do."""  # async-only
        # sync: """Do one slice, unless another thread does or there is nothing to do."""
        # async-only: begin
        task = self._task
        if task is not None and task.get_loop().is_closed():  # it ended with its loop
            self._task = None
            self._guard.end_replay()
        # async-only: end
        if self._guard.begin_replay():
            # async-only: begin
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._ended)
            # async-only: end
            # sync: try:
            # sync:     self._slice()
            # sync: finally:
            # sync:     self._guard.end_replay()

    # async-only: begin
    async def _run(self) -> None:
        while await self._slice():  # noqa: ASYNC110 it waits for its turn, not for an event
            await asyncio.sleep(0)  # others have waited for this tier to be back

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
            self._guard.end_replay()

    # async-only: end

    async def _slice(self) -> bool:
        """Do some of it; whether there may be more to do now."""
        keys = self._guard.some(self._most)
        sweep = None if keys else self._guard.sweep()
        if not keys and sweep is None:
            return False
        turn = self._guard.enter()
        if not turn:
            return False
        try:
            if sweep is None:
                await self._delete([key for key, _ in keys])
                self._guard.deleted(keys)
                self._most = min(self._most * 4, _SLICE)
            elif await self._carried_out(sweep):
                self._guard.swept(sweep)
        except Exception as error:
            self._sweep = None
            return self._refused(keys, error, turn)
        except BaseException:
            self._guard.left(turn)
            raise
        self._answered(turn)
        return True

    def _refused(self, keys: list[tuple[str, int]], error: Exception, turn: int) -> bool:
        self._failed(error, turn, "forget")
        if outcome_of(error) != "failed" and len(keys) > 1:
            self._most = 1  # it may be one of them that it will not forget
            return True
        if keys and isinstance(error, InvalidArgumentError | InvalidTypeError):
            self._guard.deleted(keys)  # what it does not take for a key it has not
            return True
        self._guard.refused(keys)
        return False

    async def _delete(self, keys: list[str]) -> None:
        if self._has_many and len(keys) > 1:
            await bounded(self._backend.delete_many(keys), self._timeout)
        else:
            for key in keys:
                await bounded(self._backend.delete(key), self._timeout)

    async def _carried_out(self, sweep: Sweep) -> bool:
        """Go on with a sweep; whether it is done."""
        if sweep.is_clear and self._can_clear:
            await self._backend.clear()
            return True
        if self._sweep is not sweep:
            self._sweep, self._listed = sweep, self._backend.scan(sweep.prefix)
        keys: list[str] = []
        seen = 0
        async for key in self._listed:
            seen += 1
            if sweep.covers(key):
                keys.append(key)
            if seen == _SCANNED:
                break
        if keys:
            await self._delete(keys)
        if seen == _SCANNED:
            return False
        self._sweep = self._listed = None
        return True

    async def aclose(self) -> None:
        """Wait a little for what is under way, and leave off."""
        # async-only: begin
        task = self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task], timeout=_PATIENCE)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        elif task is not None and not task.get_loop().is_closed():
            task.get_loop().call_soon_threadsafe(task.cancel)
        # async-only: end
        close = getattr(self._listed, "aclose", None)
        self._sweep = self._listed = None
        if close is not None:
            await close()
