"""The replay against a model of it: what each request must become is computed here without a cache, task or event."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import Policy, Tier, TieredCache
from aicache.cli.demo.clock import EPOCH, VirtualClock
from aicache.cli.demo.replay import Outcomes, Replay, arrivals
from aicache.cli.demo.tiers import OnVirtualTime
from aicache.cli.demo.trace import Row, Trace
from aicache_memory import MemoryBackend


class Store:
    """Bytes in a dict; `gate` holds a write back half-way."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.gate: asyncio.Event | None = None
        self.at_gate = asyncio.Event()

    async def get(self, key: str) -> bytes | None:
        return self.data.get(key)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        if self.gate is not None:
            self.at_gate.set()
            await self.gate.wait()
        self.data[key] = value

    async def delete(self, key: str) -> bool:
        return self.data.pop(key, None) is not None

    async def aclose(self) -> None:
        pass


def a_trace(requests: Sequence[int], seconds: Sequence[float]) -> Trace:
    rows = [Row(500 + 100 * number, 0.01 * (number + 1), each) for number, each in enumerate(seconds)]
    return Trace(
        header={"name": "tiny", "objects": len(rows), "rows": len(rows)}, rows=rows, requests=array("I", requests)
    )


def model(requests: Sequence[int], seconds: Sequence[float], times: Sequence[float], ttl: float | None) -> list[str]:
    """What each request must become in a cache without bounds."""
    made_at: dict[int, float] = {}
    became: list[str] = []
    for number, now in zip(requests, times, strict=True):
        made = made_at.get(number)
        if made is not None and now < made:
            became.append("join")
        elif made is not None and (ttl is None or now < made + ttl):
            became.append("hit")
        else:
            became.append("call")
            made_at[number] = now + seconds[number]
    return became


def became(outcomes: Outcomes) -> list[str]:
    words = [*(["hit"] * len(outcomes.tiers)), "join", "call"]
    return [words[outcome] for outcome in outcomes.of]


def wired(kind: str, clock: VirtualClock) -> list[Any]:
    memory = MemoryBackend(max_entries=2 if kind == "small memory, store" else 10_000, clock=clock)
    store = Tier(backend=OnVirtualTime(Store(), clock), name="store")
    return {"memory": [memory], "store": [store]}.get(kind, [memory, store])


async def replayed(trace: Trace, times: Iterator[float], kind: str, ttl: float | None) -> tuple[Outcomes, Any, Replay]:
    clock = VirtualClock()
    async with TieredCache(wired(kind, clock), policy=Policy(ttl=ttl), wall_clock=clock.wall) as cache:
        replay = Replay(trace, cache, clock, key=str)
        return await replay.run(times), cache.stats(), replay


@st.composite
def workloads(draw: st.DrawFn) -> tuple[list[int], list[float], list[float]]:
    seconds = draw(st.lists(st.sampled_from([0.5, 1.0, 3.0, 20.0]), min_size=1, max_size=6))
    requests = draw(st.lists(st.integers(0, len(seconds) - 1), min_size=1, max_size=40))
    gaps = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0, 7.0]), min_size=len(requests), max_size=len(requests)))
    return requests, seconds, [sum(gaps[: at + 1]) for at in range(len(gaps))]


@pytest.mark.parametrize("kind", ["memory", "store", "memory, store", "small memory, store"])
@given(workload=workloads(), ttl=st.sampled_from([None, 2.0, 10.0]))
def test_every_request_becomes_what_the_model_says(
    kind: str, workload: tuple[list[int], list[float], list[float]], ttl: float | None
) -> None:
    requests, seconds, times = workload
    expected = model(requests, seconds, times, ttl)
    outcomes, stats, replay = asyncio.run(replayed(a_trace(requests, seconds), iter(times), kind, ttl))
    assert became(outcomes) == expected
    assert list(outcomes.at) == times
    assert outcomes.counts[outcomes.joined] == stats.joins == expected.count("join")
    assert stats.hits == expected.count("hit") == sum(map(len, outcomes.hit_seconds))
    assert stats.loads == stats.misses == expected.count("call")
    assert replay.provider.calls == [n for n, word in zip(requests, expected, strict=True) if word == "call"]
    if ttl is None:
        assert stats.loads == len(set(requests))


async def test_the_tier_that_answered_is_the_one_named() -> None:
    # Two entries fit into memory: the third pushes out one that the store below still has.
    requests, times = [0, 1, 2, 0, 1, 2], [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    outcomes, stats, _ = await replayed(a_trace(requests, [1.0] * 3), iter(times), "small memory, store", None)
    assert outcomes.tiers == ("memory", "store")
    assert became(outcomes) == ["call"] * 3 + ["hit"] * 3
    assert outcomes.counts[:2] == [tier.hits for tier in stats.tiers]
    assert outcomes.counts[1] >= 1
    assert all(took > 0 for tier in outcomes.hit_seconds for took in tier)


async def test_joining_saves_the_time_that_the_call_had_run_already() -> None:
    outcomes, _, _ = await replayed(a_trace([0, 0, 0], [10.0]), iter([5.0, 6.0, 8.5]), "memory", None)
    assert became(outcomes) == ["call", "join", "join"]
    assert outcomes.join_saved == pytest.approx(1.0 + 3.5)


async def test_virtual_time_ends_with_the_last_call() -> None:
    clock = VirtualClock()
    async with TieredCache([MemoryBackend(clock=clock)], wall_clock=clock.wall) as cache:
        replay = Replay(a_trace([0, 1], [60.0, 3600.0]), cache, clock, key=str)
        await replay.run(iter([1.0, 2.0]))
        assert clock() == 3602.0
        assert clock.wall() == EPOCH + 3602.0
        assert (await cache.lookup("0")).age == 3602.0 - 61.0


async def test_no_more_requests_are_made_once_the_time_is_up() -> None:
    clock = VirtualClock()
    left = iter([False, False, True])
    async with TieredCache([MemoryBackend(clock=clock)]) as cache:
        replay = Replay(a_trace([0, 0, 0, 0], [1.0]), cache, clock, key=str, time_is_up=lambda: next(left))
        outcomes = await replay.run(iter([0.0, 5.0, 6.0, 7.0]))
    assert became(outcomes) == ["call", "hit"]
    assert outcomes.cut_short


async def test_who_watches_sees_every_request() -> None:
    clock, seen = VirtualClock(), list[int]()
    async with TieredCache([MemoryBackend(clock=clock)]) as cache:
        replay = Replay(a_trace([0, 0, 0], [1.0]), cache, clock, key=str, watch=lambda o: seen.append(len(o.of)))
        await replay.run(iter([0.0, 0.5, 6.0]))
    assert seen == [1, 2, 3]


async def test_a_cancelled_replay_lets_a_write_land_and_leaves_nothing_at_work() -> None:
    clock, store = VirtualClock(), Store()
    store.gate = asyncio.Event()
    tier = OnVirtualTime(store, clock)
    before = asyncio.all_tasks()
    async with TieredCache([Tier(backend=tier, name="store", timeout=None)], wall_clock=clock.wall) as cache:
        replay = Replay(a_trace([0, 1, 1, 0], [1.0, 99.0]), cache, clock, key=str)
        running = asyncio.create_task(replay.run(iter([0.0, 0.1, 0.2, 50.0])))
        await store.at_gate.wait()  # object 0 is being written, object 1 is being made and waited for by two
        running.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not running.done()
        store.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == before
        assert list(store.data) == ["0"]
        await tier.remove_all()
        assert store.data == {}


def test_arrivals_are_the_same_for_the_same_seed_and_as_many_as_the_rate_says() -> None:
    times, again = arrivals(20.0, 7), arrivals(20.0, 7)
    first = [next(times) for _ in range(20_000)]
    assert first == [next(again) for _ in range(20_000)]
    assert first == sorted(first)
    assert first[:100] != [time for time, _ in zip(arrivals(20.0, 8), range(100), strict=False)]
    # The mean gap of n arrivals has a standard deviation of 1 / (rate * sqrt(n)): here 0.7 % of the mean.
    assert first[-1] / 20_000 == pytest.approx(1 / 20, rel=0.035)
    # Gaps without memory: 1/e of them are longer than the mean gap.
    longer = sum(late - early > 1 / 20 for early, late in pairwise(first))
    assert longer / 20_000 == pytest.approx(0.3679, abs=0.02)
