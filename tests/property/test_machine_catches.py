"""The state machines catch bugs that show only after several steps: each of these is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, Verbosity, settings

from aicache.testing import FakeClock, FaultyBackend
from aicache.testing.faults import Stale
from aicache.testing.machine import backend_machine, cache_machine
from aicache_memory import MemoryBackend

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]  # a hunt may take minutes


class KeepsTheOldEnd(MemoryBackend):
    """Overwriting without a ttl leaves the end of the entry before."""

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        old = (await self.get_with_ttl([key])).get(key, (b"", None))[1]
        await super().set(key, value, ttl=old if ttl is None else ttl)


class ForgetsNowAndThen(MemoryBackend):
    writes = 0

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.writes += 1
        await super().set(key, value, ttl=ttl)
        if self.writes % 6 == 0:
            await self.delete("a")


class DeletesByPrefix(MemoryBackend):
    async def delete_many(self, keys: Sequence[str]) -> int:
        for key in keys:
            for other in [other async for other in self.scan(key)]:
                await self.delete(other)
        return await super().delete_many(keys)


class CountsTwice(MemoryBackend):
    async def delete_many(self, keys: Sequence[str]) -> int:
        there = await self.get_many(keys)
        await super().delete_many(keys)
        return sum(key in there for key in keys)


class TellsTooLongALife(FaultyBackend):
    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        return {key: (value, None) for key, (value, _) in (await super().get_with_ttl(keys)).items()}


class EndsNothing(FaultyBackend):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(key, value)


class DeletesNothing(FaultyBackend):
    async def delete(self, key: str) -> bool:
        return await self.get(key) is not None


def live(clock: FakeClock) -> list[Any]:
    return [MemoryBackend(copy="live", clock=clock)]


def over(kind: Callable[..., Any], *arguments: Any) -> Callable[[FakeClock], list[Any]]:
    """Memory over a tier with a bug."""
    return lambda clock: [MemoryBackend(clock=clock), kind(MemoryBackend(clock=clock), *arguments)]


def behind(_verb: str, _key: str, number: int) -> Stale | None:
    return Stale() if number % 5 == 4 else None


BUGS = {
    "an old end kept": backend_machine(lambda clock: KeepsTheOldEnd(clock=clock)),
    "a loss now and then": backend_machine(lambda clock: ForgetsNowAndThen(clock=clock)),
    "a deletion by prefix": backend_machine(lambda clock: DeletesByPrefix(clock=clock)),
    "a key counted twice": backend_machine(lambda clock: CountsTwice(clock=clock)),
    "time that stands still": backend_machine(lambda _: MemoryBackend(clock=FakeClock())),
    "live objects shared": cache_machine(live),
    "a copy that outlives its source": cache_machine(over(TellsTooLongALife)),
    "entries that never end": cache_machine(over(EndsNothing)),
    "a deletion that was not": cache_machine(over(DeletesNothing)),
    "a replica behind": cache_machine(over(FaultyBackend, behind)),
    "a tier too small": cache_machine(lambda clock: [MemoryBackend(max_entries=2, clock=clock)]),
}

# Found, it need not be made small; and the same examples are tried each time.
HUNT = settings(
    max_examples=5_000,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    verbosity=Verbosity.quiet,
)


@pytest.mark.parametrize("bug", BUGS)
def test_it_is_found(bug: str) -> None:
    case: Any = BUGS[bug]
    case.settings = HUNT
    with pytest.raises(AssertionError):
        case().runTest()
