"""Streams in both flavours: what comes back, what is stored, and what is not. Several readers have their own files."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any

import pytest

from aicache import Event, JsonSerializer, Policy, Skip, Store
from aicache.errors import ClosedError, InvalidArgumentError, InvalidTypeError, ReentrantLoadError
from aicache.testing.payloads import same

CHUNKS = ["a", "", None, b"\x00", {"delta": {"tool_calls": [1]}}, [], ("t",), 0, "z"]
END = object()


@dataclass
class Upstream:
    """A factory of streams that counts what becomes of them. `fails_at`: the chunk instead of which it raises;
    `pause`: seconds before each chunk, and before the end.
    """

    flavour: Any
    chunks: list[Any] = field(default_factory=lambda: list(CHUNKS))
    fails_at: int | None = None
    pause: float = 0.0
    calls: int = 0
    pulled: int = 0
    closed: int = 0

    error = ConnectionError("provider down")

    def __call__(self) -> Any:
        self.calls += 1
        return self._later() if self.flavour.is_async else self._now()

    def _now(self):
        try:
            for at, chunk in enumerate(self.chunks):
                self.flavour.clock.advance(self.pause)
                if at == self.fails_at:
                    raise self.error
                self.pulled += 1
                yield chunk
            self.flavour.clock.advance(self.pause)
            if self.fails_at == len(self.chunks):
                raise self.error
        finally:
            self.closed += 1

    async def _later(self):
        chunks = self._now()
        try:
            for chunk in chunks:
                yield chunk
        finally:
            await asyncio.sleep(0)
            chunks.close()


def inner(cache: Any) -> Any:
    """The cache itself, of either flavour."""
    return getattr(cache, "inner", cache)


async def step(chunks: Any) -> Any:
    """The next chunk, or END."""
    return await anext(chunks, END) if inspect.isasyncgen(chunks) else next(chunks, END)


async def read_into(got: list[Any], chunks: Any) -> None:
    while (chunk := await step(chunks)) is not END:
        got.append(chunk)


async def stop(chunks: Any) -> None:
    await chunks.aclose() if inspect.isasyncgen(chunks) else chunks.close()


async def read(cache: Any, key: str, factory: Any, most: int | None = None, **options: Any) -> list[Any]:
    """The chunks that a caller gets, the first `most` of them only; then it stops reading."""
    got: list[Any] = []
    chunks = inner(cache).stream(key, factory, **options)
    try:
        while len(got) != most and (chunk := await step(chunks)) is not END:
            got.append(chunk)
    finally:
        await stop(chunks)
    return got


async def rest(cache: Any) -> None:
    """Let what goes on in the background end."""
    for thread in tuple(getattr(inner(cache)._running, "threads", ())):
        thread.join(30)
    for _ in range(200):
        await asyncio.sleep(0)


def stats(cache: Any) -> Any:
    return inner(cache).stats()


def is_idle(cache: Any) -> bool:
    """Whether nothing is kept of streams that are over."""
    it = inner(cache)
    busy = getattr(it._running, "pumps", None) or getattr(it._running, "threads", None)
    return not (it._running.table or busy or it._chain.fence._slots)


def never() -> Any:
    raise AssertionError("the factory was called")


# -- what comes back


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


# -- how it is kept


async def test_under_the_key_is_a_recording_that_says_when_each_chunk_came(flavour):
    cache = flavour.cache(flavour.memory())
    await read(cache, "k", Upstream(flavour, ["a", "b"], pause=0.25))
    assert await cache.get("k") == {"aicache.stream": 1, "chunks": ["a", "b"], "at": [0.25, 0.5, 0.75]}


async def test_a_recording_may_be_set_by_hand(flavour):
    cache = flavour.cache(flavour.memory())
    await cache.set("k", {"aicache.stream": 1, "chunks": ["a"], "at": [0, 1]})
    assert await read(cache, "k", never) == ["a"]


OTHERS = [
    "text",
    ["a"],
    {},
    {"chunks": ["a"], "at": [0.0, 0.0]},
    {"aicache.stream": 2, "chunks": ["a"], "at": [0.0, 0.0]},
    {"aicache.stream": True, "chunks": ["a"], "at": [0.0, 0.0]},
    {"aicache.stream": 1, "chunks": "a", "at": [0.0, 0.0]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0.0]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0.0, "1"]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [0.0, float("inf")]},
    {"aicache.stream": 1, "chunks": ["a"], "at": [-1.0, 0.0]},
    {"aicache.stream": 1, "chunks": ["a"]},
]


@pytest.mark.parametrize("value", OTHERS)
async def test_what_is_no_recording_is_a_counted_miss(flavour, value):
    events: list[Event] = []
    cache = flavour.cache(flavour.memory(), observers=[events.append])
    await cache.set("k", value)
    assert await read(cache, "k", Upstream(flavour, ["fresh"])) == ["fresh"]
    counts = stats(cache)
    assert (counts.hits, counts.misses, counts.tiers[0].refused) == (0, 1, {"not a stream": 1})
    assert [event.reason for event in events if event.kind == "miss"] == ["memory: not a stream"]
    assert await read(cache, "k", never) == ["fresh"]


async def test_it_is_stored_once_and_not_before_the_end(flavour):
    store = flavour.store()
    cache = flavour.cache(store)
    chunks = inner(cache).stream("k", Upstream(flavour, ["a", "b"], fails_at=None))
    assert [await step(chunks), await step(chunks)] == ["a", "b"]
    if not flavour.is_async:  # whose task may have seen the end by now
        assert ("set", "k") not in store.log
    assert await step(chunks) is END
    assert store.log.count(("set", "k")) == 1


async def test_it_lives_as_long_as_its_ttl(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10))
    upstream = Upstream(flavour, ["a"])
    await read(cache, "k", upstream)
    await read(cache, "longer", upstream, ttl=100)
    flavour.clock.advance(11)
    await read(cache, "longer", never)
    await read(cache, "k", upstream)
    assert upstream.calls == 3


async def test_json_keeps_what_json_can(flavour):
    cache = flavour.cache(flavour.memory(), flavour.store(), serializer=JsonSerializer())
    chunks = [{"delta": "a"}, None, 1.5, ""]
    assert await read(cache, "k", Upstream(flavour, chunks)) == chunks
    assert await read(cache, "k", never) == chunks


@pytest.mark.parametrize(("chunk", "options"), [(b"bytes", {"serializer": JsonSerializer()}), (object(), {})])
async def test_what_cannot_be_kept_passes_through(flavour, chunk, options):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store(), **options), Upstream(flavour, ["a", chunk, "b"])
    for _ in range(2):
        assert await read(cache, "k", upstream) == ["a", chunk, "b"]
    assert (upstream.calls, stats(cache).unserializable) == (2, 2)
    assert await cache.get("k") is None


async def test_what_is_too_large_passes_through(flavour):
    cache, chunks = flavour.cache(flavour.memory()), [b"x" * 1000] * 50
    upstream = Upstream(flavour, chunks)
    assert await read(cache, "k", upstream, max_bytes=10_000) == chunks
    assert await cache.get("k") is None
    assert stats(cache).skips == {"size": 1}
    assert await read(cache, "k", upstream, max_bytes=100_000) == chunks
    assert await read(cache, "k", never) == chunks
    assert is_idle(cache)


# -- pacing


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


# -- what is not stored


@pytest.mark.parametrize("at", range(len(CHUNKS) + 1))
async def test_a_stream_that_breaks_is_not_stored_wherever_it_does(flavour, at):
    cache, upstream = flavour.cache(flavour.memory(), flavour.store()), Upstream(flavour, fails_at=at)
    chunks, got = inner(cache).stream("k", upstream), []
    with pytest.raises(ConnectionError) as raised:
        await read_into(got, chunks)
    assert raised.value is upstream.error
    assert same(got, CHUNKS[:at])
    assert await cache.get("k") is None
    assert (stats(cache).loads, stats(cache).load_errors, upstream.closed) == (1, 1, 1)
    assert is_idle(cache)


@pytest.mark.parametrize("at", range(1, len(CHUNKS) + 1))
async def test_a_stream_that_is_left_is_closed_and_not_stored_wherever_that_is(flavour, at):
    store = flavour.store()
    cache, upstream = flavour.cache(store), Upstream(flavour, [*CHUNKS, *["more"] * 300])
    assert same(await read(cache, "k", upstream, at), CHUNKS[:at])
    assert upstream.closed == 1
    assert store.data == {}
    assert stats(cache).skips == {"abandoned": 1}
    assert is_idle(cache)


async def test_a_stream_that_is_never_read_asks_for_nothing(flavour):
    cache = flavour.cache(flavour.memory())
    await stop(inner(cache).stream("k", never))
    assert (stats(cache).loads, stats(cache).misses) == (0, 0)


@pytest.mark.parametrize("at", [1, 3])
async def test_a_stream_that_is_left_is_completed_where_the_policy_says_so(flavour, at):
    cache, upstream = flavour.cache(flavour.memory(), policy=Policy(abandoned="complete")), Upstream(flavour)
    assert same(await read(cache, "k", upstream, at), CHUNKS[:at])
    await rest(cache)
    assert same(await read(cache, "k", never), CHUNKS)
    assert upstream.closed == 1
    assert is_idle(cache)


async def test_nobody_completes_what_cannot_be_stored(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(abandoned="complete"))
    upstream = Upstream(flavour, [b"x" * 1000] * 100)
    await read(cache, "k", upstream, 1, max_bytes=10_000)
    await rest(cache)
    assert (upstream.closed, upstream.pulled < 15) == (1, True)
    assert stats(cache).skips == {"size": 1}
    assert is_idle(cache)


# -- what `keep` says


async def test_keep_is_asked_once_after_a_good_end(flavour):
    cache, asked = flavour.cache(flavour.memory()), []
    await read(cache, "k", Upstream(flavour), keep=lambda chunks: asked.append(list(chunks)))
    await read(cache, "k", never, keep=asked.append)
    await read(cache, "left", Upstream(flavour, ["a"] * 500), 1, keep=asked.append)
    with pytest.raises(ConnectionError):
        await read(cache, "fails", Upstream(flavour, fails_at=1), keep=asked.append)
    assert same(asked, [CHUNKS])


async def test_keep_may_refuse(flavour):
    events: list[Event] = []
    cache, upstream = flavour.cache(flavour.memory(), observers=[events.append]), Upstream(flavour, ["a", "length"])

    def keep(chunks):
        return Skip(chunks, "truncated") if chunks[-1] == "length" else None

    for _ in range(2):
        assert await read(cache, "k", upstream, keep=keep) == ["a", "length"]
    assert upstream.calls == 2
    assert stats(cache).skips == {"truncated": 2}
    assert [(event.key, event.reason) for event in events if event.kind == "skip"] == [("k", "truncated")] * 2


async def test_keep_may_say_how_long(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=100))
    await read(cache, "k", Upstream(flavour), keep=lambda chunks: Store(chunks, ttl=10))
    await read(cache, "all", Upstream(flavour), keep=lambda chunks: chunks)
    flavour.clock.advance(11)
    assert await cache.get("k") is None
    assert await cache.get("all") is not None


async def test_the_policy_may_refuse(flavour):
    cache = flavour.cache(flavour.memory(), policy=Policy(store_if=lambda chunks: chunks[-1] == "stop"))
    await read(cache, "k", Upstream(flavour, ["a"]))
    await read(cache, "good", Upstream(flavour, ["a", "stop"]))
    assert [await cache.get("k"), await cache.get("good") is None] == [None, False]
    assert stats(cache).skips == {"store_if": 1}


@pytest.mark.parametrize(
    ("keep", "reason"), [(lambda chunks: chunks[99], "IndexError"), (lambda chunks: False, "InvalidTypeError")]
)
async def test_a_stream_that_cannot_be_judged_reaches_its_reader_and_is_not_stored(flavour, keep, reason, caplog):
    cache = flavour.cache(flavour.memory())
    assert await read(cache, "k", Upstream(flavour, ["a"]), keep=keep) == ["a"]
    assert await cache.get("k") is None
    assert stats(cache).skips == {reason: 1}
    assert "could not be judged" in caplog.text


# -- stale recordings


async def stale(flavour, **options):
    cache = flavour.cache(flavour.memory(), policy=Policy(ttl=10, stale_if_error=100, **options))
    await read(cache, "k", Upstream(flavour, ["old"]))
    flavour.clock.advance(11)
    return cache


async def test_a_stale_recording_stands_in_for_a_stream_that_does_not_begin(flavour):
    cache = await stale(flavour)
    failing = Upstream(flavour, fails_at=0)
    assert await read(cache, "k", failing) == ["old"]
    assert await read(cache, "k", never) == ["old"]  # it has just failed
    flavour.clock.advance(6)
    assert await read(cache, "k", Upstream(flavour, ["new"])) == ["new"]
    assert await read(cache, "k", never) == ["new"]
    assert (failing.calls, stats(cache).stale, stats(cache).load_errors) == (1, 2, 1)
    assert is_idle(cache)


async def test_it_stands_in_for_nothing_that_has_begun(flavour):
    cache = await stale(flavour)
    chunks = inner(cache).stream("k", Upstream(flavour, ["new", "…"], fails_at=1))
    assert await step(chunks) == "new"
    with pytest.raises(ConnectionError):
        await step(chunks)
    assert stats(cache).stale == 0


async def test_one_that_is_too_old_does_not_stand_in(flavour):
    cache = await stale(flavour)
    flavour.clock.advance(200)
    with pytest.raises(ConnectionError):
        await read(cache, "k", Upstream(flavour, fails_at=0))


# -- invalidation


@pytest.mark.parametrize("invalidate", ["delete", "clear", "set", "delete_prefix"])
async def test_an_invalidated_stream_goes_on_for_its_readers_and_for_nobody_else(flavour, invalidate):
    cache = flavour.cache(flavour.memory())
    early = inner(cache).stream("k", Upstream(flavour, ["a", "b"] + ["…"] * 300))
    assert await step(early) == "a"
    arguments = {"delete": ["k"], "clear": [], "set": ["k", "value"], "delete_prefix": ["k"]}[invalidate]
    await getattr(cache, invalidate)(*arguments)
    assert await read(cache, "k", Upstream(flavour, ["new"])) == ["new"]
    assert await step(early) == "b"
    left: list[Any] = []
    await read_into(left, early)
    assert left == ["…"] * 300
    assert await read(cache, "k", never) == ["new"]
    assert (stats(cache).overtaken, stats(cache).joins) == (1, 0)
    assert is_idle(cache)


# -- at the door


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"key": 1}, InvalidTypeError, "key must be a str"),
        ({"key": ""}, InvalidArgumentError, "key must not be empty"),
        ({"factory": "chunks"}, InvalidTypeError, "factory must be callable"),
        ({"pacing": "slow"}, InvalidArgumentError, 'pacing must be "instant" or "recorded", got \'slow\''),
        ({"max_bytes": 0}, InvalidArgumentError, "max_bytes must be at least 1, got 0"),
        ({"max_bytes": 1.5}, InvalidTypeError, "max_bytes must be a whole number of bytes, got 1.5"),
        ({"ttl": -1}, InvalidArgumentError, "ttl must be more than 0"),
    ],
)
async def test_bad_arguments_are_refused_at_once(flavour, arguments, error, message):
    given = {"key": "k", "factory": never, **arguments}
    with pytest.raises(error, match=message):
        inner(flavour.cache(flavour.memory())).stream(given.pop("key"), given.pop("factory"), **given)


@pytest.mark.parametrize("upstream", ["text", b"bytes", {"a": 1}, 7, None])
async def test_a_factory_that_returns_no_iterator_is_refused(flavour, upstream):
    cache = flavour.cache(flavour.memory())
    with pytest.raises(InvalidTypeError, match="factory must return an iterator of chunks"):
        await read(cache, "k", lambda: upstream)
    assert is_idle(cache)


async def test_a_closed_cache_streams_no_more(flavour):
    cache = flavour.cache(flavour.memory())
    early = inner(cache).stream("k", never)
    await cache.aclose()
    with pytest.raises(ClosedError):
        inner(cache).stream("k", never)
    with pytest.raises(ClosedError):
        await step(early)


async def test_a_factory_that_streams_its_own_key_is_refused(flavour):
    cache = flavour.cache(flavour.memory())
    nested = lambda: inner(cache).stream("k", nested)  # noqa: E731 it names itself
    with pytest.raises(ReentrantLoadError, match="'k'"):
        await read(cache, "k", nested)
    assert await read(cache, "k", Upstream(flavour, ["a"])) == ["a"]


async def test_a_factory_may_stream_another_key(flavour):
    cache = flavour.cache(flavour.memory())
    upstream = Upstream(flavour)
    assert same(await read(cache, "outer", lambda: inner(cache).stream("inner", upstream)), CHUNKS)
    assert same(await read(cache, "outer", never), CHUNKS)
    assert same(await read(cache, "inner", never), CHUNKS)
    assert is_idle(cache)


# -- what is told


async def test_what_is_told(flavour):
    events: list[Event] = []
    cache = flavour.cache(flavour.memory(), observers=[events.append])
    await read(cache, "k", Upstream(flavour, ["a"]))
    await read(cache, "k", never)
    with pytest.raises(ConnectionError):
        await read(cache, "fails", Upstream(flavour, fails_at=0))
    await read(cache, "left", Upstream(flavour, ["a"] * 300), 1)
    said = [(event.kind, event.key, event.tier, event.reason) for event in events]
    assert said == [
        ("miss", "k", None, "memory: absent"),
        ("load", "k", None, None),
        ("store", "k", "memory", None),
        ("hit", "k", "memory", None),
        ("miss", "fails", None, "memory: absent"),
        ("load", "fails", None, "ConnectionError"),
        ("miss", "left", None, "memory: absent"),
        ("load", "left", None, None),
        ("skip", "left", None, "abandoned"),
    ]


@pytest.mark.parametrize("closing", [RuntimeError("cannot close"), None])
async def test_an_upstream_that_cannot_be_closed_harms_nobody(flavour, closing, caplog):
    class Chunks:
        closed = 0

        def __iter__(self):
            return iter(["a", "b"])

        def close(self):
            Chunks.closed += 1
            if closing is not None:
                raise closing

    cache = flavour.cache(flavour.memory())
    assert await read(cache, "k", Chunks) == ["a", "b"]
    assert await read(cache, "k", never) == ["a", "b"]
    assert Chunks.closed == 1
    assert ("could not be closed" in caplog.text) is (closing is not None)
