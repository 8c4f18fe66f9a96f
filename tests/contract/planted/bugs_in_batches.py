"""Backends that mistake a batch, a prefix or a remaining life."""

from __future__ import annotations

import fnmatch
import math
from typing import Any

from good import Good, GoodMany, ManySuite

from aicache.options import check_ttl


class StoresHalfABatch(GoodMany):
    async def set_many(self, entries: Any) -> None:
        for key, (value, ttl) in entries.items():
            await self.set(key, value, ttl=ttl)


class TestStoresHalfABatch(ManySuite):
    kind = StoresHalfABatch
    caught_by = "test_set_many_with_an_impossible_ttl_stores_nothing"


class GivesOneLifeToAll(GoodMany):
    async def set_many(self, entries: Any) -> None:
        lives = [check_ttl(ttl) for _, ttl in entries.values()]
        await super().set_many({key: (value, max(lives, key=bool)) for key, (value, _) in entries.items()})


class TestGivesOneLifeToAll(ManySuite):
    kind = GivesOneLifeToAll
    caught_by = "test_set_many_gives_each_its_own_life"


class FindsNoEmptyOnes(GoodMany):
    async def get_many(self, keys: Any) -> dict[str, bytes]:
        return {key: value for key, value in (await super().get_many(keys)).items() if value}


class TestFindsNoEmptyOnes(ManySuite):
    kind = FindsNoEmptyOnes
    caught_by = "test_get_many_finds_what_is_there"


class AnswersMissesWithNone(GoodMany):
    async def get_many(self, keys: Any) -> Any:
        return dict.fromkeys(keys) | await super().get_many(keys)


class TestAnswersMissesWithNone(ManySuite):
    kind = AnswersMissesWithNone
    caught_by = "test_get_many_finds_what_is_there"


class ShiftsReplies(GoodMany):
    """A miss takes no place among the replies, so the values slip to the keys before."""

    async def get_many(self, keys: Any) -> dict[str, bytes]:
        found = await super().get_many(keys)
        return dict(zip(dict.fromkeys(keys), found.values(), strict=False))


class TestShiftsReplies(ManySuite):
    kind = ShiftsReplies
    caught_by = "test_get_many_finds_what_is_there"


class StopsAtAThousand(GoodMany):
    async def get_many(self, keys: Any) -> dict[str, bytes]:
        return await super().get_many(keys[:1000])


class TestStopsAtAThousand(ManySuite):
    kind = StopsAtAThousand
    caught_by = "test_a_large_batch_is_whole"


class CountsWhatItWasAsked(GoodMany):
    async def delete_many(self, keys: Any) -> int:
        await super().delete_many(keys)
        return len(keys)


class TestCountsWhatItWasAsked(ManySuite):
    kind = CountsWhatItWasAsked
    caught_by = "test_delete_many_counts_what_was_there"


class CountsTwice(GoodMany):
    async def delete_many(self, keys: Any) -> int:
        there = await self.get_many(keys)
        await super().delete_many(keys)
        return sum(key in there for key in keys)


class TestCountsTwice(ManySuite):
    kind = CountsTwice
    caught_by = "test_delete_many_counts_a_key_once"


class TellsTheWholeLife(GoodMany):
    """The ttl that was given, not what is left of it."""

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        await super().set(key, value, ttl=ttl)
        self.given = {**getattr(self, "given", {}), key: ttl}

    async def get_with_ttl(self, keys: Any) -> dict[str, tuple[bytes, float | None]]:
        return {key: (value, self.given.get(key)) for key, (value, _) in (await super().get_with_ttl(keys)).items()}


class TestTellsTheWholeLife(ManySuite):
    kind = TellsTheWholeLife
    caught_by = "test_the_remaining_life_runs_down"


class TellsMilliseconds(GoodMany):
    async def get_with_ttl(self, keys: Any) -> dict[str, tuple[bytes, float | None]]:
        found = await super().get_with_ttl(keys)
        return {key: (value, None if left is None else left * 1000) for key, (value, left) in found.items()}

    async def get_many(self, keys: Any) -> dict[str, bytes]:
        return {key: value for key, (value, _) in (await GoodMany.get_with_ttl(self, keys)).items()}


class TestTellsMilliseconds(ManySuite):
    kind = TellsMilliseconds
    caught_by = "test_the_remaining_life_is_never_longer_than_was_given"


class TellsMinusOneForNoExpiry(GoodMany):
    async def get_with_ttl(self, keys: Any) -> dict[str, tuple[bytes, float | None]]:
        found = await super().get_with_ttl(keys)
        return {key: (value, -1 if left is None else left) for key, (value, left) in found.items()}


class TestTellsMinusOneForNoExpiry(ManySuite):
    kind = TellsMinusOneForNoExpiry
    caught_by = "test_no_expiry_is_a_life_of_none"


class TakesAPrefixForAPattern(GoodMany):
    async def scan(self, prefix: str = "") -> Any:
        for key in fnmatch.filter([key async for key in super().scan()], prefix + "*"):
            yield key


class TestTakesAPrefixForAPattern(ManySuite):
    kind = TakesAPrefixForAPattern
    caught_by = "test_a_prefix_is_text_and_no_pattern"


class ListsTheEnded(GoodMany):
    async def scan(self, prefix: str = "") -> Any:
        await self.get("is it open")
        for key in list(self.entries):
            if key.startswith(prefix):
                yield key


class TestListsTheEnded(ManySuite):
    kind = ListsTheEnded
    caught_by = "test_scan_lists_nothing_that_has_ended"


class ListsALiveDict(GoodMany):
    """Whoever changes the store while it is listed gets a RuntimeError."""

    async def scan(self, prefix: str = "") -> Any:
        await self.get("is it open")
        for key, (_, ends) in self.entries.items():
            if key.startswith(prefix) and self.clock() < ends:
                yield key


class TestListsALiveDict(ManySuite):
    kind = ListsALiveDict
    caught_by = "test_scan_bears_changes_meanwhile"


class ClearsTheHouse(GoodMany):
    async def clear(self) -> None:
        await self.get("is it open")
        self.stores.clear()


class TestClearsTheHouse(ManySuite):
    kind = ClearsTheHouse
    caught_by = "test_clear_spares_a_neighbour"


class ClearsWhatEnds(GoodMany):
    async def clear(self) -> None:
        await self.get("is it open")
        for key, (_, ends) in list(self.entries.items()):
            if ends == math.inf:
                await Good.delete(self, key)


class TestClearsWhatEnds(ManySuite):
    kind = ClearsWhatEnds
    caught_by = "test_clear_forgets_everything"
