"""A master that sentinels watch over: it is found, and when another takes its place, so is that one."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import time
from pathlib import Path

import pytest

from aicache.errors import BackendError, BackendUnavailableError
from aicache.testing.servers import RedisSentinel, RedisServer

from .conftest import KEYS, WAIT, until_it_works, value


def words(of):
    """The commands that the document gives to somebody."""
    text = (Path(__file__).resolve().parents[2] / "docs/how-to/run-in-production.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith(of)]
    return line.partition(":")[2].split()


@pytest.fixture
def watched():
    """Servers that a test may break."""
    with RedisSentinel() as servers:
        yield servers


async def test_a_master_that_is_killed_during_load_costs_no_answer_and_is_replaced_in_time(
    make, load, watched, redis_prefix
):
    backend = make(url=watched.url, timeout=2.0)
    mine = {f"own {key}": value(key) for key in KEYS}
    await backend.set_many({key: (found, None) for key, found in mine.items()})
    begun = await backend.follow(None, WAIT)
    assert (await backend.follow(begun.position, WAIT)).is_whole
    master = watched.master()
    with load(watched.url, redis_prefix, KEYS, value) as callers:
        callers.goes_on()
        await asyncio.to_thread(master.kill)
        await until_it_works(lambda: backend.set("own k1", value("k1")))
        other = next(server for server in watched.servers if server is not master)
        assert other.say("GET", redis_prefix + "own k1") == value("k1")
        callers.goes_on()
    assert callers.wrong == []
    assert await backend.get_many([*mine]) == mine
    assert not (await backend.follow(begun.position, WAIT)).is_whole  # the replica may not have heard all


@pytest.mark.nightly  # the sentinels take ten seconds to turn the old master round
async def test_a_planned_failover_is_followed(make, watched, redis_prefix):
    backend = make(url=watched.url)
    await backend.set("k", b"before")
    master = watched.master()
    watched.sentinels[0].say("SENTINEL", "FAILOVER", watched.name)
    until = time.monotonic() + 20
    while b"role:master" in master.say("INFO", "replication"):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    await until_it_works(lambda: backend.set("k", b"after"))
    assert await backend.get("k") == b"after"
    assert watched.master().say("GET", redis_prefix + "k") == b"after"


async def test_dead_sentinels_are_passed_over(make, redis_sentinel):
    hosts = ",".join(["127.0.0.1:1", *(f"127.0.0.1:{one.port}" for one in redis_sentinel.sentinels)])
    backend = make(url=f"redis+sentinel://{hosts}/{redis_sentinel.name}/0")
    await backend.set("k", b"v")
    assert await backend.get("k") == b"v"


async def test_a_database_and_credentials_go_to_the_server_and_others_to_the_sentinels(make, redis_prefix):
    allowed = [*words("with sentinels, on the servers"), "+getrange", "+set", "+unlink", "+xadd", "+select"]
    with RedisSentinel() as servers:
        for sentinel in servers.sentinels:
            sentinel.say(
                "ACL", "SETUSER", "watcher", "on", ">s3cret", "-@all", *words("with sentinels, on the sentinels")
            )
        for server in servers.servers:
            server.say("ACL", "SETUSER", "shop", "on", ">password", "~*", "-@all", *allowed)
        url = servers.url.replace("://", "://shop:password@").removesuffix("0")
        options = "?sentinel_username=watcher&sentinel_password=s3cret"
        backend = make(url=f"{url}3{options}")
        await backend.set("k", b"v")
        assert b"db3:keys=" in servers.master().say("INFO", "keyspace")
        assert "s3cret" not in repr(backend.backend)
        with pytest.raises(BackendError, match=r"[Aa]uth|WRONGPASS|invalid username") as refused:
            await make(url=f"{url}3{options}wrong").get("k")
        assert "s3cret" not in str(refused.value)


async def test_a_name_that_no_sentinel_knows_is_an_error_that_says_so(make, redis_sentinel):
    url = redis_sentinel.url.replace("/main/", "/other/")
    with pytest.raises(BackendUnavailableError, match="does not know 'other'"):
        await make(url=url).get("k")


class Answering(socketserver.StreamRequestHandler):
    """A sentinel that believes what a test tells it; a real one cannot be kept from finding out."""

    def handle(self):
        while line := self.rfile.readline():
            words = [self.rfile.readline() and self.rfile.readline().strip() for _ in range(int(line[1:]))]
            if words[0] == b"SENTINEL":
                port = b"%d" % self.server.believed.port
                self.wfile.write(b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%b\r\n" % (len(port), port))
            else:
                self.wfile.write(b"+OK\r\n")


@pytest.fixture
def believer():
    """Makes sentinels that say that a server is the master."""
    made = []

    def build(server):
        sentinel = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering)
        sentinel.daemon_threads = True
        sentinel.believed = server
        threading.Thread(target=sentinel.serve_forever, args=(0.01,)).start()
        made.append(sentinel)
        return sentinel, sentinel.server_address[1]

    yield build
    for sentinel in made:
        sentinel.shutdown()
        sentinel.server_close()


async def test_a_sentinel_that_takes_a_replica_for_the_master_is_not_believed(make, believer, redis_sentinel):
    master = redis_sentinel.master()
    replica = next(server for server in redis_sentinel.servers if server is not master)
    (_, cut_off), (_, right) = believer(replica), believer(master)
    backend = make(url=f"redis+sentinel://127.0.0.1:{cut_off},127.0.0.1:{right}/main/0")
    await backend.set("k", b"v")
    assert await backend.get("k") == b"v"
    with pytest.raises(BackendUnavailableError, match="is no master any more"):
        await make(url=f"redis+sentinel://127.0.0.1:{cut_off}/main/0").get("k")


async def test_a_master_that_became_a_replica_is_left_within_the_call(make, believer, redis_prefix):
    """Whoever does that by hand does not cut the connections, as a sentinel does."""
    with RedisServer() as before, RedisServer() as after:
        sentinel, port = believer(before)
        backend = make(url=f"redis+sentinel://127.0.0.1:{port}/main/0")
        await backend.set("k", b"1")
        token = (await backend.lease(["other"], seconds=9))["other"].token
        sentinel.believed = after
        before.say("REPLICAOF", "127.0.0.1", str(after.port))
        await backend.set("k", b"2")
        assert after.say("GET", redis_prefix + "k") == b"2"
        assert await backend.get("k") == b"2"
        assert await backend.fill({"other": (b"v", None, token)}) == set()  # its token was not here
