"""Replays a trace through a cache in virtual time: a discrete-event simulation of all but the cache, which is real.

Requests arrive at virtual times and calls of the provider end at virtual times; the earlier event is always next, and
virtual time stands still while the cache works. So a request that arrives while its answer is being made really joins
that load inside the cache, and as no two requests are at work at once, the real time that a hit took is its own.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import inf, log
from random import Random
from time import perf_counter

from aicache import TieredCache
from aicache.cli.demo.clock import VirtualClock
from aicache.cli.demo.provider import Call, Provider
from aicache.cli.demo.trace import Trace

__all__ = ["Outcomes", "Replay", "arrivals"]


def arrivals(rate: float, seed: int) -> Iterator[float]:
    """Arrival times in seconds, for ever: a Poisson process of `rate` requests a second, the same for the same seed."""
    random = Random(seed).random
    now = 0.0
    while True:
        now -= log(1.0 - random()) / rate
        yield now


@dataclass(slots=True)
class Outcomes:
    """What became of each request, in order of arrival.

    `tiers`: their names. `of`: for each request the place of the tier that had the answer, `joined` or `called`.
    `at`: when it arrived, in seconds of virtual time. `hit_seconds`: for each tier, the real time that each of its hits
    took. `join_saved`: seconds of virtual time for which the calls that were joined had run already. `cut_short`:
    whether the time was up before all requests were made.
    """

    tiers: tuple[str, ...]
    of: bytearray = field(default_factory=bytearray)
    at: array[float] = field(default_factory=lambda: array("d"))
    hit_seconds: list[array[float]] = field(init=False)
    counts: list[int] = field(init=False)
    join_saved: float = 0.0
    cut_short: bool = False

    def __post_init__(self) -> None:
        self.hit_seconds = [array("d") for _ in self.tiers]
        self.counts = [0] * (len(self.tiers) + 2)

    @property
    def joined(self) -> int:
        """The outcome "joined a call that was under way"."""
        return len(self.tiers)

    @property
    def called(self) -> int:
        """The outcome "called the provider"."""
        return len(self.tiers) + 1

    def add(self, outcome: int, at: float) -> None:
        self.of.append(outcome)
        self.at.append(at)
        self.counts[outcome] += 1


class Replay:
    """One replay. `key`: makes a key from an object's number. `watch`: called now and then with the outcomes so far.
    `time_is_up`: asked before each request whether to make no more of them.
    """

    def __init__(
        self,
        trace: Trace,
        cache: TieredCache,
        clock: VirtualClock,
        *,
        key: Callable[[int], str],
        watch: Callable[[Outcomes], None] = lambda _: None,
        time_is_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._trace = trace
        self._cache = cache
        self._clock = clock
        self._key = key
        self._watch = watch
        self._time_is_up = time_is_up
        self._open: set[asyncio.Task[float]] = set()
        self.provider = Provider(trace, clock)
        self.outcomes = Outcomes(tuple(tier.name for tier in cache.stats().tiers))
        self._hits = [0] * len(self.outcomes.tiers)

    async def run(self, times: Iterator[float]) -> Outcomes:
        """Make the requests at those virtual times, and wait until every one of them has its answer.

        However it ends, nothing of it is still at work afterwards.
        """
        try:
            for number, time in zip(self._trace.requests, times, strict=False):
                if self._time_is_up():
                    self.outcomes.cut_short = True
                    break
                await self._end_calls(time)
                self._clock.now = time
                await self._arrive(number)
                self._watch(self.outcomes)
            await self._end_calls(inf)
        finally:
            # Not cancelled: a write that is on its way to a store lands before the store is cleared of it.
            self.provider.close()
            await asyncio.gather(*self._open, return_exceptions=True)
        return self.outcomes

    async def _end_calls(self, until: float) -> None:
        while (call := self.provider.end_next(until)) is not None:
            await asyncio.wait(call.callers)  # unlike a plain await, it leaves them alone when it is cancelled itself
            self._open.difference_update(call.callers)
            for caller in call.callers:
                caller.result()

    async def _arrive(self, number: int) -> None:
        """Let one request go as far as it gets without the provider's answer, and note what became of it."""
        outcomes, now = self.outcomes, self._clock.now
        running = self.provider.under_way(number)
        joins = self._cache.stats().joins
        settled: asyncio.Future[Call | None] = asyncio.get_running_loop().create_future()
        request = asyncio.create_task(self._request(number, settled))
        self._open.add(request)
        if running is not None:
            while not settled.done() and self._cache.stats().joins == joins:  # noqa: ASYNC110 a join tells nobody
                await asyncio.sleep(0)
            if not settled.done():
                running.callers.append(request)
                outcomes.join_saved += now - running.began
                outcomes.add(outcomes.joined, now)
                return
        call = await settled
        if call is not None:
            call.callers.append(request)
            outcomes.add(outcomes.called, now)
        else:
            self._open.discard(request)
            took = request.result()
            tier = self._tier_that_answered()
            outcomes.hit_seconds[tier].append(took)
            outcomes.add(tier, now)

    async def _request(self, number: int, settled: asyncio.Future[Call | None]) -> float:
        """One request, and the real seconds it took. It is settled when it has its answer, or when its call of the
        provider is under way.
        """
        key = self._key(number)
        factory = partial(self.provider.answer, number, settled)
        try:
            began = perf_counter()
            await self._cache.get_or_set(key, factory)
            return perf_counter() - began
        finally:
            if not settled.done():
                settled.set_result(None)

    def _tier_that_answered(self) -> int:
        """The one that has a hit more than when this was last asked."""
        before, self._hits = self._hits, [tier.hits for tier in self._cache.stats().tiers]
        (tier,) = [at for at, (old, new) in enumerate(zip(before, self._hits, strict=True)) if new > old]
        return tier
