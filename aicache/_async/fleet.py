"""Loads among several processes: each stores only under a lease, and where the policy says so one process loads."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aicache._async.beside import Beside
from aicache._async.chain import Chain
from aicache._kernel.fence import Passes
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease, pauses
from aicache.errors import LoadTimeoutError
from aicache.options import Policy

__all__ = ["Fleet"]


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

    def lease(self, policy: Policy) -> Lease | None:
        """A lease for a load, which has yet to be taken; None: this chain needs none."""
        if self._chain.leasing is None:
            return None
        return Lease() if policy.lease is None else Lease(os.urandom(12).hex(), policy.lease)

    async def renewing(self, keys: list[str], lease: Lease | None) -> None:
        """Take a lease for keys of which there are values, to be replaced."""
        if lease is not None and self._chain.leasing is not None:
            await self._chain.leasing.lease(keys, lease, renewing=True)

    async def wait(self, key: str, granted: Passes, lease: Lease | None, policy: Policy) -> Item | None:
        """The value that another process is loading, once it is there; None where this one is to load.

        Raises `LoadTimeoutError` after the policy's `hard_timeout`.
        """
        tier = self._chain.leasing
        if lease is None or tier is None or key not in lease.elsewhere:
            return None
        self._chain.counters.waits += 1
        until = None if policy.hard_timeout is None else self._clock() + policy.hard_timeout
        for pause in pauses(self._random):
            await self._sleep(pause)
            item = await self._chain.look_again(key, granted, lease)
            if item is not None or key not in lease.elsewhere or tier.guard.is_failing:
                return item
            if until is not None and self._clock() >= until:
                raise LoadTimeoutError(f"another process takes longer than hard_timeout={policy.hard_timeout:g} s")
        return None

    @asynccontextmanager
    async def holding(self, lease: Lease | None) -> AsyncGenerator[None]:
        """Keep the locks of a lease for as long as the block runs, and give back those that no fill has."""
        tier = self._chain.leasing
        if lease is None or tier is None or not lease.held:
            yield
            return

        async def renew() -> float | None:
            return lease.lock / 3 if await tier.renew(lease) else None

        beside = Beside(renew, lambda: None, lease.lock / 3)
        beside.start()
        try:
            yield
        finally:
            await beside.aclose()
            await tier.release(lease)
