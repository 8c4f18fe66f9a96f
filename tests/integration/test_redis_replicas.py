"""Reads that replicas answer: where each verb goes, what is given up for it, and what happens when a replica fails."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from pathlib import Path

import pytest

from aicache import Policy, SyncTieredCache, TieredCache
from aicache.errors import BackendError
from aicache.testing.servers import RedisCluster, RedisSentinel
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, _replicas

from .conftest import KEYS, until_it_works, value

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to"
CLUSTER, SENTINEL = "redis_cluster", "redis_sentinel"
EACH = pytest.mark.parametrize("servers", [CLUSTER, SENTINEL], indirect=True)


class Servers:
    """A cluster, or a master that sentinels watch over, and who reads what there."""

    def __init__(self, group):
        self.url = group.url
        self.group = group

    @property
    def nodes(self):
        nodes = self.group.nodes if isinstance(self.group, RedisCluster) else self.group.servers
        return [node for node in nodes if node.is_running]

    def in_role(self, role):
        return [node for node in self.nodes if f"role:{role}".encode() in node.say("INFO", "replication")]

    @property
    def masters(self):
        return self.in_role("master")

    @property
    def replicas(self):
        return self.in_role("slave")

    def reset(self):
        for node in self.nodes:
            node.say("CONFIG", "RESETSTAT")

    def part(self, *, serve=True):
        """Have the replicas lose their masters, and not find them again."""
        for replica in self.replicas:
            replica.say("CONFIG", "SET", "replica-serve-stale-data", "yes" if serve else "no")
            replica.say("CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong")
            replica.say("CLIENT", "KILL", "TYPE", "master")

    def join(self):
        for replica in self.replicas:
            replica.say("CONFIG", "SET", "masteruser", "", "masterauth", "")


def calls(nodes, command="getrange"):
    """How often nodes were asked that."""
    lines = [line for node in nodes for line in node.say("INFO", "commandstats").decode().splitlines()]
    own = [line for line in lines if line.startswith(f"cmdstat_{command}:")]
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in own)


async def until(is_so):
    """Wait for it, for 20 seconds at most."""
    end = time.monotonic() + 20
    while True:
        so = is_so()
        if await so if inspect.isawaitable(so) else so:
            return
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.fixture
def servers(request):
    """Those of all tests."""
    return Servers(request.getfixturevalue(request.param))


@pytest.fixture(
    params=[RedisCluster, pytest.param(RedisSentinel, marks=pytest.mark.nightly)], ids=["cluster", "sentinel"]
)
def own(request):
    """Servers that a test may break."""
    with request.param() as group:
        yield Servers(group)


@pytest.fixture
def reading(make):
    """Makes backends that read replicas."""
    return lambda servers, **options: make(url=servers.url, read_from="prefer_replica", **options)


async def stored(backend, keys=KEYS):
    """Store what each key has, and wait until the replicas have it."""
    await backend.set_many({key: (value(key), 60.0) for key in keys})

    async def is_there():
        return await backend.get_many(keys) == {key: value(key) for key in keys}

    await until(is_there)


# -- who is asked


@EACH
async def test_values_are_read_at_replicas_and_all_else_is_done_by_masters(servers, reading, redis_prefix):
    backend = reading(servers)
    await stored(backend)
    assert backend.reads_replicas
    servers.reset()
    assert await backend.get("k1") == value("k1")
    assert await backend.get_many(KEYS) == {key: value(key) for key in KEYS}
    found = await backend.get_with_ttl(KEYS)
    assert {key: data for key, (data, _) in found.items()} == {key: value(key) for key in KEYS}
    assert all(50 < left <= 60 for _, left in found.values())
    assert await backend.get("absent") is None
    assert calls(servers.masters) == 0
    assert calls(servers.replicas) == 2 * len(KEYS) + 2
    servers.reset()
    assert (await backend.get_with_ttl(["k2"], from_master=True))["k2"][0] == value("k2")
    assert (await backend.lease(["k3"], seconds=5))["k3"].value == value("k3")
    token = (await backend.lease(["k new"], seconds=5))["k new"].token
    assert await backend.fill({"k new": (b"new", 60.0, token)}) == {"k new"}
    versions = await backend.tag_versions(["t"], create=True)
    assert await backend.tag_versions(["t"]) == versions
    await backend.tag_ages(["t"])
    assert await backend.delete("k4")
    assert (await backend.get_with_ttl(["k4"], from_master=True)) == {}
    assert {*KEYS} - {*await backend.scan()} == {"k4"}
    assert (await backend.info())["connected_clients"]
    for command in ("getrange", "get", "evalsha", "eval", "pttl", "scan", "xread"):
        assert calls(servers.replicas, command) == 0, command


@EACH
async def test_a_large_value_comes_whole_from_a_replica(servers, reading):
    backend = reading(servers)
    large = {key: key.encode() * 100_000 for key in KEYS[:4]}
    await backend.set_many({key: (data, 60.0) for key, data in large.items()})

    async def is_there():
        return await backend.get_many(list(large)) == large

    await until(is_there)
    servers.reset()
    assert await backend.get("k1") == large["k1"]
    assert {key: data for key, (data, _) in (await backend.get_with_ttl(list(large))).items()} == large
    assert calls(servers.masters) == 0


async def test_where_there_is_no_replica_masters_are_read(make):
    with RedisCluster(replicas=False) as cluster:
        backend = make(url=cluster.url, read_from="prefer_replica")
        await backend.set_many({key: (value(key), None) for key in KEYS})
        assert await backend.get_many(KEYS) == {key: value(key) for key in KEYS}
        assert await backend.get("k1") == value("k1")


async def test_a_node_that_is_no_cluster_and_a_name_that_no_sentinel_knows_are_errors(make, servers_of_one):
    for url, says in servers_of_one:
        with pytest.raises(Exception, match=says):
            await make(url=url, read_from="prefer_replica").get("k")


@pytest.fixture
def servers_of_one(redis_server, redis_sentinel):
    """Where no replica can be looked for, and what is said."""
    return [
        (f"redis+cluster://127.0.0.1:{redis_server.port}", "cluster support disabled"),
        (redis_sentinel.url.replace("/main/", "/other/"), "does not know 'other'"),
    ]


def granted(document, of):
    """The commands that a document gives to somebody."""
    (found,) = re.findall(rf"^{of}.*?(\+.*)$", (HOW_TO / document).read_text(encoding="utf-8"), re.MULTILINE)
    return found


async def test_the_documents_users_can_read_replicas_of_a_cluster(make, redis_cluster, redis_prefix):
    words = [granted("use-redis.md", "ACL SETUSER"), granted("run-in-production.md", "in a cluster")]
    rules = " ".join([*words, granted("run-in-production.md", "to read replicas, in a cluster")])
    for node in redis_cluster.nodes:
        node.say("ACL", "SETUSER", "reader", "on", ">password", f"~{redis_prefix}*", "-@all", *rules.split())
    url = redis_cluster.url.replace("://", "://reader:password@")
    backend = make(url=url, read_from="prefer_replica")
    await stored(backend)
    assert await backend.get("k1") == value("k1")
    for node in redis_cluster.nodes:
        node.say("ACL", "SETUSER", "reader", "-readonly")
    with pytest.raises(BackendError, match=r"NoPermission|NOPERM"):
        await make(url=url, read_from="prefer_replica").get("k1")


async def test_the_documents_users_can_find_the_replicas_that_sentinels_know(make, redis_sentinel):
    rules = [granted("run-in-production.md", "with sentinels, on the sentinels")]
    rules.append(granted("run-in-production.md", "to read replicas, on the sentinels"))
    for sentinel in redis_sentinel.sentinels:
        sentinel.say("ACL", "SETUSER", "finder", "on", ">s3cret", "-@all", *" ".join(rules).split())
    url = f"{redis_sentinel.url}?sentinel_username=finder&sentinel_password=s3cret"
    backend = make(url=url, read_from="prefer_replica")
    await stored(backend)
    assert await backend.get("k1") == value("k1")


# -- what is given up, and what is not


def cache_over(backend, *, with_memory):
    """A cache of the flavour of a backend, and its verbs."""
    is_async = isinstance(backend.backend, RedisBackend)
    memory = [MemoryBackend() if is_async else SyncMemoryBackend()] if with_memory else []
    kind = TieredCache if is_async else SyncTieredCache
    return type(backend)(kind([*memory, backend.backend], policy=Policy(ttl=60)))


async def test_a_replica_that_is_behind_gives_what_was_and_memory_does_not_keep_it(own, make, reading):
    patient = {"timeout": 5.0}  # or a busy machine has the master answer for a replica
    cache = cache_over(reading(own, **patient), with_memory=True)
    alone = cache_over(reading(own, **patient), with_memory=False)
    other = cache_over(make(url=own.url), with_memory=False)  # another process
    await other.set("k", "old")
    await other.set("tagged", "old", tags=["t"])
    await until(lambda: read(cache.get("k"), "old"))
    await until(lambda: read(cache.get("tagged"), "old"))
    own.part()
    await other.set("k", "new")
    await other.set("fresh", "new")
    await other.invalidate_tags("t")
    # Given up: a plain read may get what was, however often, and so may a load where nothing stands above.
    assert await cache.get("k") == "old"
    assert (await cache.lookup("k")).tier == "redis"
    assert await cache.get_many(["k"]) == {"k": "old"}
    assert await alone.get_or_set("k", lambda: "made") == "old"
    # Not given up: tags, what memory keeps, loads that are not needed.
    assert await cache.get("tagged") is None
    assert await alone.get("tagged") is None
    assert await alone.get_or_set("fresh", lambda: "made") == "new"
    assert await cache.get_or_set("k", lambda: "made") == "new"
    assert (await cache.lookup("k")).tier == "memory"
    assert (await cache.check()).ok
    assert (await alone.check()).ok
    own.join()
    await until(lambda: read(alone.get("k"), "new"))
    for made in (cache, alone, other):
        await made.end()


async def read(found, expected):
    return await found == expected


async def test_a_replica_without_a_master_that_says_so_is_not_read(own, make, reading):
    backend, master = reading(own), make(url=own.url)
    await stored(backend, KEYS[:30])
    own.part(serve=False)
    await master.set_many(dict.fromkeys(KEYS[:30], (b"new", 60.0)))
    assert await backend.get_many(KEYS[:30]) == dict.fromkeys(KEYS[:30], b"new")
    assert await backend.get("k1") == b"new"
    assert calls(own.masters) > 0


@pytest.mark.nightly  # the sentinels ask a server how it is every ten seconds
async def test_a_replica_whose_link_sentinels_find_down_is_not_read_any_more(make, reading, monkeypatch):
    monkeypatch.setattr(_replicas, "WHILE", 0.5)
    with RedisSentinel() as group:
        servers = Servers(group)
        backend, master = reading(servers), make(url=servers.url)
        await stored(backend, ["k"])
        servers.part()
        await master.set("k", b"new")
        assert await backend.get("k") == value("k")
        await until(lambda: read(backend.get("k"), b"new"))


# -- what fails


async def test_replicas_that_are_killed_cost_no_error_and_are_read_again_when_they_are_back(own, reading, monkeypatch):
    monkeypatch.setattr(_replicas, "WHILE", 0.5)
    backend = reading(own)
    await stored(backend)
    replicas = own.replicas
    expected = {key: value(key) for key in KEYS}
    killing = asyncio.create_task(asyncio.to_thread(lambda: [replica.kill() for replica in replicas]))
    while not killing.done():
        assert await backend.get_many(KEYS) == expected
        assert await backend.get("k1") == value("k1")
        await asyncio.sleep(0)
    for _ in range(20):
        assert await backend.get_many(KEYS) == expected
        assert await backend.get("k1") == value("k1")
    assert calls(own.masters) > 0
    for replica in replicas:
        await asyncio.to_thread(replica.start)

    async def are_read():
        assert await backend.get_many(KEYS) == expected
        return calls(own.replicas) > 0

    await until(are_read)


@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.nightly)])
async def test_a_replica_that_hangs_costs_half_of_one_call_and_is_left_alone(own, reading, many):
    backend = reading(own, timeout=2.0)
    await stored(backend)
    assert await backend.get("k1") == value("k1")
    replicas = own.replicas
    for replica in replicas:
        replica.pause()
    began = time.monotonic()
    if many:
        assert await backend.get_many(KEYS) == {key: value(key) for key in KEYS}
    else:  # at once, where that can be: what one call finds out the others must not hold against the master
        keys = ["k1"] * 20
        assert await asyncio.gather(*map(backend.get, keys)) == [value(key) for key in keys]
    assert 0.9 < time.monotonic() - began < 2.0
    began = time.monotonic()
    for key in KEYS[:50] if many else ["k1"] * 50:
        assert await backend.get(key) == value(key)
    assert time.monotonic() - began < 0.9
    for replica in replicas:
        replica.resume()


@pytest.mark.parametrize("doomed", [pytest.param("masters", marks=pytest.mark.nightly), "replicas"])
async def test_servers_that_are_killed_during_load_cost_no_answer(own, load, make, doomed, redis_prefix):
    backend = make(url=own.url, timeout=2.0)
    with load(own.url, redis_prefix, KEYS, value, read_from="prefer_replica") as callers:
        callers.goes_on()
        await asyncio.to_thread(getattr(own, doomed)[0].kill)
        await until_it_works(lambda: backend.set_many({f"own {key}": (b"v", None) for key in KEYS}))
        callers.goes_on()
    assert callers.wrong == []
