"""What a faulty backend makes of leases, of the feed and of tags."""

from __future__ import annotations

from typing import Any

import pytest

from aicache import TieredCache
from aicache.errors import BackendError
from aicache.protocols import ReadsReplicas, SupportsFeed, SupportsLeases, SupportsReclaim, SupportsTags, supports
from aicache.testing import FakeClock, FaultyBackend, SharedStore
from aicache.testing.faults import AnswerOf, Fail, FlipBit, Lose, Stale, Truncate
from aicache_memory import MemoryBackend

DOWN = BackendError("down")


def only(wanted: str, fault: Any) -> Any:
    """A plan with one fault for every call of one verb."""
    return lambda verb, key, number: fault if verb == wanted else None


@pytest.fixture
def store() -> SharedStore:
    return SharedStore(clock=FakeClock())


async def token_of(store: SharedStore, key: str) -> bytes:
    token = (await store.lease([key], seconds=9, renewing=True))[key].token
    assert token is not None
    return token


def test_it_can_do_what_its_inside_can(store):
    shared = (SupportsFeed, SupportsLeases, SupportsReclaim, SupportsTags)
    assert all(supports(FaultyBackend(store), capability) for capability in shared)
    assert not any(supports(FaultyBackend(MemoryBackend()), capability) for capability in shared)
    assert not supports(FaultyBackend(store), ReadsReplicas)


@pytest.mark.parametrize("lags", [True, False])
async def test_reads_of_replicas_are_those_of_its_inside(lags):
    class Replicated(SharedStore):
        reads_replicas = lags
        asked: bool | None = None

        async def get_with_ttl(self, keys: Any, *, from_master: bool = False) -> Any:
            self.asked = from_master
            return await super().get_with_ttl(keys)

    inner = Replicated(clock=FakeClock())
    backend = FaultyBackend(inner)
    assert supports(backend, ReadsReplicas)
    assert backend.reads_replicas is lags
    await backend.get_with_ttl(["key"], from_master=True)
    assert inner.asked is True
    await backend.get_with_ttl(["key"])
    assert inner.asked is False


@pytest.mark.parametrize(
    ("fault", "read"),
    [(FlipBit(), b"`bc"), (Truncate(1), b"a"), (AnswerOf("other"), b"of the other"), (Stale(), b"abc"), (None, b"abc")],
    ids=str,
)
@pytest.mark.parametrize("renewing", [False, True])
async def test_what_a_lease_reads(store, fault, read, renewing):
    await store.set("key", b"abc", ttl=5)
    await store.set("other", b"of the other")
    leased = (await FaultyBackend(store, [fault]).lease(["key"], seconds=9, renewing=renewing))["key"]
    assert (leased.value, leased.left) == (read, 5)
    assert (leased.token is not None) is renewing


@pytest.mark.parametrize("fault", [Lose(), AnswerOf("missing")], ids=str)
async def test_a_value_that_a_lease_does_not_see_may_be_filled_again(store, fault):
    await store.set("key", b"abc", ttl=5)
    backend = FaultyBackend(store, only("lease", fault))
    leased = (await backend.lease(["key"], seconds=9))["key"]
    assert (leased.value, leased.left) == (None, None)
    assert leased.token is not None
    assert await backend.fill({"key": (b"new", None, leased.token)}) == {"key"}
    assert await store.get("key") == b"new"


@pytest.mark.parametrize(
    ("fault", "stored"), [(FlipBit(8), b"acc"), (Truncate(1), b"a"), (Lose(), None), (None, b"abc")], ids=str
)
async def test_what_a_fill_leaves(store, fault, stored):
    filled = {"key": (b"abc", None, await token_of(store, "key"))}
    assert await FaultyBackend(store, [fault]).fill(filled) == {"key"}
    assert await store.get("key") == stored


async def test_a_fill_with_the_wrong_token_is_not_told_as_stored(store):
    await token_of(store, "key")
    assert await FaultyBackend(store).fill({"key": (b"abc", None, b"of another")}) == set()


@pytest.mark.parametrize("fault", [Lose(), None], ids=str)
async def test_a_lock_that_is_only_said_to_be_renewed_ends(fault):
    clock = FakeClock()
    store = SharedStore(clock=clock)
    await store.lease(["key"], seconds=99, holder="me", lock=1)
    assert await FaultyBackend(store, [fault]).renew(["key"], holder="me", lock=10) == {"key"}
    clock.advance(5)
    assert (await store.lease(["key"], seconds=99, holder="you", lock=1))["key"].holds is (fault is not None)


@pytest.mark.parametrize("fault", [Lose(), None], ids=str)
async def test_a_lock_that_is_only_said_to_be_given_back_is_kept(store, fault):
    await store.lease(["key"], seconds=99, holder="me", lock=50)
    await FaultyBackend(store, [fault]).release(["key"], holder="me")
    assert (await store.lease(["key"], seconds=99, holder="you", lock=1))["key"].holds is (fault is None)


@pytest.mark.parametrize("fault", [Lose(), None], ids=str)
async def test_which_keys_are_leased(store, fault):
    await token_of(store, "a:1")
    await token_of(store, "b:1")
    found = [key async for key in FaultyBackend(store, [fault]).leased("a")]
    assert found == ([] if fault else ["a:1"])


@pytest.mark.parametrize("fault", [Lose(), None], ids=str)
async def test_notices_that_are_lost_are_not_told_again(store, fault):
    backend, other = FaultyBackend(store, [None, fault, None]), store.peer()
    begun = await backend.follow(None, 0)
    await other.set("key", b"value")
    await other.invalidate_tags(["tag"])
    heard = await backend.follow(begun.position, 0)
    assert (list(heard.keys), list(heard.tags)) == (([], []) if fault else (["key"], ["tag"]))
    assert heard.is_whole
    assert (await backend.follow(heard.position, 0)).keys == []


async def test_faults_of_tags_are_planned_by_tag(store):
    made = await store.tag_versions(["lost", "wrong", "right"], create=True)
    faults = {"lost": Lose(), "wrong": FlipBit()}
    backend = FaultyBackend(store, lambda verb, key, number: faults.get(key))
    versions = await backend.tag_versions(["lost", "wrong", "right"])
    assert versions.keys() == {"wrong", "right"}
    assert versions["right"] == made["right"]
    assert versions["wrong"] != made["wrong"]
    assert (await backend.tag_ages(["lost", "right"])).keys() == {"right"}
    await backend.invalidate_tags(["lost", "right"])
    assert (await store.tag_versions(["lost", "right"])).keys() == {"lost"}


@pytest.mark.parametrize("fault", [Lose(), None], ids=str)
async def test_what_is_reclaimed(store, fault):
    await store.set("key", b"value")
    backend = FaultyBackend(store, [fault])
    assert await backend.reclaim("k") == (0 if fault else 1)
    assert backend.reclaimed == store.reclaimed
    assert (await store.get("key") is None) is (fault is None)


CALLS: dict[str, Any] = {
    "lease": lambda it: it.lease(["key"], seconds=1),
    "fill": lambda it: it.fill({"key": (b"value", None, b"token")}),
    "renew": lambda it: it.renew(["key"], holder="me", lock=1),
    "release": lambda it: it.release(["key"], holder="me"),
    "follow": lambda it: it.follow(None, 0),
    "tag_versions": lambda it: it.tag_versions(["tag"]),
    "tag_ages": lambda it: it.tag_ages(["tag"]),
    "invalidate_tags": lambda it: it.invalidate_tags(["tag"]),
    "reclaim": lambda it: it.reclaim(),
}


@pytest.mark.parametrize("verb", CALLS)
@pytest.mark.parametrize("after", [False, True])
async def test_every_verb_can_fail(store, verb, after):
    backend = FaultyBackend(store, [Fail(DOWN, after=after)])
    with pytest.raises(BackendError, match="down"):
        await CALLS[verb](backend)
    assert backend.faults == {"Fail": 1}
    assert backend.calls == {verb: 1}


async def test_a_cache_over_it_keeps_its_promises_when_leases_fail(store):
    backend = FaultyBackend(store, only("lease", Fail(DOWN)))
    async with TieredCache([backend]) as cache:
        assert await cache.get_or_set("key", lambda: "made") == "made"
    assert backend.faults["Fail"] == 1
