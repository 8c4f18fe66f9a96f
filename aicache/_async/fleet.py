"""Loads among several processes: each stores only under a lease, and where the policy says so one process loads."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

from aicache._async.beside import Beside
from aicache._async.chain import Chain
from aicache._async.leasing import LeasingTier
from aicache._kernel.fence import Passes
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease, pauses
from aicache.errors import LoadTimeoutError
from aicache.options import Policy

__all__ = ["Fleet"]

_NOTHING: Final = nullcontext()


class Fleet:
    """The processes that share the last tier of a chain. Where that has no leases, there are none."""

    def __init__(
        self,
        chain: Chain,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._sleep = sleep
        self._random = random

    def lease(self, lock: float | None, *, renews: bool = False) -> Lease | None:
        """A lease for a load, which has yet to be taken; None: this chain needs none. `lock`: as `Policy.lease`."""
        if self._chain.leasing is None:
            return None
        return Lease(renews=renews) if lock is None else Lease(os.urandom(12).hex(), lock, renews=renews)

    async def renewing(self, keys: list[str], lease: Lease | None) -> None:
        """Take a lease for keys of which there are values, to be replaced."""
        if lease is not None and self._chain.leasing is not None:
            await self._chain.leasing.lease(keys, lease, renewing=True)

    async def wait(
        self, keys: Sequence[str], granted: Passes, lease: Lease | None, policy: Policy, items: dict[str, Item]
    ) -> None:
        """Wait for the values that other processes are loading, and add them to `items`, until all are there or this
        one is to load one of them. It must hold no lock meanwhile: they may be waiting for it.

        Raises `LoadTimeoutError` after the policy's `hard_timeout`.
        """
        tier = self._chain.leasing
        if lease is None or tier is None:
            return
        waiting = [key for key in keys if key in lease.elsewhere]
        if not waiting:
            return
        self._chain.counters.waits += len(waiting)
        until = None if policy.hard_timeout is None else self._clock() + policy.hard_timeout
        for pause in pauses(self._random):
            await self._pause(waiting, pause)
            items.update(await self._chain.look_again(waiting, granted, lease))
            if tier.guard.is_failing:
                lease.elsewhere.clear()  # nobody can say who loads: this one does
            waiting = [key for key in waiting if key not in items]
            if not waiting or not lease.elsewhere.issuperset(waiting):
                return
            if until is not None and self._clock() >= until:
                raise LoadTimeoutError(f"another process takes longer than hard_timeout={policy.hard_timeout:g} s")

    async def _pause(self, keys: Sequence[str], seconds: float) -> None:
        """Wait until one of the keys is said to be there, for so many seconds at most: what is told may be lost."""
        hearing = self._chain.hearing
        if hearing is not None and hearing.is_current:
            await hearing.wakes.wait(keys, seconds)
        else:
            await self._sleep(seconds)

    def holding(self, lease: Lease | None) -> AbstractAsyncContextManager[None]:
        """Keep the locks of a lease for as long as the block runs, and give back those that no fill has."""
        tier = self._chain.leasing
        return _NOTHING if lease is None or tier is None or not lease.held else self._holding(lease, tier)

    @asynccontextmanager
    async def _holding(self, lease: Lease, tier: LeasingTier) -> AsyncGenerator[None]:
        async def renew() -> float | None:
            return lease.lock / 3 if await tier.renew(lease) else None

        beside = Beside(renew, lambda: None, lease.lock / 3)
        beside.start()
        try:
            yield
        finally:
            await beside.aclose()
            await tier.release(lease)
