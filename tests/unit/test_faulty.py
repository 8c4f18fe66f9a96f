"""A faulty backend does what its plan says, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.errors import BackendError, InvalidTypeError
from aicache.protocols import HasDeadline, HoldsEntries, SupportsMany, SupportsTTL, supports
from aicache.testing import FakeClock, FaultyBackend, SyncFaultyBackend
from aicache.testing.faults import AnswerOf, Delay, Fail, FlipBit, Lose, Stale, Truncate, mixed
from aicache_memory import MemoryBackend, SyncMemoryBackend

DOWN = BackendError("down")


class Store:
    """Four verbs and nothing more."""

    def __init__(self) -> None:
        inner = MemoryBackend()
        self.get, self.set, self.delete, self.aclose = inner.get, inner.set, inner.delete, inner.aclose


async def faulty(plan: Any, **entries: bytes) -> FaultyBackend:
    inner = MemoryBackend()
    for key, value in entries.items():
        await inner.set(key, value)
    return FaultyBackend(inner, plan)


async def test_an_error_is_raised_and_nothing_is_done() -> None:
    backend = await faulty([Fail(DOWN)])
    with pytest.raises(BackendError, match="down"):
        await backend.set("key", b"value")
    assert await backend.inner.get("key") is None


async def test_an_error_after_the_call_leaves_it_done() -> None:
    backend = await faulty([Fail(DOWN, after=True)])
    with pytest.raises(BackendError, match="down"):
        await backend.set("key", b"value")
    assert await backend.inner.get("key") == b"value"


async def test_a_delay_is_waited_for_before_the_call() -> None:
    clock = FakeClock()
    inner = MemoryBackend(clock=clock)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    backend = FaultyBackend(inner, [Delay(2.5)], sleep=sleep)
    await inner.set("key", b"value", ttl=2)
    assert await backend.get("key") is None
    assert clock() == 2.5


@pytest.mark.parametrize(
    ("fault", "read"),
    [
        (FlipBit(), b"`bc"),
        (FlipBit(-1), b"ab\xe3"),
        (FlipBit(24), b"`bc"),
        (Truncate(), b""),
        (Truncate(2), b"ab"),
        (AnswerOf("other"), b"of the other"),
        (AnswerOf("missing"), None),
        (Stale(), b"abc"),
        (Lose(), None),
        (None, b"abc"),
    ],
    ids=str,
)
async def test_what_a_read_gets(fault: Any, read: bytes | None) -> None:
    whole = {} if read is None else {"key": read}
    lives = {} if read is None else {"key": (read, None)}
    backend = await faulty(lambda verb, key, number: fault if key == "key" else None, key=b"abc", other=b"of the other")
    assert await backend.get("key") == read
    assert await backend.get_many(["key", "other"]) == {**whole, "other": b"of the other"}
    assert await backend.get_with_ttl(["key", "other"]) == {**lives, "other": (b"of the other", None)}
    assert await backend.inner.get("key") == b"abc"


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(FlipBit(8), b"acc"), (Truncate(1), b"a"), (Lose(), None), (AnswerOf("other"), b"abc"), (Stale(), b"abc")],
    ids=str,
)
async def test_what_a_write_leaves(fault: Any, stored: bytes | None) -> None:
    backend = await faulty([fault, fault])
    await backend.set("one", b"abc")
    await backend.set_many({"many": (b"abc", None)})
    assert [await backend.inner.get(key) for key in ("one", "many")] == [stored, stored]


async def test_a_stale_read_is_of_before_the_last_write() -> None:
    backend = await faulty(lambda verb, key, number: Stale() if verb.startswith("get") else None, key=b"first")
    await backend.set("key", b"second")
    assert await backend.get("key") == b"first"
    await backend.set("key", b"third")
    assert await backend.get("key") == b"second"
    await backend.delete("key")
    assert await backend.get_many(["key"]) == {"key": b"third"}


async def test_a_lost_deletion_is_told_as_done() -> None:
    backend = await faulty(lambda verb, key, number: Lose() if key == "kept" else None, kept=b"", gone=b"")
    assert await backend.delete("kept") is True
    assert await backend.delete_many(["kept", "gone", "missing"]) == 2
    assert await backend.inner.get_many(["kept", "gone"]) == {"kept": b""}


async def test_calls_without_keys_fail_too() -> None:
    backend = await faulty([Lose(), Lose(), Fail(DOWN), None], key=b"")
    assert [key async for key in backend.scan()] == []
    await backend.clear()
    with pytest.raises(BackendError):
        await backend.info()
    assert [key async for key in backend.scan()] == ["key"]


async def test_the_plan_is_asked_for_verb_key_and_number() -> None:
    questions: list[tuple[str, str, int]] = []
    backend = await faulty(lambda *question: questions.append(question))
    await backend.set("a", b"")
    await backend.get_many(["b", "c"])
    await backend.clear()
    assert questions == [("set", "a", 0), ("get_many", "b", 1), ("get_many", "c", 1), ("clear", "", 2)]


async def test_it_counts() -> None:
    backend = await faulty([None, Lose(), Truncate(), Lose()])
    for _ in range(5):
        await backend.get("key")
    await backend.delete("key")
    assert backend.calls == {"get": 5, "delete": 1}
    assert backend.faults == {"Lose": 2, "Truncate": 1}


async def test_what_is_no_fault_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"wrap an exception as Fail\(error\)"):
        FaultyBackend(MemoryBackend(), [DOWN])


def test_it_can_do_what_its_inside_can() -> None:
    assert supports(FaultyBackend(MemoryBackend()), SupportsMany)
    assert supports(FaultyBackend(MemoryBackend()), SupportsTTL)
    assert not supports(FaultyBackend(Store()), SupportsMany)
    assert not supports(FaultyBackend(MemoryBackend()), HoldsEntries)
    assert not supports(FaultyBackend(MemoryBackend()), HasDeadline)


async def test_a_cache_over_it_counts_and_never_answers_wrongly() -> None:
    plan = [None, FlipBit(-1), Truncate(20), AnswerOf("other"), Fail(DOWN), Lose(), None]
    backend = FaultyBackend(MemoryBackend(), plan)
    async with TieredCache([backend]) as cache:
        await cache.set("key", ["value"])
        assert [await cache.get("key") for _ in plan[1:]] == [None, None, None, None, None, ["value"]]
        tier = cache.stats().tiers[0]
    assert (tier.hits, tier.misses, tier.errors) == (1, 5, 1)
    assert sum(tier.refused.values()) == 2  # a flipped bit and a cut value; the other key has none


def test_sync() -> None:
    waited: list[float] = []
    plan = [None, FlipBit(-1), Delay(3.5), Fail(DOWN)]
    backend = SyncFaultyBackend(SyncMemoryBackend(), plan, sleep=waited.append)
    with SyncTieredCache([backend]) as cache:
        cache.set("key", ["value"])
        assert [cache.get("key") for _ in plan] == [None, ["value"], None, ["value"]]
    assert waited == [3.5]
    assert backend.calls == {"set": 1, "get": 4}


def test_a_plan_of_chance_gives_the_same_call_the_same_fault():
    shares = [(0.2, Lose()), (0.3, lambda source: Delay(source.random()))]
    one, two, other = mixed(1, shares), mixed(1, shares), mixed(2, shares)
    calls = [("get", f"k{number % 7}", number) for number in range(2000)]
    drawn = [one(*call) for call in calls]
    assert [two(*call) for call in reversed(calls)] == drawn[::-1]
    assert [other(*call) for call in calls] != drawn
    kinds = [type(fault) for fault in drawn]
    assert 0.15 < kinds.count(Lose) / 2000 < 0.25
    assert 0.25 < kinds.count(Delay) / 2000 < 0.35
    assert len({fault.seconds for fault in drawn if isinstance(fault, Delay)}) > 400
