"""A stream whose chunks come when they are told to, and tasks that read it."""

from __future__ import annotations

import asyncio

from .streamed import never

__all__ = ["Reader", "Upstream", "read"]


class Upstream:
    """A factory of streams whose chunks come when they are told to, and that knows how many of it are open."""

    def __init__(self, *chunks, error=None):
        self.chunks = chunks
        self.error = error
        self.gate = asyncio.Semaphore(0)
        self.calls = 0
        self.open = 0
        self.pulled = 0

    def let(self, chunks=1):
        for _ in range(chunks):
            self.gate.release()

    async def __call__(self):
        self.calls += 1
        self.open += 1
        try:
            for chunk in self.chunks:
                await self.gate.acquire()
                self.pulled += 1
                yield chunk
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)  # to close takes its time
            self.open -= 1


class Reader:
    """A task that reads a stream and keeps what it got."""

    def __init__(self, cache, upstream, key="k", **options):
        self.got = []
        self.task = asyncio.create_task(self.read(cache, upstream, key, options))

    async def read(self, cache, upstream, key, options):
        async for chunk in cache.stream(key, upstream, **options):
            self.got.append(chunk)
        return self.got


async def read(cache, key="k", upstream=never):
    return [chunk async for chunk in cache.stream(key, upstream)]
