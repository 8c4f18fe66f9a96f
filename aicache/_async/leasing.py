"""A tier that several processes share and that lets a loaded value in only under a lease (see `SupportsLeases`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from aicache._async.tiers import ByteTier
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache._kernel.leases import TOKEN_SECONDS, Lease, turn
from aicache.errors import BackendError
from aicache.protocols import Leased

__all__ = ["LeasingTier"]


class LeasingTier(ByteTier):
    """A `ByteTier` over a backend that has leases."""

    async def lease(self, keys: Sequence[str], lease: Lease, *, renewing: bool = False) -> dict[str, Item]:
        """The found ones, with their lives, and in `lease` what is needed to store the others. A key that cannot be
        leased now has no token there. `renewing`: tokens for the found ones, too; what was found is
        not read again.
        """
        if not renewing:
            lease.asked_at = turn()
        trusted = keys if self.guard.calm else self.guard.trusted(keys)
        leased: dict[str, Leased] = await self.tried(
            partial(
                self.backend.lease,
                seconds=TOKEN_SECONDS,
                holder=lease.holder,
                lock=lease.lock,
                renewing=renewing,
            ),
            trusted,
        )
        lease.take(leased)
        if renewing:
            return {}
        opened = [
            (key, self.opened(key, said.value, said.left)) for key, said in leased.items() if said.value is not None
        ]
        items = {key: item for key, item in opened if not isinstance(item, str)}
        for key in await self.versions.outdated(items):
            del items[key]
        refused = [key for key, _ in opened if key not in items]
        if refused:  # what is there is not to be believed, and is to be written over
            await self.lease(refused, lease, renewing=True)
        for item in items.values():
            item.known = lease.asked_at
        hits = sum([item.is_fresh for item in items.values()])
        self.counters.hits += hits
        self.counters.misses += len(keys) - hits
        return items

    async def leased(self, prefix: str) -> AsyncIterator[str]:
        """The keys that begin with `prefix` and are being loaded, as far as the backend says."""
        with suppress(BackendError):  # the scan of the values, which comes next, counts and keeps what fails
            async for key in self.backend.leased(prefix):
                yield key

    async def renew(self, lease: Lease) -> bool:
        """Keep the locks of a lease; whether it still has one."""
        kept: set[str] = await self.tried(
            partial(self.backend.renew, holder=lease.holder, lock=lease.lock), lease.held, none=set[str]()
        )
        return bool(kept)

    async def release(self, lease: Lease) -> None:
        """Give the locks of a lease back."""
        if lease.held:
            await self.tried(partial(self.backend.release, holder=lease.holder), lease.held)

    async def fill(self, items: Mapping[str, Item], passes: Mapping[str, Pass], lease: Lease) -> list[str]:
        """Store what was loaded under a lease; returns the keys that may be kept by the tiers above, too.

        Those are all but what another process has written or invalidated since, or may have: what has no token. The
        token says so even where this process does not hear of it, so a pass need not hold; it must stand.
        """
        guard, asked_at = self.guard, lease.asked_at
        for item in items.values():
            item.known = asked_at  # it was made after that; whether it still holds, only a fill can say
        if guard.is_failing:
            self.counters.skip(list(items), "failing")
            return list(items)
        sealed = {key: entry for key, item in items.items() if passes[key].stands and (entry := self.sealed(key, item))}
        unfit = [key for key in items if passes[key].stands and key not in sealed]
        if unfit:
            self.counters.skip(unfit, "size")
        entries = {key: (*sealed[key], lease.tokens[key]) for key in sealed if key in lease.tokens}
        stored: set[str] = set()
        if entries:
            asked_at = turn()
            stored = await self.tried(partial(self.backend.fill, holder=lease.holder), entries, none=stored)
        for key in stored:
            lease.tokens.pop(key)  # its lock has been given back
            if not items[key].tags:  # a tag that was invalidated meanwhile takes no token away
                items[key].known = asked_at
            self.count(items[key], sealed[key][0])
        late = [key for key in stored if not passes[key].stands]
        if late:
            await self.remove(late)
        return [key for key in items if key in stored or key in unfit]
