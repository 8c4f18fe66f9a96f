"""Tags over memory and a real server, as two processes would use them: two caches with a backend each."""

from __future__ import annotations

import asyncio
import time

import pytest

from aicache import Policy, Store, SyncTieredCache, Tier, TieredCache
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

from .conftest import Verbs

TEN_SECONDS_OLD = 30 * 86_400_000 - 10_000  # milliseconds that a version of that age has still to live


@pytest.fixture(params=["async", "sync"])
async def two(request, redis_url, redis_prefix):
    """Two caches over one server, each with memory of its own; `alone` ones have none."""
    made = []

    def build(*, alone=False, **options):
        if request.param == "async":
            tiers = [MemoryBackend(), RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)]
            cache = TieredCache(tiers[alone:], **options)
        else:
            tiers = [SyncMemoryBackend(), SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)]
            cache = SyncTieredCache(tiers[alone:], **options)
        made.append(Verbs(cache))
        return made[-1]

    yield build
    for cache in made:
        await cache.end()


async def gone_within(seconds, look):
    """Whether what `look` awaits becomes None in time."""
    until = time.monotonic() + seconds
    while (found := await look()) is not None and time.monotonic() < until:  # noqa: ASYNC110 another process is heard
        await asyncio.sleep(0.01)
    return found is None


async def test_what_has_an_invalidated_tag_is_gone_in_every_process(two):
    one, other = two(), two()
    await one.set("k", "value", tags=["user:1", "op:a"])
    await one.set("k2", "value", tags=["user:2"])
    await one.set("plain", "value")
    assert await other.get_many(["k", "k2", "plain"]) == dict.fromkeys(["k", "k2", "plain"], "value")
    await one.invalidate_tags("user:1", "unknown")
    assert await one.get("k") is None
    assert await two(alone=True).get("k") is None
    assert await gone_within(5, lambda: other.get("k"))
    for cache in (one, other):
        assert await cache.get("k2") == await cache.get("plain") == "value"


async def test_a_loaded_value_has_the_tags_of_policy_call_and_factory(two, raw, redis_prefix):
    one, other = two(policy=Policy(tags=("all",))), two(alone=True)
    await other.set("seen", 1, tags=["of factory"])
    raw.pexpire(f"{redis_prefix}\0gof factory", TEN_SECONDS_OLD)  # so it had a version before the load
    for number, tag in enumerate(["all", "of call", "of factory"]):
        key = f"k{number}"
        await one.get_or_set(key, lambda: Store("made", tags=["of factory"]), tags=["of call"])
        assert await other.get(key) == "made"
        assert (await one.lookup_or_set(key, lambda: "again", tags=["of call"])).value == "made"
        await other.invalidate_tags(tag)
        assert await other.get(key) is None
        assert await gone_within(5, lambda key=key: one.get(key))  # else the next load may have the tag as it was


async def test_a_tag_that_only_the_factory_names_needs_a_version_older_than_the_load(two, raw, redis_prefix):
    cache = two(alone=True)
    assert await cache.get_or_set("k", lambda: Store("made", tags=["late"])) == "made"
    assert await cache.get("k") is None  # the tag may have been invalidated during the load, for all that is known
    assert (await cache.stats()).skips["tags"] == 1
    raw.pexpire(f"{redis_prefix}\0glate", TEN_SECONDS_OLD)
    assert await cache.get_or_set("k", lambda: Store("again", tags=["late"])) == "again"
    assert await cache.get("k") == "again"
    await cache.invalidate_tags("late")
    assert await cache.get("k") is None


async def test_a_load_that_began_before_an_invalidation_of_its_tag_is_not_believed(two):
    cache, other = two(), two(alone=True)
    backend = other.backend

    def factory():
        if isinstance(backend, SyncTieredCache):
            backend.invalidate_tags("t")
            return "old"

        async def load():
            await backend.invalidate_tags("t")
            return "old"

        return load()

    assert await cache.get_or_set("k", factory, tags=["t"]) == "old"
    assert await other.get("k") is None
    assert await gone_within(5, lambda: cache.get("k"))


async def test_a_version_that_the_server_lost_makes_a_miss_and_never_an_old_value(two, raw, redis_prefix):
    cache = two(alone=True)
    await cache.set("k", "value", tags=["t"])
    raw.delete(f"{redis_prefix}\0gt")
    assert await cache.get("k") is None
    assert (await cache.lookup("k")).reason == "redis: invalidated"
    await cache.set("other", "value", tags=["t"])
    assert await cache.get("k") is None
    assert await cache.get("other") == "value"


async def test_tags_live_through_touch_and_expire(two):
    cache, other = two(policy=Policy(ttl=60, stale_if_error=60)), two(alone=True)
    await cache.set("k", "value", tags=["t"])
    assert await cache.touch("k", 120)
    await other.invalidate_tags("t")
    assert await other.get("k") is None


async def test_many_values_share_their_tags(two):
    cache, other = two(), two(alone=True)
    await cache.set_many({"a": 1, "b": 2}, tags=["t"])
    assert await cache.get_or_set_many(["a", "c"], lambda keys: dict.fromkeys(keys, 3), tags=["t"]) == {"a": 1, "c": 3}
    assert await other.get_many(["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    await other.invalidate_tags("t")
    assert await other.get_many(["a", "b", "c"]) == {}


async def test_an_invalidation_that_the_server_missed_is_made_up_for(two, raw):
    cache, other = two(alone=True), two(alone=True)
    await cache.set("k", "value", tags=["t"])
    raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    raw.config_set("maxmemory", 1)  # a full server refuses what tells of an invalidation
    try:
        await cache.invalidate_tags("t")
        assert await cache.get("k") is None
    finally:
        raw.config_set("maxmemory", 0)
    assert await cache.get("k") is None
    assert await other.get("k") is None


async def test_where_there_is_no_server_tags_are_of_this_process():
    async with TieredCache([Tier(backend=MemoryBackend())]) as cache:
        await cache.set("k", [1], tags=["t"])
        await cache.get_or_set("k2", lambda: Store("made", tags=["t"]))
        await cache.set("plain", 1)
        await cache.invalidate_tags("t")
        assert await cache.get_many(["k", "k2", "plain"]) == {"plain": 1}
