"""One demo from its options to its report."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter

from aicache import CacheStats, Codec, Policy, TieredCache
from aicache.cli.demo.clock import VirtualClock
from aicache.cli.demo.figures import figures, tier_figures, weigh
from aicache.cli.demo.replay import Outcomes, Replay, arrivals
from aicache.cli.demo.report import Report
from aicache.cli.demo.tiers import OpenTier, memory_bounds, open_tiers, parse_tiers
from aicache.cli.demo.trace import Trace

__all__ = ["Options", "Run", "play", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says. `rate`: requests a second; `ttl`: seconds or None for no expiry, both of virtual
    time. `seconds`: of real time, after which no more requests are made. `max_entries`, `max_bytes`: bounds of the
    memory tier, None: not given.
    """

    tiers: str = "memory"
    redis: str | None = None
    rate: float = 20.0
    ttl: float | None = None
    max_entries: int | None = None
    max_bytes: int | None = None
    seed: int = 1
    seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a replay leaves behind. `calls`: the objects that the provider was asked for; `memory`: the bounds of
    the memory tier; `took`: real seconds.
    """

    outcomes: Outcomes
    stats: CacheStats
    calls: list[int]
    tiers: list[OpenTier]
    memory: dict[str, int]
    took: float


async def play(
    trace: Trace, options: Options, watch: Callable[[Outcomes], None], complain: Callable[[str], None]
) -> Run:
    """Replay the trace, and take out of the tiers again what it put there, also when it is cancelled; `complain` hears
    of a tier where that failed.

    Raises `ConfigurationError` on tiers that cannot be, `BackendError` where one does not answer.
    """
    clock = VirtualClock()
    named = parse_tiers(options.tiers, options.redis)
    memory = memory_bounds(named, options.max_entries, options.max_bytes)
    mark = f"aicache-demo-{secrets.token_hex(6)}"  # so that no other entry of a shared store can be meant
    async with AsyncExitStack() as stack:
        tiers: list[OpenTier] = []
        for tier in open_tiers(named, clock, memory):
            stack.push_async_callback(tier.backend.aclose)
            tiers.append(tier)
        cache = TieredCache([tier.options() for tier in tiers], policy=Policy(ttl=options.ttl), wall_clock=clock.wall)
        stack.push_async_callback(cache.aclose)
        for tier in tiers:
            await tier.reach(f"{mark}:probe")
        replay = Replay(
            trace,
            cache,
            clock,
            key=lambda number: f"{mark}:{number}",
            watch=watch,
            time_is_up=_after(options.seconds),
        )
        began = perf_counter()
        try:
            outcomes = await replay.run(arrivals(options.rate, options.seed))
            took = perf_counter() - began
        finally:
            for tier in tiers:
                await tier.empty(complain)
        return Run(
            outcomes=outcomes, stats=cache.stats(), calls=replay.provider.calls, tiers=tiers, memory=memory, took=took
        )


def report(trace: Trace, options: Options, run: Run) -> Report:
    """What there is to say about it."""
    return Report(
        trace=trace.header,
        settings={
            "tiers": {tier.name: tier.opened_with for tier in run.tiers},
            "max_entries": run.memory.get("max_entries"),
            "max_bytes": run.memory.get("max_bytes"),
            "ttl": options.ttl,
            "rate": options.rate,
            "seed": options.seed,
            "seconds": options.seconds,
        },
        cut_short=run.outcomes.cut_short,
        figures=figures(trace, run.outcomes, run.stats, weigh(Codec(), trace, run.calls), run.took),
        tiers=tier_figures(run.outcomes, run.stats),
    )


def _after(seconds: float) -> Callable[[], bool]:
    end = perf_counter() + seconds
    return lambda: perf_counter() >= end
