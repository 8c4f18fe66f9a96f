"""What each way to forget removes, and what it leaves, in both flavours."""

from __future__ import annotations

import pytest

from aicache.errors import InvalidArgumentError, InvalidTypeError

from .conftest import OPERATIONS, TEXTS, fill


async def left(cache):
    return {o for o in OPERATIONS for t in TEXTS if await cache.lookup(t, o, {}) is not None}


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
