"""Gives back what entries take that nobody believes any more, since their tags were invalidated.

In a task of the cache, so that a caller who is cancelled does not end it; closing waits for it a little. That it is
left off does no harm: what is still there ends with its ttl.
"""

from __future__ import annotations

import asyncio  # async-only
from time import monotonic
from typing import Final

from aicache._async.chain import AnyTier, Chain
from aicache._async.tiers import ByteTier
from aicache.protocols import SupportsReclaim, supports

__all__ = ["Reclaims"]

_PATIENCE: Final = 1.0  # seconds that closing waits  # async-only


class Reclaims:
    """Those of one cache that are under way."""

    # async-only: begin
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[int]] = set()

    # async-only: end
    async def run(self, chain: Chain, prefix: str) -> int:
        """Remove what begins with `prefix` from every tier; returns how many there were, in the tier that had most."""
        # async-only: begin
        task = asyncio.get_running_loop().create_task(_reclaim(chain, prefix))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)
        # async-only: end
        # sync: return _reclaim(chain, prefix)

    # async-only: begin
    def _done(self, task: asyncio.Task[int]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, though nobody may wait for it any more: its tier has counted it

    async def aclose(self) -> None:
        """Wait a little for those of this event loop, and leave off."""
        here = asyncio.get_running_loop()
        own = [task for task in self._tasks if task.get_loop() is here]
        for task in self._tasks.difference(own):
            if not task.get_loop().is_closed():
                task.get_loop().call_soon_threadsafe(task.cancel)
        if own:
            await asyncio.wait(own, timeout=_PATIENCE)
            for task in own:
                task.cancel()
            await asyncio.gather(*own, return_exceptions=True)

    # async-only: end


async def _reclaim(chain: Chain, prefix: str) -> int:
    begun = monotonic()
    most = await chain.drop_prefix(prefix, _every)
    if all(tier.in_process or _can_reclaim(tier) for tier in chain.tiers):
        for tier in reversed(chain.tiers):
            if isinstance(tier, ByteTier):
                most = max(most, await _removed(tier, prefix))
    else:  # the slow way: every key is told of
        most = max(most, await chain.remove_prefix(prefix, _every))
    if chain.counters.events is not None:
        chain.counters.events.tell("reclaim", prefix, seconds=monotonic() - begun, count=most)
    return most


def _can_reclaim(tier: AnyTier) -> bool:
    return isinstance(tier, ByteTier) and supports(tier.backend, SupportsReclaim)


async def _removed(tier: ByteTier, prefix: str) -> int:
    guard, before = tier.guard, tier.backend.reclaimed
    turn = guard.calm or guard.enter()
    if not turn:
        tier.watch.bypassed()
        return 0
    try:
        removed: int = await tier.backend.reclaim(prefix)  # as long as it takes: many keys need many slices
        if not guard.calm:
            tier.watch.answered(turn)
    except Exception as error:
        tier.watch.failed(error, turn, "reclaim")
        return int(tier.backend.reclaimed - before)
    except BaseException:
        guard.left(turn)
        raise
    return removed


def _every(_key: str) -> bool:
    return True
