"""Tries a shared tier end to end, under a key of its own, and says what holds (`aicache._kernel.checkup`).

It goes round the breaker and the counts, so it tells what is true now and changes nothing for the calls of others.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from aicache._async.chain import Chain
from aicache._async.entries import EntryTier
from aicache._async.nested import NestedTier
from aicache._async.primitives import bounded
from aicache._async.tiers import ByteTier
from aicache._kernel.checkup import Checkup
from aicache._kernel.following import ALIVE_FOR
from aicache._kernel.item import Item
from aicache.protocols import SupportsLeases, supports

__all__ = ["checked"]

_LIFE: Final = 10.0  # seconds after which what a check left behind ends by itself
_PAUSE: Final = 0.05  # seconds between two looks whether memory has heard

Step: TypeAlias = Callable[[], Awaitable[str | None]]


async def checked(
    chain: Chain,
    key: str,
    now: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> Checkup:
    """Try the last tier under keys that begin with `key`. Never raises; `now`: by the wall clock."""
    last = chain.tiers[-1]
    while isinstance(last, NestedTier):
        chain, last = last.chain, last.chain.tiers[-1]
    if not isinstance(last, ByteTier):
        return Checkup()
    trial = _Trial(chain, last, f"{key}:{os.urandom(8).hex()}", now, clock, sleep)
    begun, steps = monotonic(), dict[str, str | None]()
    for name, step in trial.steps():
        try:
            steps[name] = await step()
        except Exception as error:  # whatever a driver raises is what went wrong
            steps[name] = f"{type(error).__name__}: {error}"
        if steps[name] is not None:
            break
    return Checkup(tier=last.counters.name, steps=MappingProxyType(steps), seconds=monotonic() - begun)


class _Trial:
    """One check of one tier. Each step says what went wrong, or None."""

    def __init__(
        self,
        chain: Chain,
        tier: ByteTier,
        key: str,
        now: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._chain = chain
        self._tier = tier
        self._store = tier.backend
        self._key = key
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._sealed = b""

    def steps(self) -> Iterator[tuple[str, Step]]:
        """What can be tried."""
        yield "set", self._set
        yield "get", self._get
        yield "invalidate", self._invalidate
        if supports(self._store, SupportsLeases):
            yield "lease", self._lease
        if self._tier.versions.are_kept:
            yield "tags", self._tags
        if self._chain.hearing is not None:
            yield "evict", self._evict

    def _in_time(self, answer: Awaitable[Any]) -> Awaitable[Any]:
        return bounded(answer, self._tier.timeout)

    async def _read(self) -> bytes | None:
        if self._tier.lags:  # a replica may not know of it yet, but has to answer
            await self._in_time(self._store.get(self._key))
        data: bytes | None = await self._in_time(self._tier.master.get(self._key))
        return data

    async def _set(self) -> None:
        codec = self._chain.codec  # its serializer may not take everything, so it is not asked
        self._sealed = codec.seal(self._key, codec.pack(b"check"), created=self._now, fresh_for=_LIFE)
        await self._in_time(self._store.set(self._key, self._sealed, ttl=_LIFE))

    async def _get(self) -> str | None:
        data = await self._read()
        if data is None:
            return "what was stored is not there"
        return None if data == self._sealed else "another value came back"

    async def _invalidate(self) -> str | None:
        if not await self._in_time(self._store.delete(self._key)):
            return "what was stored was not there to be deleted"
        return None if await self._read() is None else "what was deleted is still there"

    async def _lease(self) -> str | None:
        store, key = self._store, self._key
        token = (await self._in_time(store.lease([key], seconds=_LIFE)))[key].token
        await self._in_time(store.delete(key))
        stored = await self._in_time(store.fill({key: (self._sealed, _LIFE, token)}))
        if not stored:
            return None
        await self._in_time(store.delete(key))
        return "a load that began before an invalidation was stored after it"

    async def _tags(self) -> str | None:
        store, tag = self._store, self._key
        before = await self._in_time(store.tag_versions([tag], create=True))
        await self._in_time(store.invalidate_tags([tag]))
        after = await self._in_time(store.tag_versions([tag]))
        return None if tag in before and before.get(tag) != after.get(tag) else "an invalidated tag has its old version"

    async def _evict(self) -> str | None:
        hearing, key = self._chain.hearing, self._key
        await self._chain.hear()
        if hearing is None or not hearing.is_current:
            return "the feed is not heard, so memory is not believed"
        before = hearing.silences, hearing.losses
        item = Item(True, None, self._chain.codec.loads, self._now, _LIFE)
        kept = [tier for tier in self._chain.tiers if isinstance(tier, EntryTier) and tier.put(key, item)]
        hearing.wants_own = True  # what is deleted here now is told as if another process did it
        try:
            until = self._clock() + ALIVE_FOR
            while still := [tier for tier in kept if tier.backend.peek(key) is not None]:
                if self._clock() >= until:
                    return f"what another process deletes stays in {still[0].counters.name}"
                await self._in_time(self._store.delete(key))  # again: the first may have been told to who did not ask
                await self._sleep(_PAUSE)
        finally:
            hearing.wants_own = False
            for tier in kept:
                tier.counters.writes -= 1
                tier.drop([key])
        # Memory is empty as well where the feed was lost.
        return None if (hearing.silences, hearing.losses) == before else "the feed was lost meanwhile"
