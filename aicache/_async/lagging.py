"""A tier whose plain reads replicas answer (see `ReadsReplicas`), so what they find may be older than what is true."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from aicache._async.leasing import LeasingTier
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease, turn

__all__ = ["LaggingTier"]


class LaggingTier(LeasingTier):
    """A `LeasingTier` that hands out what replicas have, and has nobody keep it. What is written anew, stands in for a
    value or goes to the tiers above comes from the master.
    """

    lags = True

    def __init__(self, backend: Any, *options: Any) -> None:
        super().__init__(backend, *options)
        self.master = _Master(backend)

    async def find(self, keys: Sequence[str], lease: Lease) -> dict[str, Item]:
        """`lease`, for what replicas do not have fresh."""
        if lease.renews:
            return await self.lease(keys, lease)
        lease.asked_at = turn()
        found = await self.read_many(keys, with_life=True)
        fresh = {key: item for key, item in found.items() if item.is_fresh}
        missing = [key for key in keys if key not in fresh]
        if not missing or self.guard.is_failing:  # the master did not answer either
            return fresh
        self.counters.misses -= len(missing)  # they are looked up once, here and there
        return fresh | await self.lease(missing, lease)

    def describe(self) -> str:
        """What this tier really does, in one line."""
        return f"{super().describe()}, reads replicas, of which the tiers above keep no copies"


class _Master:
    """The plain reads of a backend, as its master answers them."""

    def __init__(self, backend: Any) -> None:
        self.get_with_ttl = partial(backend.get_with_ttl, from_master=True)

    async def get(self, key: str) -> bytes | None:
        found: dict[str, tuple[bytes, float | None]] = await self.get_with_ttl([key])
        return found.get(key, (None, None))[0]
