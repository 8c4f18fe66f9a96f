"""What must hold of a store that several processes share: leases, the feed, versions of tags, and reclaiming."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aicache.protocols import (
    SupportsClear,
    SupportsFeed,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
)
from aicache.testing._async.harness import Harness, check, opened, overrides

__all__ = ["FeedChecks", "LeaseChecks", "ReclaimChecks", "TagChecks"]

_LONG = 600.0
_WAIT = 0.02  # seconds that the feed waits for news


async def _token(backend: Any, key: str = "key", **options: Any) -> bytes:
    token: bytes = (await backend.lease([key], seconds=_LONG, **options))[key].token
    return token


class LeaseChecks(Harness):
    """`lease`, `fill`, `renew` and `release`."""

    @check(SupportsLeases)
    async def test_what_is_there_is_leased_with_its_life_and_no_token(self, backend: Any) -> None:
        await self.raw_set(backend, "ends", b"value", _LONG)
        await self.raw_set(backend, "stays", b"", None)
        leased = await backend.lease(["ends", "stays"], seconds=_LONG)
        assert (leased["ends"].value, leased["ends"].token) == (b"value", None)
        assert _LONG - 60 < leased["ends"].left <= _LONG
        assert (leased["stays"].value, leased["stays"].left) == (b"", None)

    @check(SupportsLeases)
    async def test_what_is_not_there_has_a_token_by_which_it_is_filled(self, backend: Any) -> None:
        leased = (await backend.lease(["key"], seconds=_LONG))["key"]
        assert leased.value is None
        assert leased.holds
        assert await backend.fill({"key": (b"loaded", None, leased.token)}) == {"key"}
        assert await self.raw_get(backend, "key") == b"loaded"

    @check(SupportsLeases)
    async def test_a_fill_gives_the_value_its_life(self, backend: Any) -> None:
        await backend.fill({"key": (b"loaded", self.short, await _token(backend))})
        await self.outlive(backend, self.short)
        assert await backend.get("key") is None

    @check(SupportsLeases)
    async def test_a_fill_of_many_stores_those_whose_token_stands(self, backend: Any) -> None:
        leased = await backend.lease(["a", "b"], seconds=_LONG)
        await backend.delete("b")
        entries = {key: (b"loaded", None, leased[key].token) for key in ("a", "b")}
        assert await backend.fill(entries) == {"a"}
        assert await backend.get("b") is None

    @check(SupportsLeases)
    async def test_those_who_load_at_once_share_the_token(self, backend: Any) -> None:
        token = await _token(backend)
        assert await _token(backend) == token
        assert await backend.fill({"key": (b"one", None, token)}) == {"key"}
        assert await backend.fill({"key": (b"other", None, token)}) == {"key"}

    @check(SupportsLeases)
    @pytest.mark.parametrize("token", [b"", b"\0" * 16, b"made up"])
    async def test_a_token_that_was_not_given_lets_nothing_in(self, backend: Any, token: bytes) -> None:
        assert await backend.fill({"key": (b"value", None, token)}) == set()
        await _token(backend)
        assert await backend.fill({"key": (b"value", None, token)}) == set()
        assert await self.raw_get(backend, "key") is None

    @check(SupportsLeases)
    async def test_a_delete_takes_the_token_away(self, backend: Any) -> None:
        older = await _token(backend)
        await backend.delete("key")
        assert await backend.fill({"key": (b"older", None, older)}) == set()
        newer = await _token(backend)
        assert await backend.fill({"key": (b"older", None, older)}) == set()
        assert await backend.fill({"key": (b"newer", None, newer)}) == {"key"}

    @check(SupportsLeases)
    async def test_a_set_takes_the_token_away(self, backend: Any) -> None:
        token = await _token(backend)
        await backend.set("key", b"set")
        assert await backend.fill({"key": (b"loaded", None, token)}) == set()
        assert await backend.get("key") == b"set"

    @check(SupportsLeases, SupportsMany)
    async def test_batches_take_the_tokens_away(self, backend: Any) -> None:
        leased = await backend.lease(["a", "b"], seconds=_LONG)
        await backend.set_many({"a": (b"set", None)})
        await backend.delete_many(["b"])
        entries = {key: (b"loaded", None, leased[key].token) for key in ("a", "b")}
        assert await backend.fill(entries) == set()
        assert await backend.get_many(["a", "b"]) == {"a": b"set"}

    @check(SupportsLeases, SupportsClear)
    async def test_clear_takes_the_tokens_away(self, backend: Any) -> None:
        token = await _token(backend)
        await backend.clear()
        assert await backend.fill({"key": (b"loaded", None, token)}) == set()
        assert await backend.get("key") is None

    @check(SupportsLeases, when=overrides("make_peer"))
    async def test_a_peer_takes_the_token_away(self, backend: Any) -> None:
        token = await _token(backend)
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.delete("key")
        assert await backend.fill({"key": (b"loaded", None, token)}) == set()

    @check(SupportsLeases)
    async def test_a_token_ends(self, backend: Any) -> None:
        token = (await backend.lease(["key"], seconds=self.short))["key"].token
        await self.outlive(backend, self.short)
        assert await backend.fill({"key": (b"loaded", None, token)}) == set()

    @check(SupportsLeases)
    async def test_what_is_to_be_renewed_has_a_token_though_it_is_there(self, backend: Any) -> None:
        await backend.set("key", b"old")
        token = await _token(backend, renewing=True)
        assert await backend.fill({"key": (b"new", None, token)}) == {"key"}
        assert await backend.get("key") == b"new"

    @check(SupportsLeases)
    async def test_one_holder_has_the_lock(self, backend: Any) -> None:
        told = [
            (await backend.lease(["key"], seconds=_LONG, holder=holder, lock=_LONG))["key"].holds
            for holder in ("one", "other", "one")
        ]
        assert told == [True, False, True]

    @check(SupportsLeases)
    async def test_who_has_not_the_lock_fills_nothing(self, backend: Any) -> None:
        token = await _token(backend, holder="one", lock=_LONG)
        assert await backend.fill({"key": (b"other's", None, token)}, holder="other") == set()
        assert await backend.fill({"key": (b"one's", None, token)}, holder="one") == {"key"}
        assert await backend.get("key") == b"one's"

    @check(SupportsLeases)
    async def test_a_fill_gives_the_lock_back(self, backend: Any) -> None:
        token = await _token(backend, holder="one", lock=_LONG)
        await backend.fill({"key": (b"value", None, token)}, holder="one")
        leased = await backend.lease(["key"], seconds=_LONG, holder="other", lock=_LONG, renewing=True)
        assert leased["key"].holds

    @check(SupportsLeases)
    async def test_only_its_holder_gives_a_lock_back(self, backend: Any) -> None:
        await _token(backend, holder="one", lock=_LONG)
        await backend.release(["key"], holder="other")
        assert await backend.renew(["key"], holder="one", lock=_LONG) == {"key"}
        await backend.release(["key"], holder="one")
        assert await backend.renew(["key"], holder="one", lock=_LONG) == set()

    @check(SupportsLeases)
    async def test_a_lock_ends_unless_it_is_renewed(self, backend: Any) -> None:
        await backend.lease(["dropped", "kept"], seconds=_LONG, holder="one", lock=self.short)
        assert await backend.renew(["kept"], holder="one", lock=_LONG) == {"kept"}
        await self.outlive(backend, self.short)
        leased = await backend.lease(["dropped", "kept"], seconds=_LONG, holder="other", lock=_LONG)
        assert (leased["dropped"].holds, leased["kept"].holds) == (True, False)

    @check(SupportsLeases, SupportsScan)
    async def test_tokens_and_locks_are_no_keys(self, backend: Any) -> None:
        await _token(backend, holder="one", lock=_LONG)
        assert [key async for key in backend.scan()] == []


class FeedChecks(Harness):
    """`follow`."""

    @check(SupportsFeed)
    async def test_the_beginning_is_not_whole_and_what_follows_is(self, backend: Any) -> None:
        begun = await backend.follow(None, _WAIT)
        assert not begun.is_whole
        heard = await backend.follow(begun.position, _WAIT)
        assert (heard.keys, heard.tags, heard.is_whole) == ([], [], True)

    @check(SupportsFeed, when=overrides("make_peer"))
    async def test_what_a_peer_changes_is_told_once(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.set("set", b"value")
            await peer.delete("deleted")
        heard = await backend.follow(position, _WAIT)
        assert (heard.keys, heard.is_whole) == (["set", "deleted"], True)
        assert (await backend.follow(heard.position, _WAIT)).keys == []

    @check(SupportsFeed, SupportsMany, when=overrides("make_peer"))
    async def test_batches_of_a_peer_are_told(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.set_many({"a": (b"", None), "b": (b"", None)})
            await peer.delete_many(["c", "d"])
        assert set((await backend.follow(position, _WAIT)).keys) == {"a", "b", "c", "d"}

    @check(SupportsFeed)
    async def test_what_it_does_itself_is_told_where_that_is_asked_for(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        await backend.set("key", b"value")
        assert (await backend.follow(position, _WAIT)).keys == []
        assert (await backend.follow(position, _WAIT, own=True)).keys == ["key"]

    @check(SupportsFeed, SupportsClear, when=overrides("make_peer"))
    async def test_after_a_clear_it_is_not_whole(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.clear()
        cleared = await backend.follow(position, _WAIT)
        assert not cleared.is_whole
        assert (await backend.follow(cleared.position, _WAIT)).is_whole

    @check(SupportsFeed, SupportsLeases, when=overrides("make_peer"))
    async def test_a_fill_is_not_told(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.fill({"key": (b"loaded", None, await _token(peer))})
        assert (await backend.follow(position, _WAIT)).keys == []

    @check(SupportsFeed, SupportsTags, when=overrides("make_peer"))
    async def test_tags_that_a_peer_invalidates_are_told(self, backend: Any) -> None:
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.invalidate_tags(["tag"])
        heard = await backend.follow(position, _WAIT)
        assert (heard.keys, heard.tags) == ([], ["tag"])

    @check(SupportsLeases, SupportsFeed, when=overrides("make_peer"))
    async def test_a_fill_by_a_holder_is_no_news_of_a_key(self, backend: Any) -> None:
        """Who waits may be told of it apart (`filled`); memory is not to drop what has just been loaded."""
        position = (await backend.follow(None, _WAIT)).position
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            token = await _token(peer, holder="one", lock=_LONG)
            assert await peer.fill({"key": (b"value", None, token)}, holder="one") == {"key"}
        heard = await backend.follow(position, _WAIT)
        assert (heard.keys, heard.tags, heard.is_whole) == ([], [], True)
        assert set(heard.filled) <= {"key"}


class TagChecks(Harness):
    """`tag_versions`, `tag_ages` and `invalidate_tags`."""

    @check(SupportsTags)
    async def test_a_tag_has_the_version_that_it_was_given(self, backend: Any) -> None:
        assert await backend.tag_versions(["a", "b"]) == {}
        created = await backend.tag_versions(["a"], create=True)
        assert created["a"]
        assert await backend.tag_versions(["a", "b"]) == created
        assert (await backend.tag_versions(["a", "b"], create=True))["a"] == created["a"]

    @check(SupportsTags)
    async def test_an_invalidated_tag_has_no_version_and_never_the_same_again(self, backend: Any) -> None:
        before = await backend.tag_versions(["gone", "stays"], create=True)
        await backend.invalidate_tags(["gone"])
        assert await backend.tag_versions(["gone", "stays"]) == {"stays": before["stays"]}
        assert (await backend.tag_versions(["gone"], create=True))["gone"] != before["gone"]

    @check(SupportsTags, when=overrides("make_peer"))
    async def test_peers_see_the_same_versions(self, backend: Any) -> None:
        created = await backend.tag_versions(["tag"], create=True)
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            assert await peer.tag_versions(["tag"], create=True) == created
            await peer.invalidate_tags(["tag"])
        assert await backend.tag_versions(["tag"]) == {}

    @check(SupportsTags)
    async def test_a_tag_is_as_old_as_its_version(self, backend: Any) -> None:
        begun = self._now()
        await backend.tag_versions(["old", "renewed"], create=True)
        await self.outlive(backend, self.short)
        await backend.invalidate_tags(["renewed"])
        later = self._now()
        await backend.tag_versions(["old", "renewed", "new"], create=True)
        ages = await backend.tag_ages(["old", "renewed", "new"])
        ended = self._now() + 2 * self.ttl_granularity
        assert self.short <= ages["old"] <= ended - begun
        assert 0 <= ages["renewed"] <= ended - later
        assert 0 <= ages["new"] <= ended - later

    @check(SupportsTags)
    async def test_a_tag_without_a_version_has_no_age(self, backend: Any) -> None:
        await backend.tag_versions(["gone", "stays"], create=True)
        await backend.invalidate_tags(["gone"])
        assert (await backend.tag_ages(["gone", "never", "stays"])).keys() == {"stays"}

    @check(SupportsTags, SupportsScan)
    async def test_versions_are_no_keys(self, backend: Any) -> None:
        await backend.tag_versions(["tag"], create=True)
        assert [key async for key in backend.scan()] == []

    def _now(self) -> float:
        return self.clock() if self.fake_time else time.monotonic()


class ReclaimChecks(Harness):
    """`reclaim`."""

    @check(SupportsReclaim)
    async def test_what_begins_with_a_prefix_is_reclaimed_and_counted(self, backend: Any) -> None:
        for key in ("a*:1", "a*:2", "ab:1", "b"):
            await backend.set(key, b"value")
        before = backend.reclaimed
        assert await backend.reclaim("a*:") == 2
        assert backend.reclaimed - before == 2
        assert [await backend.get(key) for key in ("a*:1", "a*:2", "ab:1", "b")] == [None, None, b"value", b"value"]
        assert await backend.reclaim() == 2
        assert await backend.get("b") is None

    @check(SupportsReclaim, SupportsTags)
    async def test_a_reclaim_takes_no_version_of_a_tag(self, backend: Any) -> None:
        created = await backend.tag_versions(["tag"], create=True)
        await backend.set("key", b"value")
        assert await backend.reclaim() == 1
        assert await backend.tag_versions(["tag"]) == created

    @check(SupportsReclaim, SupportsFeed, when=overrides("make_peer"))
    async def test_a_reclaim_is_not_told(self, backend: Any) -> None:
        async with AsyncExitStack() as stack:
            peer = await opened(stack, self.make_peer())
            await peer.set("key", b"value")
            position = (await backend.follow(None, _WAIT)).position
            assert await peer.reclaim("k") == 1
        heard = await backend.follow(position, _WAIT)
        assert (heard.keys, heard.is_whole) == ([], True)
