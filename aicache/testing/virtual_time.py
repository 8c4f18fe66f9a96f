"""An event loop for tests in which time costs nothing and the order of what is ready is drawn from a seed.

Sleeping and timeouts take no time: when nothing is ready the clock jumps to the next timer. Callbacks that are ready
together run in an order that the seed decides, so races show themselves under some seed, and again whenever it is used.
That order is one that asyncio itself would never take: it promises first come, first served, and code that relies on
this across tasks breaks easily. (The idea is FoundationDB's deterministic simulation, Zhou et al., SIGMOD 2021.)
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NoReturn, TypeVar, cast

from aicache.errors import AICacheError, UnsupportedError

__all__ = ["DeadlockError", "VirtualTimeLoop", "explore", "run"]

T = TypeVar("T")


class DeadlockError(AICacheError):
    """Nothing is ready, no timer is set, and somebody still waits: it would be for ever. The message says who."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`seed`: of the order in which ready callbacks run; None: the usual one. Raises `UnsupportedError` for sockets,
    pipes, processes and threads, whose time is not this loop's.
    """

    def __init__(self, seed: int | None = 0) -> None:
        self._now = 0.0
        self._order = None if seed is None else random.Random(seed)
        super().__init__(_Still(self))

    def time(self) -> float:
        """Seconds since the loop began; use it as the `clock` of what is tested."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass at once; timers that are due by then run next."""
        self._now += seconds

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Refused: a thread takes real time."""
        raise UnsupportedError("a virtual-time loop runs no threads; call the function itself in the test")

    def pending(self) -> str:
        """Who waits, a line for each task."""
        lines: list[str] = []
        for task in asyncio.all_tasks(self):
            stack = task.get_stack(limit=1)
            place = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "nowhere"
            lines.append(f"{task.get_name()} in {getattr(task.get_coro(), '__qualname__', task)} at {place}")
        return "\n".join(sorted(lines))

    def _run_once(self) -> None:
        inner = cast("Any", super())
        ready: deque[Any] = cast("Any", self)._ready  # noqa: SLF001 asyncio's own, in every release so far
        if self._order is not None and len(ready) > 1:
            handles = list(ready)
            self._order.shuffle(handles)
            ready.clear()
            ready.extend(handles)
        inner._run_once()  # noqa: SLF001


class _Still(selectors.BaseSelector):
    """Waits for nothing but time. The loop's own pipe to itself is the one thing that it takes."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._keys:
            raise UnsupportedError("a virtual-time loop has no sockets; use a backend in memory, or FaultyBackend")
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, int(fileobj), events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError(f"nothing can happen any more, and these wait:\n{self._loop.pending()}")
        if timeout > 0:
            self._loop.advance(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


def run(main: Coroutine[Any, Any, T], *, seed: int | None = 0) -> T:
    """`asyncio.run` on a `VirtualTimeLoop`; raises `DeadlockError` where that would hang."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(seed)) as runner:
        return runner.run(main)


def explore(make: Callable[[], Coroutine[Any, Any, object]], seeds: Iterable[int] = range(100)) -> None:
    """Run what `make` makes under each seed. What it raises is raised, with a note of the seed that replays it."""
    for seed in seeds:
        try:
            run(make(), seed=seed)
        except BaseException as error:
            error.add_note(f"found with seed={seed}; aicache.testing.virtual_time.run(…, seed={seed}) replays it")
            raise
