"""The tiers of the demo: how they are named, put on virtual time, reached and emptied."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aicache.cli.demo.clock import VirtualClock
from aicache.cli.demo.tiers import (
    SMALL_MEMORY,
    OnVirtualTime,
    OpenTier,
    memory_bounds,
    open_tiers,
    parse_tiers,
    without_password,
)
from aicache.errors import BackendError, ConfigurationError, UnknownBackendError
from aicache.protocols import HasDeadline, SupportsMany, SupportsTTL, supports
from aicache_memory import MemoryBackend


class Plain:
    """The four verbs over a dict; each of them raises `fail` once it is set."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.ttls: list[float | None] = []
        self.fail: Exception | None = None

    def _check(self) -> None:
        if self.fail is not None:
            raise self.fail

    async def get(self, key: str) -> bytes | None:
        self._check()
        return self.data.get(key)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.data[key] = value
        self.ttls.append(ttl)
        self._check()

    async def delete(self, key: str) -> bool:
        self._check()
        return self.data.pop(key, None) is not None

    async def aclose(self) -> None:
        self.data.clear()


class Rich(Plain):
    """With a deadline, remaining lives and batches."""

    deadline = 0.125

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        return {key: (self.data[key], 3600.0) for key in keys if key in self.data}

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: self.data[key] for key in keys if key in self.data}

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        self.data |= {key: value for key, (value, _) in entries.items()}

    async def delete_many(self, keys: Sequence[str]) -> int:
        self.batches.append(len(keys))
        return sum([self.data.pop(key, None) is not None for key in keys])


# -- what the command line says


@pytest.mark.parametrize(
    ("text", "redis", "named"),
    [
        ("memory", None, [("memory", "memory")]),
        (" memory , redis ", None, [("memory", "memory"), ("redis", "redis")]),
        ("redis,memory", "rediss://h:1/2", [("redis", "rediss://h:1/2"), ("memory", "memory")]),
        ("memory://?copy=live,valkey://h:1", None, [("memory", "memory://?copy=live"), ("valkey", "valkey://h:1")]),
    ],
)
def test_tiers_are_named_in_the_order_given(text: str, redis: str | None, named: list[tuple[str, str]]) -> None:
    assert parse_tiers(text, redis) == named


@pytest.mark.parametrize(
    ("text", "redis", "why"),
    [
        ("", None, "--tiers has an empty name in ''"),
        ("memory,,null", None, "--tiers has an empty name"),
        ("memory,memory", None, "--tiers names 'memory' twice"),
        ("memory", "redis://h", "--redis is given and --tiers is 'memory'; write --tiers memory,redis"),
        ("memory,redis", "localhost", "--redis takes a URL such as redis://localhost:6379/0, got 'localhost'"),
        ("memory,redis", "redis", "--redis takes a URL"),
        ("memory,redis", "http://me:secret@h/", "got 'http://\\*\\*\\*@h/'"),
    ],
)
def test_tiers_that_cannot_be_are_refused(text: str, redis: str | None, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse_tiers(text, redis)


def test_no_message_repeats_a_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_tiers("redis://me:secret@h,redis://me:secret@h", None)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory", "memory"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://me:s@h:6379/0", "redis://***@h:6379/0"),
        ("redis://:p@ss@h", "redis://***@h"),
        ("redis://h/0?password=s", "redis://h/0"),
        ("redis://me:s?x@h", "redis://me:s"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_memory_tier_is_bounded_by_what_is_given_or_kept_small() -> None:
    plain, by_url, none = [("memory", "memory")], [("memory", "memory://?max_entries=5")], [("null", "null")]
    assert memory_bounds(plain, None, None) == {"max_bytes": SMALL_MEMORY}
    assert memory_bounds(plain, 7, None) == {"max_entries": 7}
    assert memory_bounds(by_url, None, None) == {}
    assert memory_bounds(by_url, None, 9) == {"max_bytes": 9}
    assert memory_bounds(none, None, None) == {}
    with pytest.raises(
        ConfigurationError, match="--max-entries and --max-bytes bounds the memory tier and there is none"
    ):
        memory_bounds(none, 1, 2)


async def test_backends_come_from_the_registry_on_virtual_time() -> None:
    clock = VirtualClock()
    memory, null = open_tiers([("memory", "memory"), ("null", "null")], clock, {"max_entries": 3})
    assert isinstance(memory.backend, MemoryBackend)
    assert memory.backend.clock is clock
    assert (await memory.backend.info())["max_entries"] == 3
    assert isinstance(null.backend, OnVirtualTime)
    assert (memory.name, null.name) == ("memory", "null")


def test_an_unknown_tier_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownBackendError, match=r"'memroy'.*did you mean 'memory'"):
        list(open_tiers([("memroy", "memroy")], VirtualClock(), {}))


# -- on virtual time


async def test_an_entry_ends_by_the_virtual_clock_and_not_before() -> None:
    clock, inner = VirtualClock(), Plain()
    tier = OnVirtualTime(inner, clock)
    await tier.set("ends", b"x", ttl=10.0)
    await tier.set("stays", b"y")
    clock.now = 9.99
    assert await tier.get("ends") == b"x"
    clock.now = 10.0
    assert await tier.get("ends") is None
    assert await tier.get("stays") == b"y"
    assert not await tier.delete("ends")
    assert await tier.delete("stays")
    assert inner.data == {}


async def test_the_store_itself_ends_every_entry_within_the_hour() -> None:
    inner = Plain()
    tier = OnVirtualTime(inner, VirtualClock())
    await tier.set("a", b"x", ttl=10.0)
    await tier.set("b", b"x")
    assert inner.ttls == [3600.0, 3600.0]


async def test_remaining_lives_are_virtual_too() -> None:
    clock = VirtualClock()
    tier = OnVirtualTime(Rich(), clock)
    await tier.set("a", b"x", ttl=10.0)
    await tier.set("b", b"y")
    await tier.set("gone", b"z", ttl=3.0)
    clock.now = 4.0
    assert await tier.get_with_ttl(["a", "b", "gone", "never"]) == {"a": (b"x", 6.0), "b": (b"y", None)}


def test_it_has_the_capabilities_that_make_a_difference_to_a_hit() -> None:
    rich, plain = OnVirtualTime(Rich(), VirtualClock()), OnVirtualTime(Plain(), VirtualClock())
    assert supports(rich, HasDeadline)
    assert supports(rich, SupportsTTL)
    assert rich.deadline == 0.125
    assert not any(supports(plain, capability) for capability in (HasDeadline, SupportsTTL))
    assert not supports(rich, SupportsMany)


# -- nothing is left behind


async def test_everything_ever_written_is_removed_in_batches_and_nothing_else() -> None:
    inner = Rich()
    inner.data["somebody's"] = b"own"
    tier = OnVirtualTime(inner, VirtualClock())
    for number in range(2500):
        await tier.set(str(number), b"x")
    await tier.remove_all()
    assert inner.data == {"somebody's": b"own"}
    assert inner.batches == [1000, 1000, 500]


async def test_a_write_that_failed_may_have_landed_and_is_removed() -> None:
    inner = Plain()
    tier = OnVirtualTime(inner, VirtualClock())
    inner.fail = TimeoutError("late")
    with pytest.raises(TimeoutError):
        await tier.set("a", b"x")
    inner.fail = None
    assert inner.data
    await tier.remove_all()
    assert inner.data == {}


async def test_a_store_that_does_not_answer_is_found_out_before_the_replay() -> None:
    inner = Plain()
    inner.fail = ConnectionRefusedError("nobody there")
    tier = OpenTier(name="redis", opened_with="redis://h", backend=OnVirtualTime(inner, VirtualClock()))
    with pytest.raises(
        BackendError, match=r"tier 'redis' \(redis://h\) does not answer: .*nobody there.*--tiers memory"
    ):
        await tier.reach("probe")


async def test_what_cannot_be_removed_is_said() -> None:
    inner, said = Plain(), list[str]()
    tier = OpenTier(name="redis", opened_with="redis://h", backend=OnVirtualTime(inner, VirtualClock()))
    await tier.backend.set("a", b"x")
    inner.fail = ConnectionResetError("gone")
    await tier.empty(said.append)
    assert len(said) == 1
    assert "tier 'redis' (redis://h) could not be emptied" in said[0]
    assert "within 60 minutes" in said[0]
    inner.fail = None
    await tier.empty(said.append)
    assert len(said) == 1
    assert inner.data == {}


async def test_a_cancelled_reach_is_cancelled() -> None:
    class Silent(Plain):
        async def get(self, key: str) -> bytes | None:
            await asyncio.Event().wait()
            return None

    tier = OpenTier(name="x", opened_with="x", backend=OnVirtualTime(Silent(), VirtualClock()))
    reaching: asyncio.Task[Any] = asyncio.create_task(tier.reach("probe"))
    await asyncio.sleep(0)
    reaching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reaching
