"""The short way into the one tier that a cache has, where that is in this process: chosen once, when the cache is
built. Nothing has to be awaited, so what is stored needs neither a pass nor an `Item` to travel in.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getsizeof
from typing import Any

from aicache._async.chain import Chain
from aicache._async.entries import EntryTier
from aicache._kernel.immutable import ATOMS, is_immutable, size_in_memory
from aicache._kernel.lifetime import jittered
from aicache.options import Policy, check_key

__all__ = ["Alone"]


class Alone:
    """Stores in `tier`, the only one of `chain`."""

    __slots__ = (
        "_codec", "_counters", "_fence", "_isolates", "_jitter", "_needs_raw", "_random", "_stale_for", "_thaw",
        "_tier", "_wall_clock",
    )  # fmt: skip

    def __init__(
        self,
        chain: Chain,
        tier: EntryTier,
        policy: Policy,
        wall_clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._codec = chain.codec
        self._thaw = chain.codec.loads  # bound once, and not for each entry
        self._counters = chain.counters
        self._fence = chain.fence
        self._tier = tier
        self._needs_raw = chain.needs_raw
        self._isolates = chain.isolates
        self._jitter = policy.jitter
        self._stale_for = policy.stale_for
        self._wall_clock = wall_clock
        self._random = random

    def keep(self, key: str, value: Any, ttl: float | None, cost: float | None) -> None:
        """`Chain.write` of one value without tags, at once; raises `SerializationError` where it must be serialized and
        cannot be, and where the key is none, with nothing changed.
        """
        if self._jitter:
            ttl = jittered(ttl, self._jitter, self._random())
        created = self._wall_clock()
        thaw: Callable[[bytes], Any] | None = None
        if type(value) in ATOMS and not self._needs_raw:
            size = getsizeof(value)
        else:
            value, thaw, size = self._apart(value)
        stale = 0.0 if ttl is None else self._stale_for
        kept = (value, thaw, size, created, ttl, False, cost, stale)
        if type(key) is not str or not key:
            check_key(key)
        tier = self._tier
        try:
            stored = self._fence.overwrite(tier.keep, key, kept)
        except BaseException:
            tier.drop([key])  # it may hold what is no longer true
            raise
        if stored and self._counters.events is not None:
            self._counters.events.tell("store", key, tier=tier.counters.name)

    def _apart(self, value: Any) -> tuple[Any, Callable[[bytes], Any] | None, int]:
        """What is kept of a value, what makes it anew, and its size."""
        is_apart = self._isolates and not is_immutable(value)
        if not (is_apart or self._needs_raw):
            return value, None, size_in_memory(value)
        raw = self._codec.dumps(value)
        return (raw, self._thaw, len(raw)) if is_apart else (value, None, len(raw))
