"""What a cache tells of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aicache._async.chain import Chain
from aicache._async.checking import checked
from aicache._async.primitives import IS_ASYNC
from aicache._kernel.checkup import Checkup
from aicache._kernel.counters import Counters
from aicache._kernel.described import policy_in_words
from aicache._kernel.results import CacheStats
from aicache.options import Policy, check_key

__all__ = ["Telling"]


class Telling:
    """The part of a `TieredCache` that speaks of the cache."""

    _chain: Chain
    _counters: Counters
    _policy: Policy
    _wall_clock: Callable[[], float]
    _clock: Callable[[], float]
    _sleep: Callable[[float], Awaitable[None]]
    _check_open: Callable[[], None]
    _checkup: Checkup | None = None

    def backends(self) -> dict[str, Any]:
        """What each tier stands on, by the tier's name, fastest first."""
        return {tier.counters.name: tier.options.backend for tier in self._chain.tiers}

    def stats(self) -> CacheStats:
        """The counts so far."""
        return self._counters.snapshot(tuple(tier.counters.snapshot() for tier in self._chain.tiers))

    async def health(self, key: str = "health") -> dict[str, bool]:
        """Each tier's name, and whether it answers now, as a read of `key` shows; for a readiness check."""
        self._check_open()
        check_key(key)
        return {tier.counters.name: await tier.answers(key) for tier in self._chain.tiers}

    async def check(self, key: str = "check") -> Checkup:
        """Try the last tier end to end, for the start of an application: set, get, invalidate, and where the store has
        them leases, tags, and whether memory hears of it. What it finds `describe()` says from then on.

        Everything stands for ten seconds at most under keys of its own that begin with `key`. It takes some
        milliseconds, and where memory hears up to half a second; a store that is away costs its own deadline. Never
        raises for what it finds.
        """
        self._check_open()
        self._checkup = await checked(self._chain, check_key(key), self._wall_clock(), self._clock, self._sleep)
        return self._checkup

    def describe(self) -> str:
        """What will really happen: a line for each thing that the policy says, one for each tier, and what `check`
        found.
        """
        first, *others = policy_in_words(self._policy, can_cancel=IS_ASYNC)
        lines = [f"{type(self).__name__}: {first}", *(f"   {line}" for line in others)]
        for number, tier in enumerate(self._chain.tiers, 1):
            lines.append(f"{number}. {tier.describe()}")
        if self._checkup is not None:
            lines.append(f"   {self._checkup.in_words()}")
        return "\n".join(lines)
