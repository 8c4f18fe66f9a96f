"""A stream's factory and its reader, for both flavours under one set of test bodies."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "CHUNKS",
    "END",
    "Upstream",
    "inner",
    "is_idle",
    "never",
    "read",
    "read_into",
    "rest",
    "stats",
    "step",
    "stop",
]

CHUNKS = ["a", "", None, b"\x00", {"delta": {"tool_calls": [1]}}, [], ("t",), 0, "z"]
END = object()


@dataclass
class Upstream:
    """A factory of streams that counts what becomes of them. `fails_at`: the chunk instead of which it raises;
    `pause`: seconds before each chunk, and before the end.
    """

    flavour: Any
    chunks: list[Any] = field(default_factory=lambda: list(CHUNKS))
    fails_at: int | None = None
    pause: float = 0.0
    calls: int = 0
    pulled: int = 0
    closed: int = 0

    error = ConnectionError("provider down")

    def __call__(self) -> Any:
        self.calls += 1
        return self._later() if self.flavour.is_async else self._now()

    def _now(self):
        try:
            for at, chunk in enumerate(self.chunks):
                self.flavour.clock.advance(self.pause)
                if at == self.fails_at:
                    raise self.error
                self.pulled += 1
                yield chunk
            self.flavour.clock.advance(self.pause)
            if self.fails_at == len(self.chunks):
                raise self.error
        finally:
            self.closed += 1

    async def _later(self):
        chunks = self._now()
        try:
            for chunk in chunks:
                yield chunk
        finally:
            await asyncio.sleep(0)
            chunks.close()


def inner(cache: Any) -> Any:
    """The cache itself, of either flavour."""
    return getattr(cache, "inner", cache)


async def step(chunks: Any) -> Any:
    """The next chunk, or END."""
    return await anext(chunks, END) if inspect.isasyncgen(chunks) else next(chunks, END)


async def read_into(got: list[Any], chunks: Any) -> None:
    while (chunk := await step(chunks)) is not END:
        got.append(chunk)


async def stop(chunks: Any) -> None:
    await chunks.aclose() if inspect.isasyncgen(chunks) else chunks.close()


async def read(cache: Any, key: str, factory: Any, most: int | None = None, **options: Any) -> list[Any]:
    """The chunks that a caller gets, the first `most` of them only; then it stops reading."""
    got: list[Any] = []
    chunks = inner(cache).stream(key, factory, **options)
    try:
        while len(got) != most and (chunk := await step(chunks)) is not END:
            got.append(chunk)
    finally:
        await stop(chunks)
    return got


async def rest(cache: Any) -> None:
    """Let what goes on in the background end."""
    for thread in tuple(getattr(inner(cache)._running, "threads", ())):
        thread.join(30)
    for _ in range(200):
        await asyncio.sleep(0)


def stats(cache: Any) -> Any:
    return inner(cache).stats()


def is_idle(cache: Any) -> bool:
    """Whether nothing is kept of streams that are over."""
    it = inner(cache)
    busy = getattr(it._running, "pumps", None) or getattr(it._running, "threads", None)
    return not (it._running.table or busy or it._chain.fence._out)


def never() -> Any:
    raise AssertionError("the factory was called")
