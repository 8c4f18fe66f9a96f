"""A cluster: every verb finds its node, a slot that moves is followed, and a master may die."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
import redis.cluster

from aicache import AIResponseCache
from aicache.errors import (
    BackendBusyError,
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidArgumentError,
)
from aicache.testing.servers import RedisCluster
from aicache_redis import RedisBackend, SyncRedisBackend
from aicache_redis._names import slot_of

from .conftest import KEYS, WAIT, until_it_works, value

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to"
BOTH = pytest.mark.parametrize("kind", [RedisBackend, SyncRedisBackend])


@pytest.fixture
def url(redis_cluster):
    return redis_cluster.url


@pytest.fixture
def client(redis_cluster):
    """The library's own, as the judge."""
    with redis.cluster.RedisCluster(host="127.0.0.1", port=redis_cluster.nodes[0].port) as client:
        yield client


@pytest.fixture
def stored(client, redis_prefix):
    for key in KEYS:
        client.set(redis_prefix + key, value(key))


# -- every verb


async def test_a_batch_is_put_back_in_order_from_all_nodes(make, url, stored):
    backend = make(url=url)
    asked = [*KEYS[::-1], "absent", KEYS[5]]
    assert list((await backend.get_many(asked)).items()) == [(key, value(key)) for key in KEYS[::-1]]


async def test_more_than_goes_in_one_round_trip_is_put_together(make, url, client, redis_prefix):
    backend = make(url=url)
    keys = [f"many {number}" for number in range(5000)]
    await backend.set_many({key: (value(key), 60.0) for key in keys})
    assert await backend.get_many(keys) == {key: value(key) for key in keys}
    assert client.get(redis_prefix + keys[4321]) == value(keys[4321])
    assert await backend.delete_many(keys) == 5000


async def test_large_values_come_whole_from_each_node(make, url, client, redis_prefix):
    large = {key: key.encode() * 100_000 for key in KEYS[:6]}
    for key, data in large.items():
        client.set(redis_prefix + key, data)
    backend = make(url=url)
    assert await backend.get_many(list(large)) == large
    assert await backend.get(KEYS[0]) == large[KEYS[0]]


async def test_forgetting_counts_what_was_there_on_all_nodes(make, url, client, redis_prefix, stored):
    backend = make(url=url)
    assert await backend.delete_many([*KEYS[:50], "absent", KEYS[0]]) == 50
    assert client.exists(*(redis_prefix + key for key in KEYS)) == len(KEYS) - 50


async def test_a_scan_visits_all_masters_and_clear_leaves_nothing(make, url, client, redis_prefix, stored):
    backend = make(url=url)
    client.set("another" + redis_prefix, b"1")
    assert sorted(await backend.scan()) == sorted(KEYS)
    assert sorted(await backend.scan("k29")) == sorted(key for key in KEYS if key.startswith("k29"))
    await backend.clear()
    assert [key for key in KEYS if client.exists(redis_prefix + key)] == []
    assert client.get("another" + redis_prefix) == b"1"


async def test_tokens_locks_tags_and_the_feed_are_found_wherever_they_are(make, url, client, redis_prefix):
    one, other = make(url=url), make(url=url)
    begun = await other.follow(None, WAIT)
    leased = await one.lease(KEYS, seconds=30, holder="one", lock=30)
    assert all(found.holds for found in leased.values())
    assert not any(found.holds for found in (await other.lease(KEYS, seconds=30, holder="other", lock=9)).values())
    assert await one.renew(KEYS, holder="one", lock=30) == {*KEYS}
    await one.set("k7", b"newer")
    await one.delete("k8")
    filled = await one.fill({key: (value(key), None, found.token) for key, found in leased.items()}, holder="one")
    assert filled == {*KEYS} - {"k7", "k8"}
    assert client.get(redis_prefix + "k7") == b"newer"
    tags = [f"tag {number}" for number in range(50)]
    versions = await one.tag_versions(tags, create=True)
    assert await other.tag_versions(tags) == versions
    assert (await other.tag_ages(tags)).keys() == {*tags}
    await one.invalidate_tags(tags)
    assert await other.tag_versions(tags) == {}
    heard = await other.follow(begun.position, WAIT)
    assert (heard.keys, heard.tags, heard.is_whole) == (["k7", "k8"], tags, True)


async def test_a_deletion_whose_caller_is_cancelled_is_told_all_the_same(url, redis_prefix):
    """As it is to one server: otherwise other processes would keep what is gone."""
    options = {"prefix": redis_prefix, "timeout": 5.0}
    backend, follower = RedisBackend(url, **options), RedisBackend(url, **options)
    await backend.set("other", b"v")
    begun = await follower.follow(None, WAIT)
    for turns in range(6):
        deleting = asyncio.create_task(backend.delete(f"k{turns}"))
        for _ in range(turns + 1):
            await asyncio.sleep(0)
        deleting.cancel()
    heard, position, until = [], begun.position, time.monotonic() + 10
    while sorted(heard) != [f"k{turns}" for turns in range(6)]:
        assert time.monotonic() < until, heard
        said = await follower.follow(position, WAIT)
        heard, position = heard + said.keys, said.position
    await backend.aclose()
    await follower.aclose()


async def test_without_scripts_the_same_is_done_in_steps(make, url, redis_cluster, redis_prefix):
    rules = (
        "on >password ~* resetchannels -@all +getrange +get +set +unlink +pttl +pexpire +scan +xadd +xread +xrange "
        "+watch +multi +exec +unwatch +cluster|slots"
    )
    for node in redis_cluster.nodes:
        node.say("ACL", "SETUSER", "scriptless", *rules.split())
    backend = make(url=url.replace("://", "://scriptless:password@"))
    leased = await backend.lease(KEYS[:20], seconds=30)
    await backend.delete(KEYS[0])
    filled = await backend.fill({key: (value(key), None, found.token) for key, found in leased.items()})
    assert filled == {*KEYS[1:20]}


async def test_the_documents_user_can_do_it_all_in_a_cluster(make, url, redis_cluster, redis_prefix, half_moved):
    (line,) = re.findall(r"^ACL SETUSER .*$", (HOW_TO / "use-redis.md").read_text(encoding="utf-8"), re.MULTILINE)
    (more,) = re.findall(r"^in a cluster.*?(\+.*)$", (HOW_TO / "run-in-production.md").read_text("utf-8"), re.MULTILINE)
    words = f"{line} {more}".replace("~shop:*", f"~{redis_prefix}*").replace(" +select", "").split()
    for node in redis_cluster.nodes:
        node.say(*words)
    backend = make(url=url.replace("://", "://shop:password@"))
    await backend.set_many({key: (value(key), 60.0) for key in (*half_moved, "other")})
    assert await backend.get_many(half_moved) == {key: value(key) for key in half_moved}
    token = (await backend.lease(["k1"], seconds=9, holder="me", lock=9))["k1"].token
    assert await backend.fill({"k1": (b"v", None, token)}, holder="me") == {"k1"}
    begun = await backend.follow(None, WAIT)
    assert (await backend.follow(begun.position, WAIT)).is_whole
    await backend.invalidate_tags(["t"])
    await backend.info()
    await backend.clear()
    assert await backend.scan() == []


@BOTH
async def test_the_masters_are_counted(kind, make, url):
    info = await make(url=url).info()
    assert info["masters"] == 3
    assert info["connected_clients"] >= 3


async def test_a_prefix_with_a_hash_tag_keeps_all_in_one_slot(make, url, client, redis_prefix):
    backend = make(url=url, prefix="{" + redis_prefix + "}:")
    await backend.set_many({key: (value(key), 60.0) for key in KEYS[:20]})
    assert await backend.get_many(KEYS[:20]) == {key: value(key) for key in KEYS[:20]}
    names = [f"{{{redis_prefix}}}:{key}" for key in KEYS[:20]]
    assert client.mget(names) == [value(key) for key in KEYS[:20]]


@pytest.mark.parametrize("servers", ["redis_cluster", "redis_sentinel"])
async def test_answers_of_operations_are_kept_there_too(request, servers, redis_prefix):
    url = request.getfixturevalue(servers).url
    namespace = redis_prefix.strip(":").rpartition(":")[2][:32]
    async with AIResponseCache(url, namespace=namespace) as one, AIResponseCache(url, namespace=namespace) as other:
        assert await one.connect()
        for number in range(20):
            await one.cache_response("long" * 500 + str(number), "qa", {}, {"answer": number})
        found = [await other.get_cached_response("long" * 500 + str(number), "qa", {}) for number in range(20)]
        assert [answer["answer"] for answer in found] == list(range(20))
        assert await other.invalidate_by_operation("qa") == 20
        assert await one.get_cached_response("long" * 500 + "7", "qa", {}) is None


# -- what cannot work


@BOTH
def test_a_prefix_that_leaves_a_brace_open_is_refused(kind):
    with pytest.raises(InvalidArgumentError, match=r"prefix has a \{ without a \}"):
        kind("redis+cluster://localhost", prefix="shop{:")


def test_the_librarys_cluster_client_is_refused_with_the_cure(client):
    with pytest.raises(ConfigurationError, match=r"client is a RedisCluster.*url='redis\+cluster://"):
        SyncRedisBackend(client=client)


async def test_a_server_that_is_no_cluster_says_so(make, redis_server):
    with pytest.raises(BackendError, match="cluster support disabled"):
        await make(url=f"redis+cluster://127.0.0.1:{redis_server.port}").get("k")


async def test_any_node_will_do_to_begin_with_and_dead_ones_are_passed_over(make, redis_cluster, stored):
    replica = redis_cluster.nodes[-1].port
    backend = make(url=f"redis+cluster://127.0.0.1:1,127.0.0.1:{replica}")
    assert await backend.get("k1") == value("k1")


# -- slots that move


@pytest.fixture
def half_moved(redis_cluster, redis_prefix, client):
    """A key that has moved ahead of its slot, one that has not, and one that is not there: all in one slot."""
    keys = [f"{{moving}}{name}" for name in ("gone", "here", "absent")]
    slot = slot_of(b"moving")
    for key in keys[:2]:
        client.set(redis_prefix + key, value(key))
    source = redis_cluster.master_of(slot)
    target = next(node for node in redis_cluster.nodes[:3] if node is not source)
    ids = {node.port: node.say("CLUSTER", "MYID").decode() for node in (source, target)}
    target.say("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source.port])
    source.say("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[target.port])
    source.say("MIGRATE", "127.0.0.1", str(target.port), redis_prefix + keys[0], "0", "5000")
    yield keys
    for node in (source, target):
        node.say("CLUSTER", "SETSLOT", str(slot), "STABLE")
    for name in target.say("CLUSTER", "GETKEYSINSLOT", str(slot), "100"):
        target.say("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source.port])
        with redis.Redis(port=target.port) as plain:
            plain.execute_command("ASKING")
            plain.delete(name)
        target.say("CLUSTER", "SETSLOT", str(slot), "STABLE")


async def test_a_key_that_moved_ahead_of_its_slot_is_read_and_written_where_it_is(make, url, half_moved):
    gone, here, _absent = half_moved
    backend = make(url=url)
    assert [await backend.get(key) for key in half_moved] == [value(gone), value(here), None]
    assert await backend.get_many([*half_moved, "other"]) == {gone: value(gone), here: value(here)}
    await backend.set_many(dict.fromkeys(half_moved, (b"new", 60.0)))
    assert await backend.get_many(half_moved) == dict.fromkeys(half_moved, b"new")
    assert await backend.delete_many(half_moved) == 3
    assert await backend.get_many(half_moved) == {}


async def test_what_needs_several_keys_of_a_moving_slot_waits_for_it_and_no_longer_than_its_time(make, url, half_moved):
    backend = make(url=url, timeout=1.0)
    await backend.get("k1")
    began = time.monotonic()
    with pytest.raises(BackendBusyError, match="keys of a slot are being moved"):
        await backend.lease([half_moved[2]], seconds=5)
    assert time.monotonic() - began < 3


@pytest.fixture
def own_cluster():
    """One that a test may break."""
    with RedisCluster() as cluster:
        yield cluster


async def test_slots_that_move_during_load_cost_no_answer_and_no_error(make, load, own_cluster, redis_prefix):
    backend = make(url=own_cluster.url)
    # Its own keys are in the slots of those of the callers.
    mine = {key: f"{{{redis_prefix}{key}}}" for key in KEYS[:60]}
    await backend.set_many({name: (value(name), None) for name in mine.values()})
    with load(own_cluster.url, redis_prefix, KEYS, value) as callers:
        callers.goes_on()
        for key, name in mine.items():
            slot = slot_of((redis_prefix + key).encode())
            source = own_cluster.master_of(slot)
            target = next(node for node in own_cluster.nodes[:3] if node is not source)
            await asyncio.to_thread(own_cluster.move, slot, target)
            assert await backend.get(name) == value(name)  # this one has not heard of it
            await backend.set(name, b"new")
        callers.goes_on()
    assert callers.wrong == []
    assert await backend.get_many([*mine.values()]) == dict.fromkeys(mine.values(), b"new")


async def test_a_master_that_is_killed_during_load_costs_no_answer_and_its_slots_are_back_in_time(
    make, load, own_cluster, redis_prefix
):
    backend = make(url=own_cluster.url, timeout=2.0)
    mine = {f"own {key}": value(key) for key in KEYS}
    await backend.set_many({key: (found, None) for key, found in mine.items()})
    begun = await backend.follow(None, WAIT)
    feed = own_cluster.master_of(slot_of((redis_prefix + "\0f").encode()))
    with load(own_cluster.url, redis_prefix, KEYS, value) as callers:
        callers.goes_on()
        await asyncio.to_thread(feed.kill)
        await until_it_works(lambda: backend.set_many({key: (found, None) for key, found in mine.items()}))
        callers.goes_on()
    assert callers.wrong == []
    assert await backend.get_many([*mine]) == mine
    assert not (await backend.follow(begun.position, WAIT)).is_whole  # the replica may not have heard all
    await asyncio.to_thread(feed.start)
    assert await backend.get_many([*mine]) == mine


async def test_a_node_that_hangs_costs_its_time_once_and_is_not_held_against_the_others(
    make, own_cluster, redis_prefix
):
    backend = make(url=own_cluster.url, timeout=0.5)
    await backend.set_many({key: (value(key), None) for key in KEYS})
    hanging = own_cluster.nodes[1]
    here = [key for key in KEYS if own_cluster.master_of(slot_of((redis_prefix + key).encode())) is not hanging]
    hanging.pause()
    began = time.monotonic()
    with pytest.raises(BackendTimeoutError, match=f"127.0.0.1:{hanging.port}"):
        await backend.get_many(KEYS)
    assert time.monotonic() - began < 1.5
    assert await backend.get_many(here) == {key: value(key) for key in here}
    hanging.resume()
    assert await backend.get_many(KEYS) == {key: value(key) for key in KEYS}
