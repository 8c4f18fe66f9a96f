"""Has the tiers in this process hear of what other processes write and forget in the tier that they share.

While the feed of that tier is heard, what is in memory is known to be current, and a hit costs nothing more. What is
told is dropped; when the feed has not been heard for half a second, or may have lost something, memory is emptied, and
keeps nothing until it is heard again. (A tier with `unheard="serve"` is emptied only where something may be lost.)
`aicache._kernel.following` decides.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

from aicache._async.beside import Beside
from aicache._async.entries import EntryTier
from aicache._async.primitives import bounded
from aicache._async.tiers import ByteTier
from aicache._async.wakes import Wakes
from aicache._kernel.fence import Fence
from aicache._kernel.following import Following
from aicache.protocols import HasDeadline, supports

__all__ = ["Hearing"]

_WAIT: Final = 0.1  # seconds that the feed waits for news
_AGAIN: Final = 0.1  # seconds until a feed that failed is asked again
_PATIENCE: Final = 0.05  # seconds that the first call waits for the feed, so that what it finds is kept in memory
_REMEMBERED: Final = 60.0  # seconds after which versions are asked for anew: nobody tells of one that was evicted
_MOST: Final = 0.3  # seconds that an answer may take, however patient the tier is: memory is believed for half a second


class Hearing:
    """One cache's. `is_shared`: says whether another cache uses the backend as well, so that what the backend itself
    did is to be heard too.
    """

    def __init__(
        self,
        fence: Fence,
        memory: Sequence[EntryTier],
        tier: ByteTier,
        clock: Callable[[], float],
        is_shared: Callable[[], bool],
    ) -> None:
        self._fence = fence
        self._memory = memory
        self._tier = tier
        self._clock = clock
        self._is_shared = is_shared
        deadline = tier.backend.deadline if supports(tier.backend, HasDeadline) else None
        self._patience = min(tier.timeout or deadline or _MOST, _MOST)
        self._wait = min(_WAIT, self._patience / 2)  # no news must not look like no answer
        self._following = Following()
        self._beside = Beside(self._step, self._ended)
        self.has_begun = False
        self.wants_own = False  # as if another process had done what is done here
        self.losses = 0
        self.silences = 0
        self.wakes = Wakes()
        self._ask_at = 0.0
        _all.add(self)
        self._deafened()

    @property
    def is_current(self) -> bool:
        """Whether the feed is heard."""
        return self._following.position is not None

    async def begin(self) -> None:
        """Hear where the feed is now, and go on beside."""
        self.has_begun = True
        if not self._beside.is_running:
            self._beside.start()
            await self._beside.first(_PATIENCE)

    async def _step(self) -> float | None:
        asked_at = self._clock()
        backend: Any = self._tier.backend
        try:
            heard = await bounded(
                backend.follow(self._following.position, self._wait, own=self.wants_own or self._is_shared()),
                min(self._tier.timeout or _MOST, _MOST),
            )
        except Exception:  # away, or closed: its other calls count and tell that
            if self._clock() + _AGAIN + self._patience >= self._following.until:  # the next answer may be too late
                self._deafened()
            return _AGAIN
        begins = self._following.position is None
        if self._following.heard(heard):
            self._fence.revoke(heard.keys)
            if heard.tags:
                self._tier.versions.forget(heard.tags)
                self._fence.revoke_all()  # which of what is on its way has them is not known
            for tier in self._memory:
                tier.drop(heard.keys)
                tier.drop_tagged(heard.tags)
        else:
            self._lose_everything(begins=begins)
        if heard.filled:
            self.wakes.wake(heard.filled)
        if asked_at >= self._ask_at:
            self._ask_at = asked_at + _REMEMBERED
            self._tier.versions.forget(None)
        self._following.prove(asked_at)
        self._tier.versions.is_heard = True
        for tier in self._memory:
            tier.is_current = True
        return 0.0

    def _deafened(self) -> None:
        """Believe nothing until the feed is heard again."""
        self.silences += 1
        self._following.stop()
        self._tier.versions.is_heard = False
        self._tier.versions.forget(None)
        strict = [tier for tier in self._memory if tier.options.unheard == "miss"]
        for tier in strict:
            tier.is_current = False
        if strict:
            self._fence.doubt()  # what is on its way up was read before
        for tier in strict:
            tier.empty()

    def _ended(self) -> None:
        self.has_begun = False
        self._deafened()

    def _lose_everything(self, *, begins: bool) -> None:
        self.losses += 1
        self._tier.versions.forget(None)
        if begins:
            self._fence.doubt()  # it says nothing of what was before; the store knows
        else:
            self._fence.revoke_all()
        for tier in self._memory:
            tier.empty()

    def forked(self) -> None:
        """This is another process now: the feed is heard by the one that it was forked from."""
        self._beside = Beside(self._step, self._ended)
        self._ended()

    async def aclose(self) -> None:
        """Hear no more."""
        await self._beside.aclose()


_all: Final[weakref.WeakSet[Hearing]] = weakref.WeakSet()


def _forked() -> None:
    for hearing in list(_all):
        hearing.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
