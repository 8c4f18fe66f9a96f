"""How an `AIResponseCache` is made, from URLs, options and the environment, and what is refused."""

from __future__ import annotations

import pytest

from aicache import AIResponseCache, Policy
from aicache.errors import ConfigurationError, InvalidArgumentError

from .conftest import Verbs


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
