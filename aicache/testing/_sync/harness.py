"""How a test of the suite gets its backend, lets time pass and calls from many sides at once. Written by hand in both
flavours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, ClassVar

from aicache.errors import InvalidArgumentError
from aicache.testing._checks import CheckedSuite, checker
from aicache.testing.clock import FakeClock

__all__ = ["Harness", "check", "opened", "overrides", "together"]


def _run(suite: Any, body: Callable[..., Any], arguments: dict[str, Any]) -> None:
    with ExitStack() as stack:
        body(suite, opened(stack, suite.make_backend()), **arguments)


check = checker(_run)


def opened(stack: ExitStack, made: Any) -> Any:
    """The backend in what a `make_…` returned: itself or a context; closed with the stack."""
    if hasattr(made, "__enter__"):
        return stack.enter_context(made)
    stack.callback(made.close)
    return made


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls from threads of their own and return their results in order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [done.result() for done in [threads.submit(call) for call in calls]]


class Harness(CheckedSuite):
    """What an author says about a backend; `SyncBackendContract` explains it."""

    capabilities: ClassVar[Collection[type]] = ()
    stores: ClassVar[bool] = True
    fake_time: ClassVar[bool] = False
    ttl_granularity: ClassVar[float] = 0.001
    max_value_bytes: ClassVar[int | None] = None
    patience: ClassVar[float] = 10.0

    @property
    def clock(self) -> FakeClock:
        """The clock of this test, for a backend that takes one."""
        clock: FakeClock = self.__dict__.setdefault("_clock", FakeClock(1_000_000.0))
        return clock

    def make_backend(self) -> Any:
        """A backend over an empty store, or a context that yields one."""
        raise NotImplementedError(f"{type(self).__name__} must define make_backend()")

    def make_peer(self) -> Any:
        """A second backend over the store of the first, under the same name."""
        raise NotImplementedError

    def make_neighbour(self) -> Any:
        """A backend in the same store under another name, such as another prefix."""
        raise NotImplementedError

    def raw_get(self, backend: Any, key: str) -> bytes | None:
        """What the store has under the key, read without the backend where that is possible."""
        found: bytes | None = backend.get(key)
        return found

    def raw_set(self, backend: Any, key: str, value: bytes, ttl: float | None) -> None:
        """Put a value into the store, without the backend where that is possible."""
        backend.set(key, value, ttl=ttl)

    def advance(self, seconds: float) -> None:
        """Let fake time pass."""
        self.clock.advance(seconds)

    def outlive(self, backend: Any, seconds: float) -> None:
        """Return once whatever was given `seconds` to live, before now, has ended by the store's own clock."""
        if self.fake_time:
            self.advance(seconds + self.ttl_granularity)
            return
        backend.set("outlived", b"marker", ttl=seconds)
        until = time.monotonic() + seconds + self.ttl_granularity + self.patience
        while backend.get("outlived") is not None:
            assert time.monotonic() < until, f"an entry with ttl={seconds} never ended"
            time.sleep(0.005)

    @property
    def short(self) -> float:
        """A life, in seconds, that a test can wait for."""
        return max(0.05, 2 * self.ttl_granularity)


def overrides(hook: str) -> Callable[[type[Any]], bool]:
    """Whether a suite defines a hook of its own."""
    if not hasattr(Harness, hook):
        raise InvalidArgumentError(f"hook must be one of the harness, got {hook!r}")
    return lambda suite: getattr(suite, hook) is not getattr(Harness, hook)
