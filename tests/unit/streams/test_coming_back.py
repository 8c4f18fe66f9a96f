"""What a caller of a stream gets, from the factory and from a recording, and how fast, in both flavours."""

from __future__ import annotations

import pytest

from aicache.testing.payloads import same

from .streamed import CHUNKS, END, Upstream, inner, is_idle, never, read, stats, step, stop


async def test_what_is_recorded_comes_back_chunk_for_chunk(flavour):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store()), Upstream(flavour)
    assert same(await read(cache, "k", upstream), CHUNKS)
    assert same(await read(cache, "k", never), CHUNKS)
    assert (upstream.calls, upstream.closed) == (1, 1)
    counts = stats(cache)
    assert (counts.loads, counts.misses, counts.hits, counts.joins, counts.skips) == (1, 1, 1, 0, {})
    assert is_idle(cache)


async def test_a_stream_without_chunks_is_one(flavour):
    cache, tiers = flavour.cache(flavour.memory()), list[str]()
    assert await read(cache, "k", Upstream(flavour, [])) == []
    assert await read(cache, "k", never, on_hit=tiers.append) == []
    assert tiers == ["memory"]


async def test_who_cannot_be_told_of_a_hit_gets_his_own_error(flavour):
    def refuse(name):
        raise LookupError(name)

    cache = flavour.cache(flavour.memory())
    await read(cache, "k", Upstream(flavour))
    with pytest.raises(LookupError, match="memory"):
        await read(cache, "k", never, on_hit=refuse)
    assert is_idle(cache)


async def test_a_recording_is_found_in_a_lower_tier_and_promoted(flavour):
    store, tiers = flavour.store(), list[str]()
    await read(flavour.cache(store), "k", Upstream(flavour), on_hit=tiers.append)
    assert tiers == []
    cache = flavour.cache(flavour.memory(), store)
    assert same(await read(cache, "k", never, on_hit=tiers.append), CHUNKS)
    assert same(await read(cache, "k", never, on_hit=tiers.append), CHUNKS)
    assert tiers == [tier.name for tier in stats(cache).tiers][::-1]
    assert store.log.count(("get", "k")) == 2
    assert is_idle(cache)


async def test_the_first_chunk_is_there_before_the_second_is_asked_for(flavour):
    cache, upstream = flavour.cache(flavour.memory()), Upstream(flavour)
    chunks = inner(cache).stream("k", upstream)
    assert await step(chunks) == "a"
    assert upstream.pulled <= 2  # a task that pulls is one chunk ahead at most when the first has come
    await stop(chunks)


async def test_each_caller_has_chunks_of_its_own(flavour):
    cache, upstream = flavour.cache(flavour.memory()), Upstream(flavour, [{"n": [1]}, {"n": [2]}])
    for _ in range(3):
        got = await read(cache, "k", upstream)
        assert got == [{"n": [1]}, {"n": [2]}]
        got[0]["n"].append("mine")
        got[1].clear()
    assert upstream.calls == 1


async def test_a_reader_may_change_a_chunk_before_the_stream_has_ended(flavour):
    cache = flavour.cache(flavour.memory())
    chunks = inner(cache).stream("k", Upstream(flavour, [{"n": 1}, {"n": 2}]))
    (await step(chunks)).clear()
    (await step(chunks)).clear()
    assert await step(chunks) is END
    assert await read(cache, "k", never) == [{"n": 1}, {"n": 2}]


async def test_a_long_stream(flavour):
    cache, chunks = flavour.cache(flavour.memory()), [f"{at}" for at in range(50_000)]
    assert await read(cache, "k", Upstream(flavour, chunks)) == chunks
    assert await read(cache, "k", never) == chunks


@pytest.mark.parametrize(("pacing", "slept"), [("instant", []), ("recorded", [0.5, 0.5])])
async def test_pacing(flavour, pacing, slept):
    sleeps: list[float] = []

    def sleep(seconds):
        sleeps.append(seconds)
        flavour.clock.advance(seconds)

    async def sleep_later(seconds):
        sleep(seconds)

    cache = flavour.cache(flavour.memory(), sleep=sleep_later if flavour.is_async else sleep)
    await read(cache, "k", Upstream(flavour, ["a", "b", "c"], pause=0.5))
    assert sleeps == []
    assert await read(cache, "k", never, pacing=pacing) == ["a", "b", "c"]
    assert sleeps == slept


async def test_a_slow_reader_is_not_made_slower(flavour):
    async def sleep_later(seconds):
        raise AssertionError(seconds)

    def sleep(seconds):
        raise AssertionError(seconds)

    cache = flavour.cache(flavour.memory(), sleep=sleep_later if flavour.is_async else sleep)
    await read(cache, "k", Upstream(flavour, ["a", "b"], pause=0.5))
    chunks = inner(cache).stream("k", never, pacing="recorded")
    assert await step(chunks) == "a"
    flavour.clock.advance(0.5)
    assert await step(chunks) == "b"
