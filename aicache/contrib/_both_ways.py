"""For libraries that call one object both ways: the sync verbs go to a sync cache, the async ones to an async one.

With a sync cache alone the async verbs run in a thread, so the loop is never blocked. With an async cache alone the
sync verbs are refused: nothing here runs a loop for them, in which they could wait for themselves.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aicache._async.tiered import TieredCache
from aicache._sync.tiered import SyncTieredCache
from aicache.errors import ConfigurationError, UnsupportedError

__all__ = ["BothWays"]


class BothWays:
    """`cache`: a `SyncTieredCache`, a `TieredCache`, or a pair of the two over the same shared store."""

    def __init__(self, cache: SyncTieredCache | TieredCache | tuple[SyncTieredCache, TieredCache]) -> None:
        given: tuple[object, ...] = cache if isinstance(cache, tuple) else (cache,)
        sync = [one for one in given if isinstance(one, SyncTieredCache)]
        others = [one for one in given if isinstance(one, TieredCache)]
        if len(sync) > 1 or len(others) > 1 or not given or len(sync) + len(others) != len(given):
            raise ConfigurationError(
                f"cache must be a SyncTieredCache, a TieredCache, or a pair of one and the other, got {cache!r}"
            )
        self._sync = sync[0] if sync else None
        self._async = others[0] if others else None

    @property
    def sync(self) -> SyncTieredCache:
        """The sync cache; raises `UnsupportedError` where there is none."""
        if self._sync is None:
            raise UnsupportedError(
                "this adapter has a TieredCache only, and was called without await; "
                "give it a SyncTieredCache, or both: cache=(SyncTieredCache(...), TieredCache(...))"
            )
        return self._sync

    async def call(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """The verb of the async cache, or of the sync one in a thread."""
        if self._async is not None:
            return await getattr(self._async, verb)(*arguments, **options)
        return await asyncio.to_thread(getattr(cast("Any", self._sync), verb), *arguments, **options)
