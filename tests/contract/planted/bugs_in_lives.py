"""Backends that mistake a ttl."""

from __future__ import annotations

import math

from good import Good, Suite

from aicache.options import check_key, check_ttl


class NeverEnds(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        check_ttl(ttl)
        await super().set(key, value)


class TestNeverEnds(Suite):
    kind = NeverEnds
    caught_by = "test_an_entry_ends"


class TakesSecondsForMinutes(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        ttl = check_ttl(ttl)
        await super().set(key, value, ttl=None if ttl is None else ttl * 60)


class TestTakesSecondsForMinutes(Suite):
    kind = TakesSecondsForMinutes
    caught_by = "test_an_entry_ends"


class RoundsToSeconds(Good):
    """A ttl below a second becomes 0, which this store takes for "no expiry"."""

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        ttl = check_ttl(ttl)
        await super().set(key, value, ttl=None if ttl is None else int(ttl) or None)


class TestRoundsToSeconds(Suite):
    kind = RoundsToSeconds
    caught_by = "test_the_shortest_ttl_ends"


class KeepsTheOldLife(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        _, ends = self.entries.get(check_key(key), (None, 0.0))
        await super().set(key, value, ttl=ttl)
        if ttl is None and self.clock() < ends:
            self.entries[key] = self.entries[key][0], ends


class TestKeepsTheOldLife(Suite):
    kind = KeepsTheOldLife
    caught_by = "test_a_set_without_ttl_forgets_the_ttl_before_it"


class TakesZeroForNoExpiry(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(key, value, ttl=ttl or None)


class TestTakesZeroForNoExpiry(Suite):
    kind = TakesZeroForNoExpiry
    caught_by = "test_an_impossible_ttl_is_refused"


class DeletesOnAnImpossibleTtl(Good):
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        if ttl is not None:
            await self.delete(key)
        await super().set(key, value, ttl=ttl)


class TestDeletesOnAnImpossibleTtl(Suite):
    kind = DeletesOnAnImpossibleTtl
    caught_by = "test_an_impossible_ttl_leaves_what_is_stored"


class LengthensOnReading(Good):
    async def get(self, key: str) -> bytes | None:
        value = await super().get(key)
        if value is not None and self.entries[key][1] < math.inf:
            self.entries[key] = value, self.entries[key][1] + 60
        return value


class TestLengthensOnReading(Suite):
    kind = LengthensOnReading
    caught_by = "test_reading_does_not_lengthen_a_life"


class CountsTheEnded(Good):
    async def delete(self, key: str) -> bool:
        await self.get(key)
        return self.entries.pop(key, None) is not None


class TestCountsTheEnded(Suite):
    kind = CountsTheEnded
    caught_by = "test_an_ended_entry_is_not_there_to_delete"
