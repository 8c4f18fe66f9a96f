"""Stores that several processes share, each with one bug in its leases."""

from __future__ import annotations

from typing import Any

from good import SharedSuite

from aicache.testing import SharedStore


class ForgetsLives(SharedStore):
    """Its leases do not say how long the value lives."""

    async def lease(self, keys: Any, **options: Any) -> Any:
        return {key: said._replace(left=None) for key, said in (await super().lease(keys, **options)).items()}


class TestForgetsLives(SharedSuite):
    kind = ForgetsLives
    caught_by = "test_what_is_there_is_leased_with_its_life_and_no_token"


class FillsNothing(SharedStore):
    """It says that it stores, and does not."""

    async def fill(self, entries: Any, **options: Any) -> Any:
        return set(entries)


class TestFillsNothing(SharedSuite):
    kind = FillsNothing
    caught_by = "test_what_is_not_there_has_a_token_by_which_it_is_filled"


class FillsForEver(SharedStore):
    async def fill(self, entries: Any, **options: Any) -> Any:
        return await super().fill({key: (value, None, token) for key, (value, _, token) in entries.items()}, **options)


class TestFillsForEver(SharedSuite):
    kind = FillsForEver
    caught_by = "test_a_fill_gives_the_value_its_life"


class FillsAllOrNone(SharedStore):
    async def fill(self, entries: Any, **options: Any) -> Any:
        stored = await super().fill(entries, **options)
        return set(entries) if stored else set()


class TestFillsAllOrNone(SharedSuite):
    kind = FillsAllOrNone
    caught_by = "test_a_fill_of_many_stores_those_whose_token_stands"


class GivesEachTheirOwn(SharedStore):
    """The second of two who load takes the token of the first away."""

    async def lease(self, keys: Any, **options: Any) -> Any:
        self.shelf.lose_tokens()
        return await super().lease(keys, **options)


class TestGivesEachTheirOwn(SharedSuite):
    kind = GivesEachTheirOwn
    caught_by = "test_those_who_load_at_once_share_the_token"


class AsksForNoToken(SharedStore):
    async def fill(self, entries: Any, **options: Any) -> Any:
        await self.set_many({key: (value, ttl) for key, (value, ttl, _) in entries.items()})
        return set(entries)


class TestAsksForNoToken(SharedSuite):
    kind = AsksForNoToken
    caught_by = "test_a_token_that_was_not_given_lets_nothing_in"


class CountsTokens(SharedStore):
    """Its tokens are the same again after an invalidation (ABA)."""

    async def lease(self, keys: Any, **options: Any) -> Any:
        leased = await super().lease(keys, **options)
        for key in keys:
            if leased[key].token is not None:
                self.shelf._tokens[key] = b"1", self.shelf._tokens[key][1]
        return {key: said._replace(token=said.token and b"1") for key, said in leased.items()}


class TestCountsTokens(SharedSuite):
    kind = CountsTokens
    caught_by = "test_a_delete_takes_the_token_away"


class SetsBesideTokens(SharedStore):
    async def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        tokens = dict(self.shelf._tokens)
        await super().set(key, value, ttl=ttl)
        self.shelf._tokens |= tokens


class TestSetsBesideTokens(SharedSuite):
    kind = SetsBesideTokens
    caught_by = "test_a_set_takes_the_token_away"


class BatchesBesideTokens(SharedStore):
    async def delete_many(self, keys: Any) -> int:
        tokens = dict(self.shelf._tokens)
        removed = await super().delete_many(keys)
        self.shelf._tokens |= tokens
        return removed


class TestBatchesBesideTokens(SharedSuite):
    kind = BatchesBesideTokens
    caught_by = "test_batches_take_the_tokens_away"


class ClearsValuesAlone(SharedStore):
    async def clear(self) -> None:
        tokens = dict(self.shelf._tokens)
        await super().clear()
        self.shelf._tokens |= tokens


class TestClearsValuesAlone(SharedSuite):
    kind = ClearsValuesAlone
    caught_by = "test_clear_takes_the_tokens_away"


class KeepsTokensAtHome(SharedStore):
    """Each process knows of its own tokens alone."""

    async def lease(self, keys: Any, **options: Any) -> Any:
        leased = await super().lease(keys, **options)
        self.mine = {key: said.token for key, said in leased.items()}
        return leased

    async def fill(self, entries: Any, **options: Any) -> Any:
        stored = {key for key, (_, _, token) in entries.items() if self.mine.get(key) == token}
        await self.set_many({key: entries[key][:2] for key in stored})
        return stored


class TestKeepsTokensAtHome(SharedSuite):
    kind = KeepsTokensAtHome
    caught_by = "test_a_peer_takes_the_token_away"


class KeepsTokensForEver(SharedStore):
    async def lease(self, keys: Any, *, seconds: float, **options: Any) -> Any:
        return await super().lease(keys, seconds=1e9, **options)


class TestKeepsTokensForEver(SharedSuite):
    kind = KeepsTokensForEver
    caught_by = "test_a_token_ends"


class RenewsNothing(SharedStore):
    async def lease(self, keys: Any, *, renewing: bool = False, **options: Any) -> Any:
        return await super().lease(keys, **options)


class TestRenewsNothing(SharedSuite):
    kind = RenewsNothing
    caught_by = "test_what_is_to_be_renewed_has_a_token_though_it_is_there"


class LocksForAll(SharedStore):
    async def lease(self, keys: Any, **options: Any) -> Any:
        return {key: said._replace(holds=True) for key, said in (await super().lease(keys, **options)).items()}


class TestLocksForAll(SharedSuite):
    kind = LocksForAll
    caught_by = "test_one_holder_has_the_lock"


class FillsWithoutTheLock(SharedStore):
    async def fill(self, entries: Any, *, holder: str | None = None) -> Any:
        return await super().fill(entries)


class TestFillsWithoutTheLock(SharedSuite):
    kind = FillsWithoutTheLock
    caught_by = "test_who_has_not_the_lock_fills_nothing"


class KeepsTheLock(SharedStore):
    async def fill(self, entries: Any, **options: Any) -> Any:
        locks = dict(self.shelf._locks)
        stored = await super().fill(entries, **options)
        self.shelf._locks |= locks
        return stored


class TestKeepsTheLock(SharedSuite):
    kind = KeepsTheLock
    caught_by = "test_a_fill_gives_the_lock_back"


class ReleasesForAnybody(SharedStore):
    async def release(self, keys: Any, *, holder: str) -> None:
        for key in keys:
            self.shelf._locks.pop(key, None)


class TestReleasesForAnybody(SharedSuite):
    kind = ReleasesForAnybody
    caught_by = "test_only_its_holder_gives_a_lock_back"


class LocksForEver(SharedStore):
    async def lease(self, keys: Any, *, lock: float = 0.0, **options: Any) -> Any:
        return await super().lease(keys, lock=1e9, **options)


class TestLocksForEver(SharedSuite):
    kind = LocksForEver
    caught_by = "test_a_lock_ends_unless_it_is_renewed"


class ListsTokens(SharedStore):
    async def scan(self, prefix: str = "") -> Any:
        for key in [*self.shelf.listed(), *self.shelf._tokens]:
            if key.startswith(prefix):
                yield key


class TestListsTokens(SharedSuite):
    kind = ListsTokens
    caught_by = "test_tokens_and_locks_are_no_keys"
