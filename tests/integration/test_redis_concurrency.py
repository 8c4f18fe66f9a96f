"""Many callers, cancelled callers, several event loops, threads and processes on one Redis backend."""

from __future__ import annotations

import asyncio
import os
import random
import threading

import pytest
import redis.asyncio

from aicache import SyncTieredCache, TieredCache
from aicache.errors import BackendError
from aicache_redis import RedisBackend, SyncRedisBackend


def value(number):
    return f"value of {number}".encode() * (1 + number % 50)


@pytest.fixture
def thousand(raw, redis_prefix):
    raw.mset({f"{redis_prefix}{number}": value(number) for number in range(1000)})
    return range(1000)


async def test_a_thousand_callers_share_a_few_connections(redis_url, redis_prefix, raw, thousand):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0, max_connections=4)
    raw.config_resetstat()
    before = raw.info("stats")
    answers = await asyncio.gather(*(backend.get(str(number)) for number in thousand))
    assert answers == [value(number) for number in thousand]
    stats = raw.info("stats")
    assert stats["total_connections_received"] - before["total_connections_received"] <= 4
    assert stats["total_reads_processed"] - before["total_reads_processed"] < 100  # pieces of a few pipelines
    assert raw.info("commandstats")["cmdstat_getrange"]["calls"] == 1000
    await backend.aclose()


@pytest.mark.parametrize("passed", [False, True])
async def test_equal_keys_of_a_turn_are_read_once(redis_url, redis_prefix, raw, thousand, passed):
    client = redis.asyncio.Redis.from_url(redis_url)
    place = {"client": client} if passed else {"url": redis_url}
    backend = RedisBackend(prefix=redis_prefix, timeout=5.0, **place)
    await backend.get("absent")
    raw.config_resetstat()
    asked = [asyncio.create_task(backend.get(str(number % 300))) for number in range(2000)]
    await asyncio.sleep(0)
    asked[300].cancel()  # it may be the one that others of its key have joined
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(said.pop(300), asyncio.CancelledError)
    assert said == [value(number % 300) for number in range(2000) if number != 300]
    assert raw.info("commandstats")["cmdstat_getrange"]["calls"] in (300, 301)  # the first had nobody to wait for
    raw.set(f"{redis_prefix}0", b"changed")
    assert await asyncio.gather(*(backend.get("0") for _ in range(3))) == [b"changed"] * 3
    await backend.aclose()
    await client.aclose()


async def test_reads_and_writes_together_never_mix(redis_url, redis_prefix, thousand):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    rng = random.Random(1)

    async def one(number):
        if rng.random() < 0.5:
            await backend.set(f"w{number}", value(number), ttl=60)
            return await backend.get(f"w{number}") == value(number)
        return await backend.get(str(number)) == value(number)

    assert all(await asyncio.gather(*(one(number) for number in thousand)))
    await backend.aclose()


async def test_cancelled_callers_leave_no_answer_to_others(redis_url, redis_prefix, thousand):
    """Half of the callers are cancelled at random moments, for many rounds; who stays gets their own answer."""
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0, max_connections=2)
    rng = random.Random(2)
    right = cancelled = 0
    for _ in range(60):
        tasks = {number: asyncio.create_task(backend.get(str(number))) for number in rng.sample(thousand, 100)}
        for _ in range(rng.randrange(6)):
            await asyncio.sleep(0)
        for number in rng.sample(sorted(tasks), 50):
            tasks[number].cancel()
        answers = await asyncio.gather(*tasks.values(), return_exceptions=True)
        for number, answer in zip(tasks, answers, strict=True):
            if isinstance(answer, asyncio.CancelledError):
                cancelled += 1
            else:
                assert answer == value(number)
                right += 1
    assert right >= 3000
    assert cancelled > 1000
    await backend.aclose()


async def test_nothing_is_left_running(redis_url, redis_prefix):
    async with TieredCache([RedisBackend(redis_url, prefix=redis_prefix)]) as cache:
        await asyncio.gather(*(cache.set(str(number), number) for number in range(50)))
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_one_backend_serves_one_event_loop_after_the_other(redis_url, redis_prefix, raw):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)

    async def use(number):
        await backend.set("k", value(number))
        return await backend.get("k")

    before = raw.info("clients")["connected_clients"]
    for number in range(4):
        assert asyncio.run(use(number)) == value(number)
    assert raw.info("clients")["connected_clients"] == before  # each loop took its connections with it
    assert len(backend._links._links) == 1  # and is forgotten when the next one comes


def test_one_backend_serves_several_event_loops_at_once(redis_url, redis_prefix, thousand):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    wrong = []

    async def use():
        for _ in range(5):
            answers = await asyncio.gather(*(backend.get(str(number)) for number in range(100)))
            wrong.extend(answer for number, answer in enumerate(answers) if answer != value(number))

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_share_a_sync_backend(redis_url, redis_prefix, thousand):
    backend = SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5.0, max_connections=4)
    wrong = []

    def use(seed):
        rng = random.Random(seed)
        for _ in range(100):
            number = rng.choice(thousand)
            if backend.get(str(number)) != value(number):
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.close()
    assert wrong == []


def in_a_child(work):
    """Run `work` in a forked process; returns its exit code, which is 0 where it returned True."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)  # without the parent's tests, plug-ins and output
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(redis_url, redis_prefix, raw, thousand):
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    sync = SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)

    async def read(numbers):
        answers = await asyncio.gather(*(backend.get(str(number)) for number in numbers))
        return answers == [value(number) for number in numbers]

    with asyncio.Runner() as runner:
        assert runner.run(read(range(50)))
        assert sync.get("1") == value(1)

        def work():
            return asyncio.run(read(range(500, 600))) and all(sync.get(str(n)) == value(n) for n in range(100))

        assert in_a_child(work) == 0
        assert runner.run(read(range(200)))
        assert sync.get("2") == value(2)
        runner.run(backend.aclose())
    sync.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_cache_used_before_the_fork_works_in_the_child(redis_url, redis_prefix, thousand):
    """As a pre-fork server does that loads its application, cache and all, before it forks."""
    cache = SyncTieredCache([SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)])
    cache.set("k", "before")
    assert in_a_child(lambda: cache.get("k") == "before" and cache.get_or_set("new", lambda: 1) == 1) == 0
    assert cache.get("new") == 1
    cache.close()


async def test_sets_at_once_say_what_goes_with_them_once(redis_url, redis_prefix, raw):
    """Tokens go, and other processes hear of each key, in a few commands for all."""
    backend = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    keys = [f"k{number}" for number in range(200)]
    leased = await backend.lease(keys, seconds=60)
    heard = await backend.follow(None, 0.01)
    raw.config_resetstat()
    await asyncio.gather(*(backend.set(key, value(number), ttl=60) for number, key in enumerate(keys)))
    calls = {verb: said["calls"] for verb, said in raw.info("commandstats").items()}
    assert calls["cmdstat_set"] == 200
    assert calls["cmdstat_xadd"] <= 4
    assert calls["cmdstat_unlink"] <= 4
    assert [raw.get(f"{redis_prefix}{key}") for key in keys] == [value(number) for number in range(200)]
    late = {key: (b"older", 60.0, leased[key].token) for key in keys}
    assert await backend.fill(late) == set()
    other = RedisBackend(redis_url, prefix=redis_prefix, timeout=5.0)
    said = await other.follow(heard.position, 0.01)
    assert (set(said.keys), said.is_whole) == (set(keys), True)
    await other.aclose()
    await backend.aclose()


async def test_of_sets_at_once_only_the_one_that_is_refused_fails(redis_url, redis_prefix, raw):
    beside = f"~{redis_prefix}?[tlgf]*"  # tokens, locks and the feed
    raw.execute_command("ACL", "SETUSER", "some", "on", ">some", f"~{redis_prefix}good*", beside, "+@all")
    url = redis_url.replace("redis://", "redis://some:some@")
    backend = RedisBackend(url, prefix=redis_prefix, timeout=5.0)
    keys = ["good0", "good1", "bad", "good2"]
    said = await asyncio.gather(*(backend.set(key, b"new") for key in keys), return_exceptions=True)
    raw.execute_command("ACL", "DELUSER", "some")
    await backend.aclose()
    assert [type(one) for one in said] == [type(None), type(None), BackendError, type(None)], said
    assert [raw.get(f"{redis_prefix}{key}") for key in keys] == [b"new", b"new", None, b"new"]
