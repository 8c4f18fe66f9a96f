"""`FaultyBackend`: a backend that fails by plan. Its twin is generated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from aicache.testing._async.faulty_sharing import FaultySharing
from aicache.testing._plan import damaged
from aicache.testing.faults import Lose

__all__ = ["FaultyBackend"]


class FaultyBackend(FaultySharing):
    """Stands before a backend and has its calls go wrong by plan.

    `inner`: the backend, which is closed with this one.
    `plan`: `aicache.testing.faults.Plan`.
    `sleep`: what a `Delay` waits with; give one that moves a fake clock, and no test waits.

    It can do what `inner` can, but for two things: it holds no live entries, so a cache takes it for a byte store, and
    it promises no deadline, as a `Delay` would break it.

    `calls` counts the calls of each verb, and `faults` the faults of each kind, by the name of its class.
    """

    async def get(self, key: str) -> bytes | None:
        """What `inner` has, or what the plan makes of it."""
        faults = await self._begin("get", [key])
        value = await self._answer(key, faults[key])
        self._end(faults)
        return value

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store in `inner` what the plan leaves of the value."""
        faults = await self._begin("set", [key])
        if not isinstance(faults[key], Lose):
            await self._remember(key)
            await self.inner.set(key, damaged(value, faults[key]), ttl=ttl)
        self._end(faults)

    async def delete(self, key: str) -> bool:
        """Forget the key in `inner`, or only say so."""
        faults = await self._begin("delete", [key])
        if isinstance(faults[key], Lose):
            return True
        await self._remember(key)
        removed: bool = await self.inner.delete(key)
        self._end(faults)
        return removed

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """What `inner` has, or what the plan makes of it."""
        faults = await self._begin("get_many", keys)
        found: dict[str, bytes] = await self.inner.get_many(keys)
        for key in faults:
            if faults[key] is not None:
                value = await self._answer(key, faults[key])
                found.pop(key, None)
                if value is not None:
                    found[key] = value
        self._end(faults)
        return found

    async def get_with_ttl(
        self, keys: Sequence[str], *, from_master: bool = False
    ) -> dict[str, tuple[bytes, float | None]]:
        """What `inner` has, or what the plan makes of it, with the lives that `inner` tells."""
        faults = await self._begin("get_with_ttl", keys)
        asked = {"from_master": True} if from_master else {}  # only a store that reads replicas is asked so
        found: dict[str, tuple[bytes, float | None]] = await self.inner.get_with_ttl(keys, **asked)
        for key in faults:
            if faults[key] is not None:
                value = await self._answer(key, faults[key])
                _, left = found.pop(key, (b"", None))
                if value is not None:
                    found[key] = value, left
        self._end(faults)
        return found

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store in `inner` what the plan leaves of the values."""
        faults = await self._begin("set_many", list(entries))
        kept = {key: entry for key, entry in entries.items() if not isinstance(faults[key], Lose)}
        for key in kept:
            await self._remember(key)
        await self.inner.set_many({key: (damaged(value, faults[key]), ttl) for key, (value, ttl) in kept.items()})
        self._end(faults)

    async def delete_many(self, keys: Sequence[str]) -> int:
        """Forget the keys in `inner`, or only say so."""
        faults = await self._begin("delete_many", keys)
        gone = [key for key in faults if not isinstance(faults[key], Lose)]
        for key in gone:
            await self._remember(key)
        removed: int = await self.inner.delete_many(gone)
        self._end(faults)
        return removed + len(faults) - len(gone)

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """The keys of `inner`; none where the plan says `Lose`."""
        faults = await self._begin("scan", [""])
        if not isinstance(faults[""], Lose):
            async for key in self.inner.scan(prefix):
                yield key
        self._end(faults)

    async def clear(self) -> None:
        """Clear `inner`, or only say so."""
        faults = await self._begin("clear", [""])
        if not isinstance(faults[""], Lose):
            await self.inner.clear()
        self._end(faults)

    async def info(self) -> Mapping[str, object]:
        """What `inner` says of itself."""
        faults = await self._begin("info", [""])
        said: Mapping[str, object] = await self.inner.info()
        self._end(faults)
        return said

    async def aclose(self) -> None:
        """Close `inner`; never fails by plan."""
        await self.inner.aclose()
