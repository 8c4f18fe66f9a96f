"""What each verb of the Redis backend does on a real server, as a plain client sees it."""

from __future__ import annotations

import asyncio

import pytest

from aicache import SyncTieredCache
from aicache.errors import BackendError, ClosedError, InvalidArgumentError, InvalidTypeError, UnsupportedError
from aicache_redis import RedisBackend, SyncRedisBackend

KEYS = ["k", "with space", "naïve ☕", "a\nb\0c", "*?[x]\\", "{tag}", "lone \ud800", "x" * 5000]
VALUES = [b"", b"\0", b"\0\0", b"v", b"\0v", b"v\0", bytes(range(256)), b"\r\n$-1\r\n", b"x" * 100_000]


def name(prefix, key):
    return (prefix + key).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("key", KEYS, ids=ascii)
async def test_a_value_is_stored_under_prefix_and_key(make, raw, redis_prefix, key):
    await make().set(key, b"value")
    assert raw.get(name(redis_prefix, key)) == b"value"


@pytest.mark.parametrize("key", KEYS, ids=ascii)
async def test_a_value_is_read_from_prefix_and_key(make, raw, redis_prefix, key):
    raw.set(name(redis_prefix, key), b"value")
    assert await make().get(key) == b"value"
    assert await make().get(key + "x") is None


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[:4].hex()}-{len(value)}")
async def test_every_value_comes_back(make, value):
    one, other = make(), make()
    await one.set("k", value)
    got = await other.get("k")
    assert got == value
    assert type(got) is bytes


async def test_the_callers_buffer_is_its_own(make, raw, redis_prefix):
    backend, buffer = make(), bytearray(b"before")
    await backend.set("k", buffer)
    buffer[:] = b"after!"
    await backend.set("view", memoryview(b"abc")[1:])
    assert raw.get(redis_prefix + "k") == b"before"
    assert raw.get(redis_prefix + "view") == b"bc"


@pytest.mark.parametrize(("ttl", "left"), [(60, 60_000), (0.5, 500), (0.0101, 11), (0.000001, 1), (3e8, 3e11)])
async def test_the_ttl_is_rounded_up_to_a_millisecond(make, raw, redis_prefix, ttl, left):
    backend = make()
    with raw.monitor() as monitor:
        await backend.set("k", b"v", ttl=ttl)
        for said in monitor.listen():
            if said["command"].startswith("SET"):
                assert said["command"].endswith(f"PX {int(left)}")
                break


async def test_no_ttl_is_no_expiry_and_takes_the_old_one_away(make, raw, redis_prefix):
    raw.set(redis_prefix + "k", b"old", px=60_000)
    await make().set("k", b"new")
    assert raw.pttl(redis_prefix + "k") == -1


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), 1e300])
async def test_an_impossible_ttl_changes_nothing(make, raw, redis_prefix, ttl):
    raw.set(redis_prefix + "k", b"old")
    with pytest.raises(InvalidArgumentError, match="ttl"):
        await make().set("k", b"new", ttl=ttl)
    with pytest.raises(InvalidArgumentError, match="ttl"):
        await make().set_many({"a": (b"1", None), "k": (b"new", ttl)})
    assert raw.get(redis_prefix + "k") == b"old"
    assert raw.get(redis_prefix + "a") is None


async def test_delete_says_whether_it_was_there(make, raw, redis_prefix):
    raw.set(redis_prefix + "k", b"v")
    backend = make()
    assert await backend.delete("k") is True
    assert await backend.delete("k") is False
    assert raw.exists(redis_prefix + "k") == 0


async def test_many_keys_at_once(make, raw, redis_prefix):
    raw.mset({redis_prefix + "a": b"1", redis_prefix + "b": b""})
    backend = make()
    assert await backend.get_many(["b", "absent", "a", "a"]) == {"a": b"1"}
    await backend.set_many({"c": (b"3", 60.0), "d": (b"", None)})
    assert raw.get(redis_prefix + "c") == b"3"
    assert 59_000 < raw.pttl(redis_prefix + "c") <= 60_000
    assert raw.pttl(redis_prefix + "d") == -1
    assert await backend.get_many(["c", "d"]) == {"c": b"3", "d": b""}
    assert await backend.delete_many(["a", "a", "c", "absent"]) == 2
    assert await backend.get_many([]) == {}
    assert await backend.delete_many([]) == 0
    await backend.set_many({})


async def test_the_remaining_life_is_the_servers(make, raw, redis_prefix):
    raw.set(redis_prefix + "short", b"1", px=30_000)
    raw.set(redis_prefix + "long", b"2")
    found = await make().get_with_ttl(["short", "long", "absent"])
    assert found["long"] == (b"2", None)
    assert found["short"][0] == b"1"
    assert 29 < found["short"][1] <= 30
    assert len(found) == 2


async def test_a_value_over_the_limit_is_refused_in_writing(make, raw, redis_prefix):
    backend = make(max_value_bytes=100)
    await backend.set("k", b"x" * 100)
    with pytest.raises(InvalidArgumentError, match="101 bytes, over max_value_bytes=100"):
        await backend.set("k", b"x" * 101)
    assert await backend.get("k") == b"x" * 100


async def test_a_value_over_the_limit_never_crosses_the_wire(make, raw, redis_prefix):
    raw.set(redis_prefix + "huge", b"x" * 50_000_000)
    backend = make(max_value_bytes=1000)
    await backend.get("warm")
    before = raw.info("stats")["total_net_output_bytes"]
    assert await backend.get("huge") is None
    assert await backend.get_many(["huge"]) == {}
    assert await backend.get_with_ttl(["huge"]) == {}
    assert raw.info("stats")["total_net_output_bytes"] - before < 50_000
    assert (await backend.info())["oversized"] == 3
    raw.delete(redis_prefix + "huge")


async def test_another_type_under_the_key_is_a_counted_miss_and_its_neighbours_are_read(make, raw, redis_prefix):
    raw.rpush(redis_prefix + "list", "a")
    raw.hset(redis_prefix + "hash", "field", "a")
    raw.set(redis_prefix + "k", b"v", px=60_000)
    backend = make()
    assert await backend.get("list") is None
    assert await backend.get_many(["k", "list", "hash"]) == {"k": b"v"}
    assert list(await backend.get_with_ttl(["hash", "k"])) == ["k"]
    assert (await backend.info())["foreign"] == 4
    await backend.set("list", b"ours")
    assert raw.get(redis_prefix + "list") == b"ours"
    assert await backend.delete("hash") is True


def test_a_cache_loads_what_another_type_stands_for_and_writes_over_it(redis_url, redis_prefix, raw):
    raw.rpush(redis_prefix + "list", "a")
    with SyncTieredCache([SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)]) as cache:
        assert cache.get_many(["list"]) == {}
        assert cache.get_or_set("list", lambda: "made") == "made"
        assert cache.get("list", "miss") == "made"
        assert (cache.stats().tiers[0].errors, cache.stats().tiers[0].misses) == (0, 2)


async def test_what_the_server_refuses_fails_the_call_that_asked_and_no_other(redis_url, redis_prefix, raw):
    """Both go out in one pipeline."""
    raw.set(redis_prefix + "k", b"v")
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    nonsense, value = await asyncio.gather(
        backend._links.read([("OBJECT", "NONSENSE")]), backend.get("k"), return_exceptions=True
    )
    assert isinstance(nonsense, BackendError)
    assert value == b"v"
    await backend.aclose()


async def test_scan_takes_the_prefix_as_text(make, raw, redis_prefix):
    backend = make(prefix=redis_prefix + "a*[b]?:")
    own = [f"k{number}" for number in range(1200)]
    raw.mset({redis_prefix + "a*[b]?:" + key: b"v" for key in own})
    raw.mset({redis_prefix + "axxb!:k": b"v", redis_prefix + "a*": b"v"})
    assert sorted(set(await backend.scan())) == sorted(own)
    assert sorted(set(await backend.scan("k11"))) == sorted(key for key in own if key.startswith("k11"))
    assert await backend.scan("k*") == []


async def test_scan_leaves_out_what_no_key_can_be_and_clear_takes_it(make, raw, redis_prefix):
    prefix = redis_prefix.encode()
    raw.mset({prefix: b"the bare prefix", prefix + b"\xff\xfe": b"no text", prefix + b"k": b"v"})
    backend = make()
    assert await backend.scan() == ["k"]
    await backend.clear()
    assert raw.exists(prefix, prefix + b"\xff\xfe", prefix + b"k") == 0


@pytest.mark.parametrize("verb", ["clear", "delete_many"])
async def test_no_unlink_is_longer_than_a_slice(make, raw, redis_prefix, verb):
    keys = [f"k{number}" for number in range(1201)]
    raw.mset({redis_prefix + key: b"v" for key in keys})
    backend = make()
    with raw.monitor() as monitor:
        await (backend.clear() if verb == "clear" else backend.delete_many(keys))
        raw.echo("the end")
        taken = []
        for said in monitor.listen():
            word, *names = said["command"].split()
            assert word not in ("KEYS", "FLUSHDB", "FLUSHALL", "DEL")
            if word == "UNLINK":
                taken.append(len(names))
            if word == "ECHO":
                break
    assert max(taken) <= 500
    assert sum(taken) >= 1201  # SCAN may say a key twice


async def test_clear_takes_what_is_under_the_prefix_and_nothing_else(make, raw, redis_prefix):
    raw.mset({f"{redis_prefix}k{number}": b"v" for number in range(1700)})
    raw.set(redis_prefix.removesuffix(":") + "2:k", b"another application's")
    raw.config_resetstat()
    await make().clear()
    assert list(raw.scan_iter(redis_prefix + "*")) == [name(redis_prefix, "\0f")]  # the feed, which says so
    assert raw.exists(redis_prefix.removesuffix(":") + "2:k")
    commands = raw.info("commandstats")
    assert not {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_flushall"} & commands.keys()
    assert commands["cmdstat_unlink"]["calls"] >= 1700 / 1000  # in slices


async def test_clear_without_a_prefix_is_refused(make, raw):
    raw.set("somebody else's", b"v")
    with pytest.raises(UnsupportedError, match="prefix="):
        await make(prefix="").clear()
    assert raw.exists("somebody else's")


async def test_info_says_what_the_server_is(make):
    info = await make().info()
    assert info["used_memory"] > 0
    assert info["connected_clients"] >= 1
    assert info["oversized"] == 0


@pytest.mark.parametrize(
    ("key", "error"), [("", InvalidArgumentError), (b"k", InvalidTypeError), (None, InvalidTypeError)]
)
async def test_what_is_no_key_is_refused(make, key, error):
    backend = make()
    for call in (
        lambda: backend.get(key),
        lambda: backend.set(key, b"v"),
        lambda: backend.delete(key),
        lambda: backend.get_many([key]),
        lambda: backend.set_many({key: (b"v", None)}),
        lambda: backend.delete_many([key]),
        lambda: backend.get_with_ttl([key]),
    ):
        with pytest.raises(error, match="key must"):
            await call()


@pytest.mark.parametrize("value", ["text", None, 7, [1]], ids=repr)
async def test_what_is_no_bytes_is_refused(make, value):
    with pytest.raises(InvalidTypeError, match="value must be bytes"):
        await make().set("k", value)


async def test_after_closing_every_verb_says_so(make):
    backend = make()
    await backend.set("k", b"v")
    await backend.end()
    await backend.end()
    for call in (
        lambda: backend.get("k"),
        lambda: backend.set("k", b"v"),
        lambda: backend.delete("k"),
        lambda: backend.get_many([]),
        lambda: backend.get_with_ttl([]),
        lambda: backend.set_many({}),
        lambda: backend.delete_many([]),
        lambda: backend.clear(),
        lambda: backend.scan(),
        lambda: backend.info(),
    ):
        with pytest.raises(ClosedError, match="build a new one"):
            await call()


@pytest.mark.parametrize("size", [2**16 - 1, 2**16, 2**16 + 1, 2**16 + 2, 2**16 + 3, 2**20])
@pytest.mark.parametrize("byte", [b"\0", b"x"])
async def test_values_that_take_a_second_look_come_back_exactly(redis_url, redis_prefix, size, byte):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    value = byte * size
    await backend.set("small", b"s")
    await backend.set("large", value, ttl=60)
    assert await backend.get("large") == value
    assert await backend.get_many(["small", "large", "absent"]) == {"small": b"s", "large": value}
    found = await backend.get_with_ttl(["large", "absent", "small"])
    assert found["large"][0] == value
    assert 0 < found["large"][1] <= 60
    assert found["small"] == (b"s", None)
    assert list(found) == ["large", "small"]
    await backend.aclose()
