"""`SharedStore`: a store in memory that several caches share as if each were a process of its own. Its twin is
generated.
"""

from __future__ import annotations

import asyncio  # async-only
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from math import ceil
from typing import Final, Self, TypeAlias

from aicache.errors import ClosedError
from aicache.protocols import Heard, Leased
from aicache.testing._shelf import Shelf

__all__ = ["SharedStore"]

_LOOK: Final = 0.005  # seconds between two looks for news

Keys: TypeAlias = set[str]


class SharedStore:
    """Stands for a server in tests of what happens between processes: it can do what Redis can.

        store = SharedStore()
        one, other = TieredCache([MemoryBackend(), store]), TieredCache([MemoryBackend(), store.peer()])

    `clock`: in seconds, by which entries end. `sleep`: what a call waits with; give one of a fake clock, and no test
    waits. `latency`: called before and after each call has its effect, for the seconds that this takes; by default
    none, which still lets others run.

    `shelf` is what all peers share, for faults: `shelf.restart()` loses everything, `shelf.lose_tokens()` what loads
    need, `shelf.trim()` the notices of the feed.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,  # async-only
        # sync: sleep: Callable[[float], object] = time.sleep,
        latency: Callable[[], float] = float,
        shelf: Shelf | None = None,
    ) -> None:
        self.shelf = Shelf(clock) if shelf is None else shelf
        self._clock = clock
        self._sleep = sleep
        self._latency = latency
        self._writer = self.shelf.new_writer()
        self._closed = False
        self.reclaimed = 0

    def peer(self) -> Self:
        """The same store as another process has it."""
        return type(self)(clock=self._clock, sleep=self._sleep, latency=self._latency, shelf=self.shelf)

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        return (await self.get_many([key])).get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The found ones."""
        return {key: value for key, (value, _) in (await self.get_with_ttl(keys)).items()}

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """The found ones with their remaining seconds; None: no expiry."""
        await self._go()
        found = self.shelf.found(keys)
        await self._return()
        return found

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value."""
        await self.set_many({key: (value, ttl)})

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store values, each with its ttl."""
        await self._go()
        self.shelf.set(self._writer, entries)
        await self._return()

    async def delete(self, key: str) -> bool:
        """Forget a key; whether it was there."""
        return bool(await self.delete_many([key]))

    async def delete_many(self, keys: Sequence[str]) -> int:
        """Forget keys; how many were there."""
        await self._go()
        removed = self.shelf.delete(self._writer, keys)
        await self._return()
        return removed

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """The keys that begin with `prefix`."""
        await self._go()
        for key in self.shelf.listed():
            if key.startswith(prefix):
                yield key

    async def clear(self) -> None:
        """Forget everything."""
        await self._go()
        self.reclaimed += len(self.shelf.listed())
        self.shelf.clear(self._writer)
        await self._return()

    async def reclaim(self, prefix: str = "") -> int:
        """Remove what begins with `prefix`, and tell nobody; how many entries there were."""
        await self._go()
        removed = self.shelf.reclaim(prefix)
        self.reclaimed += removed
        await self._return()
        return removed

    async def lease(
        self,
        keys: Sequence[str],
        *,
        seconds: float,
        holder: str | None = None,
        lock: float = 0.0,
        renewing: bool = False,
    ) -> dict[str, Leased]:
        """Each key's value or else its token; see `SupportsLeases`."""
        await self._go()
        leased = {key: self.shelf.lease(key, seconds, holder, lock, renewing=renewing) for key in keys}
        await self._return()
        return leased

    async def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> Keys:
        """Store each value while its token stands; the keys that were stored."""
        await self._go()
        stored = {
            key for key, (value, ttl, token) in entries.items() if self.shelf.fill(key, value, ttl, token, holder)
        }
        if holder is not None:
            self.shelf.tell_of_fills(self._writer, stored)
        await self._return()
        return stored

    async def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> Keys:
        """Keep the locks of this holder; the keys that it still has."""
        await self._go()
        kept = {key for key in keys if self.shelf.renew(key, holder, lock)}
        await self._return()
        return kept

    async def release(self, keys: Sequence[str], *, holder: str) -> None:
        """Give back the locks of this holder."""
        await self._go()
        for key in keys:
            self.shelf.release(key, holder)
        self.shelf.tell_of_fills(self._writer, keys)
        await self._return()

    async def leased(self, prefix: str = "") -> AsyncIterator[str]:
        """The keys that begin with `prefix` and have a token."""
        await self._go()
        for key in self.shelf.leased():
            if key.startswith(prefix):
                yield key

    async def follow(self, position: str | None, wait: float, *, own: bool = False) -> Heard:
        """What happened after `position`, as soon as anything does, or after `wait` seconds."""
        await self._go()
        for _ in range(ceil(wait / _LOOK)):
            if position is None or self.shelf.has_news(position):
                break
            await self._sleep(_LOOK)
            self._check_open()
        heard = self.shelf.heard(position, None if own else self._writer)
        await self._return()
        return heard

    async def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]:
        """The versions of those that have one; `create`: give one to the others."""
        await self._go()
        versions = self.shelf.versions(tags, create=create)
        await self._return()
        return versions

    async def tag_ages(self, tags: Sequence[str]) -> dict[str, float]:
        """Seconds since each of those that have a version was given it."""
        await self._go()
        ages = self.shelf.ages(tags)
        await self._return()
        return ages

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Take their versions away."""
        await self._go()
        self.shelf.invalidate_tags(self._writer, tags)
        await self._return()

    async def aclose(self) -> None:
        """Close this peer; the others go on."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this store is closed; build a new one, or use a peer")

    async def _go(self) -> None:
        self._check_open()
        await self._sleep(self._latency())

    async def _return(self) -> None:
        await self._sleep(self._latency())
