"""What making a value again costs: who says so, what is refused, and that memory which is full keeps what is dear."""

from __future__ import annotations

import pytest

from aicache import AIResponseCache
from aicache.errors import InvalidArgumentError, InvalidTypeError


@pytest.fixture
def told():
    """The costs that a memory backend was told, by key."""
    return {}


@pytest.fixture
def cache(flavour, told):
    memory = flavour.memory()
    put = memory.put

    def noting(key, value, **options):
        told[key] = options["cost"]
        return put(key, value, **options)

    memory.put = noting
    return flavour.cache(memory, flavour.store())


async def test_the_cost_reaches_memory(cache, told):
    await cache.set("none", 1)
    await cache.set("number", 1, cost=0.02)
    await cache.set("function", {"tokens": 7}, cost=lambda value: value["tokens"] * 2)
    await cache.get_or_set("loaded", lambda: "abc", cost=len)
    await cache.lookup_or_set("explained", lambda: 1, cost=0)
    await cache.set_many({"many": 1})
    assert told == {"none": None, "number": 0.02, "function": 14.0, "loaded": 3.0, "explained": 0.0, "many": None}


@pytest.mark.parametrize(
    ("cost", "error"),
    [
        (-1, InvalidArgumentError),
        (float("nan"), InvalidArgumentError),
        (float("inf"), InvalidArgumentError),
        ("1", InvalidTypeError),
        (True, InvalidTypeError),
        (lambda value: "dear", InvalidTypeError),
    ],
)
async def test_what_is_no_cost_is_refused_and_nothing_changes(cache, cost, error):
    await cache.set("k", "old")
    with pytest.raises(error, match="cost must be a number"):
        await cache.set("k", "new", cost=cost)
    with pytest.raises(error, match="cost must be a number"):
        await cache.get_or_set("other", lambda: "new", cost=cost)
    assert await cache.get("k") == "old"
    assert await cache.get("other") is None


async def test_memory_that_is_full_keeps_what_is_dear(flavour):
    cache = flavour.cache(flavour.memory(max_entries=20, max_bytes=None))
    await cache.set("dear", 1, cost=1000)
    for number in range(200):
        await cache.set(f"cheap{number}", 1, cost=1)
    assert await cache.get("dear") == 1
    assert await cache.get("cheap0") is None


async def test_an_ai_answer_costs_the_seconds_that_it_took(monkeypatch):
    now, told = [100.0], []
    monkeypatch.setattr("aicache.ai._async.cache.perf_counter", lambda: now[0])
    async with AIResponseCache("memory://") as cache:
        memory = next(iter(cache._cache.backends().values()))
        put = memory.put
        memory.put = lambda *args, **options: told.append(options["cost"]) or put(*args, **options)

        async def model():
            now[0] += 2.5
            return {"a": 1}

        await cache.get_or_compute("t", "qa", {}, model)
        await cache.cache_response("u", "qa", {}, 1, cost=7.0)
        await cache.cache_response("v", "qa", {}, 1)
    assert told == [2.5, 7.0, None]
