"""What a faulty backend makes of the verbs of a store that processes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from aicache.protocols import Heard, Leased
from aicache.testing._async.faulty_calls import FaultyCalls
from aicache.testing._plan import damaged
from aicache.testing.faults import Lose

__all__ = ["FaultySharing"]


class FaultySharing(FaultyCalls):
    """Leases, the feed, versions of tags and `reclaim`."""

    async def lease(
        self,
        keys: Sequence[str],
        *,
        seconds: float,
        holder: str | None = None,
        lock: float = 0.0,
        renewing: bool = False,
    ) -> dict[str, Leased]:
        """What `inner` has, or what the plan makes of it; of a value that is lost, the token."""
        faults = await self._begin("lease", keys)
        said: dict[str, Leased] = await self.inner.lease(
            keys, seconds=seconds, holder=holder, lock=lock, renewing=renewing
        )
        for key, fault in faults.items():
            if fault is None:
                continue
            value, leased = await self._answer(key, fault), said[key]
            if value is not None and not renewing:
                said[key] = Leased(value, leased.left, None, False)
                continue
            if leased.token is None:
                again = await self.inner.lease([key], seconds=seconds, holder=holder, lock=lock, renewing=True)
                leased = again[key]
            said[key] = leased._replace(value=value, left=None if value is None else leased.left)
        self._end(faults)
        return said

    async def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> set[str]:
        """Store in `inner` what the plan leaves of the values; what is lost is told as stored."""
        faults = await self._begin("fill", list(entries))
        kept = {key: entry for key, entry in entries.items() if not isinstance(faults[key], Lose)}
        for key in kept:
            await self._remember(key)
        whole = {key: (damaged(value, faults[key]), ttl, token) for key, (value, ttl, token) in kept.items()}
        stored: set[str] = await self.inner.fill(whole, holder=holder)
        self._end(faults)
        return stored | (entries.keys() - kept.keys())

    async def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> set[str]:
        """Lock in `inner`, or only say so."""
        faults = await self._begin("renew", keys)
        lost = {key for key in keys if isinstance(faults[key], Lose)}
        still: set[str] = await self.inner.renew([key for key in keys if key not in lost], holder=holder, lock=lock)
        self._end(faults)
        return still | lost

    async def release(self, keys: Sequence[str], *, holder: str) -> None:
        """Give the locks of `inner` back, or only say so."""
        faults = await self._begin("release", keys)
        await self.inner.release([key for key in keys if not isinstance(faults[key], Lose)], holder=holder)
        self._end(faults)

    async def leased(self, prefix: str = "") -> AsyncIterator[str]:
        """The keys of `inner` that have a token; none where the plan says `Lose`."""
        faults = await self._begin("leased", [""])
        if not isinstance(faults[""], Lose):
            async for key in self.inner.leased(prefix):
                yield key
        self._end(faults)

    async def follow(self, position: str | None, wait: float, *, own: bool = False) -> Heard:
        """What `inner` tells; where the plan says `Lose`, that nothing happened."""
        faults = await self._begin("follow", [""])
        heard: Heard = await self.inner.follow(position, wait, own=own)
        if isinstance(faults[""], Lose):
            heard = heard._replace(keys=[], tags=[], filled=())
        self._end(faults)
        return heard

    async def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]:
        """The versions in `inner`, without those that are lost; the plan is asked for each tag."""
        faults = await self._begin("tag_versions", tags)
        found: dict[str, bytes] = await self.inner.tag_versions(tags, create=create)
        self._end(faults)
        return {tag: damaged(found[tag], faults[tag]) for tag in found if not isinstance(faults[tag], Lose)}

    async def tag_ages(self, tags: Sequence[str]) -> dict[str, float]:
        """The ages in `inner`, without those that are lost."""
        faults = await self._begin("tag_ages", tags)
        found: dict[str, float] = await self.inner.tag_ages(tags)
        self._end(faults)
        return {tag: found[tag] for tag in found if not isinstance(faults[tag], Lose)}

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Take the versions in `inner` away, or only say so."""
        faults = await self._begin("invalidate_tags", tags)
        await self.inner.invalidate_tags([tag for tag in tags if not isinstance(faults[tag], Lose)])
        self._end(faults)

    async def reclaim(self, prefix: str = "") -> int:
        """Reclaim in `inner`; nothing, and 0, where the plan says `Lose`."""
        faults = await self._begin("reclaim", [""])
        removed: int = 0 if isinstance(faults[""], Lose) else await self.inner.reclaim(prefix)
        self._end(faults)
        return removed

    @property
    def reclaimed(self) -> int:
        """What `inner` says; never fails by plan."""
        removed: int = self.inner.reclaimed
        return removed

    @property
    def reads_replicas(self) -> bool:
        """What `inner` says; never fails by plan."""
        lags: bool = self.inner.reads_replicas
        return lags
