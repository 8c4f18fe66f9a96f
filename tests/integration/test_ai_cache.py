"""AIResponseCache on a real server: what an application sees, and what lies in the store, in both flavours."""

from __future__ import annotations

import asyncio
import inspect
import threading
from uuid import uuid4

import pytest
import redis

from aicache import (
    AIResponseCache,
    CachePerformanceMonitor,
    NullPerformanceMonitor,
    Policy,
    SyncAIResponseCache,
    Tier,
)
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError, SerializationError
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend


class Verbs:
    """A cache of either flavour whose verbs can be awaited."""

    def __init__(self, cache):
        self.cache = cache

    def __getattr__(self, name):
        verb = getattr(self.cache, name)
        if not callable(verb) or name in ("describe",) or (name.startswith("get_") and name not in AWAITED):
            return verb

        async def settled(*args, **kwargs):
            said = verb(*args, **kwargs)
            return await said if inspect.isawaitable(said) else said

        return settled

    def scoped(self, scope):
        return Verbs(self.cache.scoped(scope))

    async def end(self):
        await (self.aclose() if hasattr(self.cache, "aclose") else self.close())


AWAITED = {"get_cached_response", "get_or_compute", "get_cache_stats"}


@pytest.fixture
def namespace():
    return f"t{uuid4().hex}"[:32]


@pytest.fixture(params=[AIResponseCache, SyncAIResponseCache], ids=["async", "sync"])
async def make(request, redis_url, namespace):
    made = []
    is_async = request.param is AIResponseCache
    memory, shared = (MemoryBackend, RedisBackend) if is_async else (SyncMemoryBackend, SyncRedisBackend)

    def build(**options):
        """What a URL would make, with more patience for a busy machine; with `url`, by the URL itself."""
        if not {"url", "tiers"} & options.keys():
            size = options.get("memory_cache_size", 100)
            here = [memory(max_entries=size)] if size else []
            options["tiers"] = [*here, shared(redis_url, prefix="", timeout=5.0)]
        url = options.pop("url", redis_url)
        made.append(Verbs(request.param(url, **{"namespace": namespace, **options})))
        return made[-1]

    yield build
    for cache in made:
        await cache.end()


@pytest.fixture
def raw(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


FIELDS = {"cached_at", "cache_hit", "text_length", "compression_used"}


async def test_what_is_stored_is_found_with_what_the_cache_knows_of_it(make):
    cache = make()
    assert await cache.get_cached_response("text", "summarize", {"model": "m"}) is None
    await cache.cache_response("text", "summarize", {"model": "m"}, {"summary": "short"})
    found = await cache.get_cached_response("text", "summarize", {"model": "m"})
    assert {name: value for name, value in found.items() if name not in FIELDS} == {"summary": "short"}
    assert (found["cache_hit"], found["text_length"], found["compression_used"]) == (True, 4, False)
    assert found["cached_at"].endswith("+00:00")
    assert await cache.get_cached_response("text", "summarize", {"model": "other"}) is None
    assert await cache.get_cached_response("text", "summarize", {"model": "m"}, "why?") is None


async def test_another_worker_finds_it_under_the_key_that_the_generator_names(make, raw):
    one, other = make(), make()
    await one.cache_response("text", "qa", {"n": 1}, {"answer": 42}, "why?")
    key = one.key_generator.generate_cache_key("text", "qa", {"n": 1}, "why?")
    assert raw.exists(key) == 1
    assert len(list(raw.scan_iter(f"{one.key_generator.namespace}*"))) == 1
    first = await other.lookup("text", "qa", {"n": 1}, "why?")
    second = await other.lookup("text", "qa", {"n": 1}, "why?")
    assert (first.response, first.tier, second.response, second.tier) == (
        {"answer": 42},
        "redis",
        {"answer": 42},
        "memory",
    )
    assert first.cached_at == second.cached_at
    assert 1795 < first.ttl_left <= 1800


TTLS = [("summarize", 7200), ("sentiment", 86_400), ("key_points", 7200), ("questions", 3600), ("qa", 1800)]


@pytest.mark.parametrize(("operation", "ttl"), [*TTLS, ("translate", 3600)])
async def test_the_ttl_that_the_server_reports_is_the_operations(make, raw, operation, ttl):
    cache = make()
    await cache.cache_response("text", operation, {}, {"answer": 1})
    await cache.get_or_compute("other", operation, {}, lambda: {"answer": 2})
    for text in ("text", "other"):
        left = raw.pttl(cache.key_generator.generate_cache_key(text, operation, {}))
        assert (ttl - 5) * 1000 < left <= ttl * 1000


async def test_ttls_can_be_set_for_a_cache_and_for_a_call(make, raw):
    cache = make(default_ttl=50, operation_ttls={"qa": 70, "forever": None})

    async def left(operation, **call):
        await cache.cache_response(operation, operation, {}, 1, **call)
        return raw.pttl(cache.key_generator.generate_cache_key(operation, operation, {}))

    assert 69_000 < await left("qa") <= 70_000
    assert 49_000 < await left("other") <= 50_000
    assert 7_190_000 < await left("summarize") <= 7_200_000
    assert await left("forever") == -1
    assert 9_000 < await left("qa", ttl=10) <= 10_000
    assert await left("qa", ttl=None) == -1
    with pytest.raises(InvalidArgumentError, match="ttl must be more than 0"):
        await left("qa", ttl=0)


async def test_jitter_is_there_where_it_is_asked_for(make, raw):
    cache = make(policy=Policy(jitter=0.5))
    for number in range(20):
        await cache.cache_response(str(number), "qa", {}, number)
    lives = {raw.pttl(cache.key_generator.generate_cache_key(str(number), "qa", {})) // 10_000 for number in range(20)}
    assert len(lives) > 3
    assert max(lives) <= 180


SIZES = [(0, True), (1, True), (499, True), (500, False), (501, False), (4999, False), (5000, False), (50_000, False)]


@pytest.mark.parametrize(("length", "in_memory"), SIZES)
async def test_small_texts_live_in_memory_too_and_all_live_in_redis(make, raw, length, in_memory):
    cache = make()
    await cache.cache_response("t" * length, "qa", {}, {"a": 1})
    assert raw.exists(cache.key_generator.generate_cache_key("t" * length, "qa", {})) == 1
    for tier in ("memory", "memory") if in_memory else ("redis", "redis"):
        assert (await cache.lookup("t" * length, "qa", {})).tier == tier
    await cache.invalidate_memory_cache()
    tiers = [(await cache.lookup("t" * length, "qa", {})).tier for _ in range(2)]
    assert tiers == ["redis", "memory" if in_memory else "redis"]


async def test_size_tiers_and_their_places_can_be_chosen(make, raw):
    cache = make(text_size_tiers={"tiny": 2, "long": 10}, placement={"tiny": ["memory"], "long": ["memory", "redis"]})
    for length, tier, in_redis in ((1, "memory", 0), (2, "memory", 1), (9, "memory", 1), (10, "redis", 1)):
        await cache.cache_response("t" * length, "qa", {}, length)
        assert (await cache.lookup("t" * length, "qa", {})).tier == tier
        assert raw.exists(cache.key_generator.generate_cache_key("t" * length, "qa", {})) == in_redis


async def test_tiers_of_ones_own(make, redis_url, raw, namespace):
    is_sync = isinstance(make().cache, SyncAIResponseCache)
    memory, shared = (SyncMemoryBackend, SyncRedisBackend) if is_sync else (MemoryBackend, RedisBackend)
    here = Tier(backend=memory(max_entries=5), name="here", max_ttl=60)
    tiers = [here, shared(redis_url, prefix="mine:", timeout=5.0)]
    cache = make(tiers=tiers)
    await cache.cache_response("t", "qa", {}, 1)
    found = await cache.lookup("t", "qa", {})
    assert (found.tier, found.ttl_left) == ("here", pytest.approx(60, abs=5))
    assert raw.exists("mine:" + cache.key_generator.generate_cache_key("t", "qa", {})) == 1
    assert await cache.invalidate_all() == 1


@pytest.mark.parametrize(
    ("response", "compressed"),
    [({"a": "x" * 10_000}, True), ({"a": "x" * 900}, False), ({"a": "x" * 1100}, True), (None, False)],
    ids=["large", "small", "just above", "none"],
)
async def test_large_answers_are_compressed_and_say_so_wherever_they_are_read(make, raw, response, compressed):
    cache = make()
    await cache.cache_response("text", "qa", {}, response)
    size = raw.strlen(cache.key_generator.generate_cache_key("text", "qa", {}))
    assert (size < 300) == compressed or response is None
    for fresh in (cache, make()):
        for _ in range(2):  # from Redis, then from memory
            found = await fresh.lookup("text", "qa", {})
            assert (found.response, found.compression_used) == (response, compressed)
    stats = cache.get_performance_summary()["compression"]
    assert stats["count"] == 1
    assert (stats["saved_bytes"] > 0) == compressed


async def test_what_does_not_get_smaller_is_not_compressed(make):
    import os

    cache = make()
    await cache.cache_response("text", "qa", {}, {"a": os.urandom(5000)})
    assert (await cache.lookup("text", "qa", {})).compression_used is False


@pytest.mark.parametrize(
    "response", [None, {}, [], "", 0, False, {"a": None}, ["b"], "text", {1: 2}, (1, {2})], ids=repr
)
async def test_every_answer_is_an_answer(make, response):
    cache, other = make(), make()
    await cache.cache_response("text", "qa", {}, response)
    for fresh in (cache, other, other):
        found = await fresh.lookup("text", "qa", {})
        assert found.response == response
        assert type(found.response) is type(response)
        merged = await fresh.get_cached_response("text", "qa", {})
        own = {name: value for name, value in merged.items() if name not in FIELDS}
        assert own == (response if isinstance(response, dict) else {"response": response})


async def test_a_response_keeps_its_own_fields_of_the_same_names(make):
    cache = make()
    response = {"cache_hit": "mine", "text_length": None, "aicache_text_length": 5, "response": 1}
    await cache.cache_response("text", "qa", {}, response)
    found = await cache.get_cached_response("text", "qa", {})
    assert found | response == found
    assert found["aicache_cache_hit"] is True
    assert found["aicache_aicache_text_length"] == 4
    assert set(found) == {
        *response,
        "cached_at",
        "compression_used",
        "aicache_cache_hit",
        "aicache_aicache_text_length",
    }


async def test_what_a_caller_changes_changes_nothing_for_the_next(make):
    cache = make()
    response = {"parts": [{"text": "a"}]}
    await cache.cache_response("text", "qa", {}, response)
    response["parts"][0]["text"] = "changed"
    for _ in range(3):
        found = await cache.get_cached_response("text", "qa", {})
        assert found["parts"] == [{"text": "a"}]
        found["parts"][0]["text"] = "changed"
        found["parts"].append("more")
    made = await cache.get_or_compute("other", "qa", {}, lambda: response)
    made["parts"].clear()
    assert (await cache.lookup("other", "qa", {})).response == {"parts": [{"text": "changed"}]}


async def test_what_cannot_be_kept_is_refused_by_name_and_returned_all_the_same(make):
    cache = make()
    with pytest.raises(SerializationError, match=r"\['client'\]"):
        await cache.cache_response("text", "qa", {}, {"client": object()})
    thing = object()
    made = await cache.get_or_compute("text", "qa", {}, lambda: {"client": thing})
    assert made["client"] is thing
    assert await cache.get_cached_response("text", "qa", {}) is None


async def test_a_missing_answer_is_computed_and_kept(make):
    cache, calls = make(), []
    for hit in (False, True, True):
        found = await cache.get_or_compute("text", "qa", {}, lambda: calls.append(1) or {"a": 1}, "why?")
        assert (found["a"], found["cache_hit"]) == (1, hit)
    assert (await make().get_or_compute("text", "qa", {}, list, "why?"))["cache_hit"] is True
    assert calls == [1]
    assert cache.get_cache_hit_ratio() == pytest.approx(200 / 3)


async def test_a_factory_that_fails_fails_its_caller_and_nothing_is_kept(make):
    cache = make()

    def fail():
        raise OSError("the provider is down")

    with pytest.raises(OSError, match="the provider is down"):
        await cache.get_or_compute("text", "qa", {}, fail)
    assert await cache.get_cached_response("text", "qa", {}) is None


async def test_fifty_callers_are_one_call_whoever_is_cancelled(redis_url, namespace):
    async with AIResponseCache(redis_url, namespace=namespace) as cache:
        calls, called, go_on = [], asyncio.Event(), asyncio.Event()

        async def model():
            calls.append(1)
            called.set()
            await go_on.wait()
            return {"a": 1}

        for text in ("short", "long" * 1000):
            calls.clear()
            called.clear()
            go_on.clear()
            callers = [asyncio.create_task(cache.get_or_compute(text, "qa", {}, model)) for _ in range(50)]
            await called.wait()
            callers[0].cancel()
            await asyncio.sleep(0)
            go_on.set()
            answers = await asyncio.gather(*callers, return_exceptions=True)
            assert isinstance(answers[0], asyncio.CancelledError)
            assert [answer["a"] for answer in answers[1:]] == [1] * 49
            assert calls == [1]


def test_threads_that_ask_at_once_are_one_call(redis_url, namespace):
    with SyncAIResponseCache(redis_url, namespace=namespace) as cache:
        calls, barrier, answers = [], threading.Barrier(8), []

        def ask():
            barrier.wait()
            answers.append(cache.get_or_compute("text", "qa", {}, lambda: calls.append(1) or {"a": 1})["a"])

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (answers, calls) == ([1] * 8, [1])


# Forgetting


async def fill(cache, operations=("summarize", "summarize*", "summary", "qa", "qa|b", "é"), texts=("a", "b" * 600)):
    for operation in operations:
        for text in texts:
            await cache.cache_response(text, operation, {}, {"operation": operation})


async def left(cache, operations=("summarize", "summarize*", "summary", "qa", "qa|b", "é"), texts=("a", "b" * 600)):
    return {o for o in operations for t in texts if await cache.lookup(t, o, {}) is not None}


async def test_one_operation_is_forgotten_everywhere_and_no_other(make, raw, namespace):
    cache, other = make(), make()
    await fill(cache)
    raw.set(f"{namespace}:foreign", b"v")
    raw.config_resetstat()
    assert await cache.invalidate_by_operation("summarize") == 2
    assert await cache.invalidate_by_operation("summarize") == 0
    assert await left(cache) == await left(other) == {"summarize*", "summary", "qa", "qa|b", "é"}
    assert await cache.invalidate_by_operation("qa|b") == 2
    assert await cache.invalidate_by_operation("é") == 2
    assert await left(cache) == {"summarize*", "summary", "qa"}
    assert raw.get(f"{namespace}:foreign") == b"v"
    commands = raw.info("commandstats")
    assert not {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_flushall"} & commands.keys()


@pytest.mark.parametrize(
    ("pattern", "options", "gone"),
    [
        ("summ", {}, {"summarize", "summarize*", "summary"}),
        ("summarize*", {}, {"summarize*"}),
        ("summarize*", {"glob": True}, set()),
        ("op:summarize*", {"glob": True}, {"summarize", "summarize*"}),
        ("op:summar?", {"glob": True}, {"summary"}),
        ("op:qa", {"glob": True}, {"qa"}),
        ("qa|", {}, {"qa|b"}),
        ("é", {}, {"é"}),
        ("*", {}, {"summarize*"}),
        ("*", {"glob": True}, {"summarize", "summarize*", "summary", "qa", "qa|b", "é"}),
        ("nothing", {}, set()),
        ("[q]a", {}, set()),
        ("op:[q]a", {"glob": True}, {"qa"}),
    ],
)
async def test_a_pattern_is_text_unless_a_glob_is_asked_for(make, pattern, options, gone):
    cache = make()
    await fill(cache)
    everything = await left(cache)
    assert await cache.invalidate_pattern(pattern, **options) == 2 * len(gone)
    assert await left(cache) == everything - gone


@pytest.mark.parametrize(("pattern", "error"), [("", InvalidArgumentError), (None, InvalidTypeError)])
async def test_an_empty_pattern_is_refused(make, pattern, error):
    with pytest.raises(error, match="pattern must"):
        await make().invalidate_pattern(pattern)


async def test_a_pattern_finds_texts_where_they_are_shown(make):
    cache = make(text_hash_threshold=20)
    for text in ("about cats", "about dogs", "about cats, at length and so not shown"):
        await cache.cache_response(text, "qa", {}, 1)
    assert await cache.invalidate_pattern("about cats") == 1
    assert await cache.lookup("about dogs", "qa", {}) is not None


async def test_each_answer_that_is_forgotten_is_counted_once_wherever_it_is(make):
    cache = make(
        text_size_tiers={"small": 10, "large": 100}, placement={"small": ["memory"], "large": ["memory", "redis"]}
    )
    for length in (5, 50, 500):  # in memory alone, in both, in Redis alone
        await cache.cache_response("t" * length, "qa", {}, length)
    await cache.cache_response("t" * 500, "sum", {}, 0)
    assert await cache.invalidate_by_operation("qa") == 3
    assert await cache.invalidate_all() == 1


async def test_everything_is_forgotten_of_this_namespace_alone(make, raw, namespace):
    cache, other = make(), make(namespace="o" + namespace[1:])
    await fill(cache)
    await fill(other)
    raw.set(f"{namespace}x:op:qa|1", b"another application's")
    assert await cache.invalidate_all() == 12
    assert await left(cache) == set()
    assert len(await left(other)) == 6
    assert raw.exists(f"{namespace}x:op:qa|1")
    await other.invalidate_all()


async def test_memory_alone_is_forgotten(make):
    cache = make()
    await fill(cache)
    assert await cache.invalidate_memory_cache() == 6
    assert (await cache.get_cache_stats()).memory["memory_cache_entries"] == 0
    assert (await cache.lookup("a", "qa", {})).tier == "redis"


async def test_one_answer_is_forgotten(make):
    cache = make()
    await fill(cache, ["qa"])
    assert await cache.invalidate_response("a", "qa", {}) == 1
    assert await cache.invalidate_response("a", "qa", {}) == 0
    assert await cache.lookup("b" * 600, "qa", {}) is not None


# Tenants


async def test_tenants_share_nothing(make):
    cache = make(require_scope=True)
    ann, bob, weird = cache.scoped("ann"), cache.scoped("bob"), cache.scoped("ann]:op:qa|")
    for tenant, answer in ((ann, "ann's"), (bob, "bob's"), (weird, "weird")):
        await tenant.cache_response("same text", "qa", {}, answer)
        await tenant.cache_response("long" * 200, "summarize", {}, answer)
    assert (await ann.lookup("same text", "qa", {})).response == "ann's"
    assert (await bob.lookup("same text", "qa", {})).response == "bob's"
    assert (await ann.get_cache_stats()).redis["keys"] == 2
    assert await ann.invalidate_by_operation("qa") == 1
    assert await ann.invalidate_all() == 1
    assert await ann.lookup("same text", "qa", {}) is None
    assert [(await tenant.lookup("same text", "qa", {})).response for tenant in (bob, weird)] == ["bob's", "weird"]
    assert bob.get_cache_hit_ratio() == 100.0
    assert ann.get_cache_hit_ratio() == 50.0
    assert bob.get_invalidation_frequency_stats()["total_invalidations"] == 0


async def test_a_cache_that_requires_a_scope_refuses_to_work_without(make):
    cache = make(require_scope=True)
    for call in (
        lambda: cache.cache_response("t", "qa", {}, 1),
        lambda: cache.get_cached_response("t", "qa", {}),
        lambda: cache.lookup("t", "qa", {}),
        lambda: cache.get_or_compute("t", "qa", {}, dict),
        lambda: cache.invalidate_all(),
        lambda: cache.invalidate_by_operation("qa"),
        lambda: cache.invalidate_pattern("qa"),
        lambda: cache.invalidate_memory_cache(),
    ):
        with pytest.raises(InvalidArgumentError, match=r"cache\.scoped\(tenant\)"):
            await call()
    with pytest.raises(InvalidTypeError, match="scope must be a str"):
        cache.cache.scoped(None)


async def test_a_tenants_view_is_closed_with_the_cache(make):
    cache = make()
    view = cache.scoped("ann")
    await view.end()
    await view.cache_response("t", "qa", {}, 1)
    assert (await view.lookup("t", "qa", {})).response == 1


# Statistics


async def test_statistics_are_typed_and_a_mapping(make, raw, namespace):
    cache = make(memory_cache_size=10)
    await fill(cache)
    raw.set(f"{namespace}:foreign", b"v")
    stats = await cache.get_cache_stats()
    assert stats.redis["status"] == "connected"
    assert stats.redis["keys"] == 12
    assert stats.redis["memory_used_bytes"] > 0
    assert stats.redis["memory_used"][-1] in "KMG"
    assert stats.redis["connected_clients"] >= 1
    assert stats["memory"] == stats.memory
    assert stats.memory == {
        "memory_cache_entries": 6,
        "memory_cache_size_limit": 10,
        "memory_cache_utilization": 60.0,
    }
    assert set(stats) == {"redis", "memory", "performance"}
    assert dict(stats) == stats.to_dict()
    with pytest.raises(KeyError):
        stats["other"]
    html = stats._repr_html_()
    assert html.count("<tr>") == sum(len(section) for section in stats.values())
    assert "memory_used_bytes" in html


async def test_the_hit_ratio_is_of_look_ups(make):
    cache = make()
    assert cache.get_cache_hit_ratio() == 0.0
    await fill(cache, ["qa"])
    assert cache.get_cache_hit_ratio() == 0.0
    await cache.get_cached_response("a", "qa", {})
    await cache.get_cached_response("missing", "qa", {})
    assert cache.get_cache_hit_ratio() == 50.0
    summary = cache.get_performance_summary()
    assert (summary["cache_hits"], summary["cache_misses"], summary["hits_by_tier"]) == (1, 1, {"memory": 1})
    assert {name: figures["count"] for name, figures in summary["cache_operations"].items()} == {"set": 2, "get": 2}
    assert cache.get_memory_usage_stats()["entries"] == 1
    assert cache.get_memory_warnings() == []
    cache.cache.reset_performance_stats()
    assert cache.get_cache_hit_ratio() == 0.0
    assert await cache.lookup("a", "qa", {}) is not None


async def test_a_monitor_of_ones_own_and_none(make):
    monitor = CachePerformanceMonitor(memory_warning_threshold_bytes=1, memory_critical_threshold_bytes=10_000)
    cache, silent = make(performance_monitor=monitor), make(performance_monitor=NullPerformanceMonitor())
    await fill(cache, ["qa"])
    assert cache.performance_monitor is monitor
    assert [warning["severity"] for warning in cache.get_memory_warnings()] == ["warning"]
    await silent.lookup("a", "qa", {})
    assert silent.get_cache_hit_ratio() == 0.0
    assert silent.get_performance_summary()["total_lookups"] == 0


# Opening


async def test_it_can_be_used_without_connecting_and_connected_twice(make):
    cache = make()
    await cache.cache_response("t", "qa", {}, 1)
    assert [await cache.connect(), await cache.connect()] == [True, True]


@pytest.mark.parametrize("url", [None, "memory://", "memory://?max_entries=3"])
async def test_memory_alone(make, url):
    cache = make(url=url, memory_cache_size=3)
    assert await cache.connect() is True
    for number in range(4):
        await cache.cache_response(f"{number}" * 1000, "qa", {}, number)
    assert [await cache.lookup(f"{n}" * 1000, "qa", {}) is None for n in range(4)] == [True, False, False, False]
    stats = await cache.get_cache_stats()
    assert stats.redis["status"] == "unavailable"
    assert stats.memory["memory_cache_entries"] == 3
    assert await cache.invalidate_all() == 3


async def test_no_memory_tier(make, redis_url):
    cache = make(url=redis_url, memory_cache_size=0)
    await cache.cache_response("t", "qa", {}, 1)
    assert (await cache.lookup("t", "qa", {})).tier == "redis"
    assert (await cache.get_cache_stats()).memory["memory_cache_entries"] == 0


async def test_from_a_url_and_from_the_environment(make, redis_url, namespace, raw):
    kind = type(make().cache)
    environment = {
        "AICACHE_URL": redis_url,
        "AICACHE_DEFAULT_TTL": "77",
        "AICACHE_NAMESPACE": namespace,
        "AICACHE_SCOPE": "ann",
        "AICACHE_MEMORY_CACHE_SIZE": "0",
        "AICACHE_COMPRESSION_THRESHOLD": "10",
        "AICACHE_REQUIRE_SCOPE": "true",
        "AICACHE_TEXT_HASH_THRESHOLD": "5",
        "PATH": "/bin",
    }
    made = [kind.from_env(environment), kind.from_url(redis_url, namespace=namespace, default_ttl=77)]
    for cache in map(Verbs, made):
        await cache.cache_response("t", "other", {}, "a" * 100)
        assert 70_000 < raw.pttl(cache.key_generator.generate_cache_key("t", "other", {})) <= 77_000
        await cache.end()
    assert raw.exists(made[0].key_generator.generate_cache_key("t", "other", {}))


@pytest.mark.parametrize(
    ("variable", "text"), [("DEFAULT_TTL", "soon"), ("MEMORY_CACHE_SIZE", "1.5"), ("REQUIRE_SCOPE", "perhaps")]
)
def test_an_environment_that_cannot_be_read_is_refused_by_name(variable, text):
    with pytest.raises(ConfigurationError, match=f"AICACHE_{variable} must be .*, got {text!r}"):
        AIResponseCache.from_env({f"AICACHE_{variable}": text})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"policy": Policy(ttl=60)}, "leave it out of the policy"),
        ({"text_size_tiers": {"a": 10, "b": 10}}, r"text_size_tiers\['b'\] must be .* above 10, got 10"),
        ({"text_size_tiers": {"xlarge": 10}}, "xlarge"),
        ({"text_size_tiers": {"a": "10"}}, r"text_size_tiers\['a'\]"),
        ({"placement": {"huge": ["redis"]}}, "'huge', which is no size tier"),
        ({"placement": {"small": ["disk"]}}, "there are memory, redis"),
        ({"placement": {"small": "redis"}}, "must be a list of tiers"),
        ({"placement": {"small": []}}, "one at least"),
        ({"operation_ttls": {"qa": -1}}, r"operation_ttls\['qa'\] must be more than 0"),
        ({"default_ttl": 0}, "default_ttl must be more than 0"),
        ({"namespace": "a b"}, "namespace must be"),
        ({"redis_url": "nosuch://host"}, "nosuch"),
        ({"compression_threshold": -5}, "compression_threshold"),
        ({"memory_cache_size": -1}, "memory_cache_size"),
    ],
    ids=str,
)
def test_wrong_wiring_is_refused_by_name(options, says):
    with pytest.raises((ConfigurationError, InvalidArgumentError), match=says):
        AIResponseCache(**options)


async def test_many_workers_at_once_get_their_own_answers(redis_url, namespace):
    async with (
        AIResponseCache(redis_url, namespace=namespace) as one,
        AIResponseCache(redis_url, namespace=namespace) as two,
    ):

        async def work(number):
            cache = (one, two)[number % 2]
            text = f"text {number % 40}" * (1 + number % 40)
            found = await cache.get_or_compute(text, "qa", {"n": number % 3}, lambda: {"for": [text, number % 3]})
            return found["for"] == [text, number % 3]

        assert all(await asyncio.gather(*(work(number) for number in range(600))))
