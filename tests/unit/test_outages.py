"""What a cache does while one of its tiers is away, and that nothing comes back to life when the tier does."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from aicache import Breaker, Tier, TieredCache
from aicache._async import replay
from aicache.errors import BackendError, BackendUnavailableError, ConfigurationError, InvalidArgumentError
from aicache.testing import FakeClock, FaultyBackend, SyncFaultyBackend
from aicache.testing.faults import Fail
from aicache_memory import MemoryBackend

from .waiting import settle


class Outage:
    """The plan of a store that is away while `error` is set, for some verbs or all."""

    def __init__(self):
        self.error = None
        self.verbs = None
        self.after = False

    def __call__(self, verb, key, number):
        hit = self.error is not None and (self.verbs is None or verb in self.verbs)
        return Fail(self.error, after=self.after) if hit else None


@pytest.fixture
def outage():
    return Outage()


@pytest.fixture
def inner(flavour):
    return flavour.big_store()


@pytest.fixture
def store(flavour, inner, outage):
    return (FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, outage)


@pytest.fixture
def cache(flavour, store):
    return flavour.cache(Tier(backend=store, name="store"), random=lambda: 0.0)


def begin(outage, error=None):
    outage.error = ConnectionError("gone") if error is None else error


async def end(outage, clock):
    outage.error = None
    clock.advance(1.01)


async def caught_up(cache, tier=0):
    for _ in range(1000):
        if not cache.stats().tiers[tier].pending:
            return
        await cache.get("anything")
        await asyncio.sleep(0)
    raise AssertionError("it never catches up")


async def opened(cache):
    for _ in range(3):
        await cache.get("probe")


async def test_an_open_breaker_asks_nobody_and_every_verb_goes_on(cache, store, outage, clock):
    begin(outage)
    await opened(cache)
    before = store.calls.total()
    assert await cache.get("k", "miss") == "miss"
    assert await cache.get_many(["k", "l"]) == {}
    assert (await cache.lookup("k")).reason == "store: open"
    assert await cache.get_or_set("k", lambda: "made") == "made"
    await cache.set("k", 1)
    await cache.set_many({"k": 1, "l": 2})
    assert await cache.delete("k") is False
    assert await cache.expire("k") is False
    assert await cache.touch("k", 60) is False
    assert await cache.delete_prefix("k") == 0
    await cache.clear()
    assert store.calls.total() == before
    tier = cache.stats().tiers[0]
    assert (tier.errors, tier.bypassed) == (3, 10)  # expire and touch need no look at what is not believed
    assert cache.stats().to_dict()["tiers"][0]["bypassed"] == 10


async def test_the_first_answer_closes_it_and_the_log_has_a_line_for_each_change(cache, store, outage, clock, caplog):
    caplog.set_level(logging.INFO, "aicache")
    begin(outage)
    for _ in range(20):
        await opened(cache)
        clock.advance(0.3)
    await end(outage, clock)
    await cache.set("k", "v")
    assert await cache.get("k") == "v"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_tier_that_raises_raises_at_once_while_the_breaker_is_open(flavour, store, outage):
    cache = flavour.cache(Tier(backend=store, name="store", on_error="raise", breaker=Breaker(failures=1)))
    begin(outage)
    with pytest.raises(BackendError):
        await cache.get("k")
    before = store.calls.total()
    for call in (lambda: cache.get("k"), lambda: cache.set("k", 1), lambda: cache.delete("k"), cache.clear):
        with pytest.raises(BackendUnavailableError, match="'store' has not answered"):
            await call()
    assert store.calls.total() == before


async def test_health_asks_whatever_the_breaker_says_and_closes_it(cache, store, outage):
    begin(outage)
    await opened(cache)
    assert await cache.health() == {"store": False}
    outage.error = None
    assert await cache.get("k") is None
    assert cache.stats().tiers[0].bypassed == 1
    assert await cache.health() == {"store": True}
    await cache.set("k", 1)
    assert await cache.get("k") == 1


async def test_without_a_breaker_every_call_is_tried(flavour, store, outage, caplog):
    cache = flavour.cache(Tier(backend=store, breaker=None))
    begin(outage)
    for _ in range(10):
        await cache.get("k")
    outage.error = None
    await cache.get("k")
    await cache.get("k")
    assert store.calls["get"] == 12
    assert cache.stats().tiers[0].bypassed == 0


async def test_what_it_does_is_described_and_a_breaker_for_memory_is_refused(flavour, store):
    said = flavour.cache(Tier(backend=store, breaker=Breaker(failures=5, backoff=0.5, most=10))).describe()
    assert "left alone for 0.5 to 10 s after 5 failures" in said
    assert "asked however often it fails" in flavour.cache(Tier(backend=flavour.store(), breaker=None)).describe()
    with pytest.raises(ConfigurationError, match="leave its breaker out"):
        flavour.cache(Tier(backend=flavour.memory(), breaker=Breaker(failures=5)))


# -- nothing comes back to life


FORGET = {
    "delete": lambda cache: cache.delete("k:1"),
    "delete_many": lambda cache: cache.delete_many(["k:1", "k:2"]),
    "expire": lambda cache: cache.expire("k:1"),
    "delete_prefix": lambda cache: cache.delete_prefix("k:"),
    "delete_prefix where": lambda cache: cache.delete_prefix("k:", where=lambda key: key.endswith("1")),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("k:1", "new"),
    "set_many": lambda cache: cache.set_many({"k:1": "new", "k:2": "new"}),
}


@pytest.mark.parametrize("when", ["failing", "open", "reply lost"])
@pytest.mark.parametrize("verb", FORGET)
async def test_what_was_forgotten_during_an_outage_is_never_served_again(cache, inner, outage, clock, verb, when):
    await cache.set_many({"k:1": "old", "k:2": "old", "other": "old"})
    if when == "open":
        begin(outage)
        await opened(cache)
    else:
        begin(outage)
        outage.after = when == "reply lost"
    await FORGET[verb](cache)
    await end(outage, clock)
    assert await cache.get("k:1") != "old"
    assert (await cache.get_many(["k:1"])).get("k:1") != "old"
    assert (await cache.lookup("k:1")).value != "old"
    await caught_up(cache)
    assert await cache.get("k:1") != "old"
    assert "k:1" not in inner.data
    assert ("other" in inner.data) == (verb != "clear")
    if verb != "clear":
        assert await cache.get("other") == "old"
    if verb in ("delete", "expire", "set", "delete_prefix where"):
        assert await cache.get("k:2") == "old"
    tier = cache.stats().tiers[0]
    assert tier.pending == 0
    assert tier.dropped == 0


async def test_a_key_that_has_not_caught_up_is_a_miss_with_its_reason(flavour, cache, inner, outage, clock):
    await cache.set("k", "old")
    begin(outage)
    await opened(cache)
    await cache.delete("k")
    await end(outage, clock)
    assert (await cache.lookup("k")).reason == "store: not caught up"
    assert cache.stats().tiers[0].pending == (1 if flavour.is_async else 0)  # threads have it done as they ask


async def test_what_is_written_after_the_outage_is_believed_at_once(cache, inner, outage, clock):
    begin(outage)
    await cache.set("k", "lost")
    outage.error = None
    await cache.set("k", "new")
    assert await cache.get("k") == "new"
    await caught_up(cache)
    assert await cache.get("k") == "new"


async def test_a_load_after_the_outage_is_stored_and_believed(cache, inner, outage, clock):
    await cache.set("k", "old")
    begin(outage)
    await opened(cache)
    await cache.delete("k")
    await end(outage, clock)
    assert await cache.get_or_set("k", lambda: "new") == "new"
    await caught_up(cache)
    assert await cache.get("k") in (None, "new")


async def test_a_sweep_goes_on_over_more_keys_than_are_listed_at_once(cache, inner, outage, clock, monkeypatch):
    await cache.set_many({f"k:{number}": number for number in range(1200)} | {"other": 1})
    begin(outage)
    await cache.delete_prefix("k:")
    await end(outage, clock)
    await caught_up(cache)
    assert set(inner.data) == {"other"}


async def test_many_deletions_go_in_slices(cache, inner, outage, clock):
    await cache.set_many({f"k:{number}": number for number in range(350)})
    begin(outage)
    await opened(cache)
    for number in range(350):
        await cache.delete(f"k:{number}")
    assert cache.stats().tiers[0].pending == 350
    await end(outage, clock)
    await caught_up(cache)
    assert inner.data == {}
    assert cache.stats().tiers[0].replayed == 350
    batches = [note for note in inner.log if note[0] == "delete_many"]
    assert max(len(note) for note in batches) <= 101


async def test_too_many_are_dropped_counted_said_once_and_not_served(flavour, store, inner, outage, clock, caplog):
    cache = flavour.cache(Tier(backend=store, name="store"), random=lambda: 0.0)
    await cache.set_many({f"k:{number}": "old" for number in range(50)} | {"other": "old"})
    tier = (cache if flavour.is_async else cache.inner)._chain.tiers[0]
    tier.guard._missed._max_keys = 10
    begin(outage)
    await opened(cache)
    for number in range(50):
        await cache.delete(f"k:{number}")
    assert cache.stats().tiers[0].dropped == 40
    await end(outage, clock)
    assert await cache.get_many([f"k:{number}" for number in range(50)]) == {}
    assert await cache.get("k:1") is None
    await caught_up(cache)
    assert await cache.get_many([f"k:{number}" for number in range(50)]) == {}
    assert set(inner.data) == {"other"}
    assert [record.message for record in caplog.records if "by name" in record.message] == [
        "cache tier 'store' has missed more than is kept by name; it will forget more than it would have to"
    ]


# -- a server that is there and refuses


async def test_reads_go_on_when_only_writes_are_refused(cache, store, inner, outage, clock, caplog):
    await cache.set_many({"k": "old", "other": "v"})
    begin(outage, BackendError("OOM command not allowed"))
    outage.verbs = {"set", "set_many"}
    for number in range(20):
        await cache.set(f"n{number}", number)
        assert await cache.get("other") == "v"
    assert cache.stats().tiers[0].bypassed == 0
    await cache.set("k", "new")
    assert await cache.get("k") is None  # and not the old value
    await caught_up(cache)
    assert "k" not in inner.data
    assert len(caplog.records) == 1
    assert "refuses to write" in caplog.text


async def test_a_replay_that_is_refused_is_tried_again_and_not_at_every_call(cache, store, inner, outage, clock):
    await cache.set_many({"k": "old", "other": "v"})
    begin(outage, BackendError("READONLY You can't write against a read only replica"))
    outage.verbs = {"set", "set_many", "delete", "delete_many"}
    await cache.delete("k")
    for _ in range(100):
        assert await cache.get("other") == "v"
        assert await cache.get("k") is None
        await asyncio.sleep(0)
    assert store.calls["delete"] <= 3
    clock.advance(1)
    outage.error = None
    await caught_up(cache)
    assert set(inner.data) == {"other"}


async def test_one_key_that_is_refused_does_not_hold_up_the_others(flavour, inner, clock):
    gone = Outage()

    def plan(verb, key, number):
        refused = verb.startswith("delete") and key == "k:0"
        return gone(verb, key, number) or (Fail(BackendError("NOPERM")) if refused else None)

    store = (FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, plan)
    cache = flavour.cache(store, random=lambda: 0.0)
    await cache.set_many({f"k:{number}": "old" for number in range(20)})
    begin(gone)
    await cache.delete_many([f"k:{number}" for number in range(20)])
    gone.error = None
    for _ in range(200):
        clock.advance(1.01)
        assert await cache.get("k:0") is None
        await cache.get("other")
        await asyncio.sleep(0)
    assert set(inner.data) == {"k:0"}
    assert cache.stats().tiers[0].pending == 1


async def test_a_key_that_the_store_does_not_take_is_not_kept_for_ever(flavour):
    def plan(verb, key, number):
        return Fail(InvalidArgumentError("the key is too long")) if len(key) > 100 else None

    inner = flavour.memory()
    cache = flavour.cache((FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, plan))
    await cache.set("x" * 1000, 1)
    for _ in range(5):
        await asyncio.sleep(0)
        await cache.get("other")
    assert cache.stats().tiers[0].pending == 0
    assert cache.stats().tiers[0].bypassed == 0


# -- tasks of an event loop


class Gate(MemoryBackend):
    """A byte store that waits at its gate."""

    capabilities = frozenset()

    def __init__(self):
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.calls = 0
        self.fails = False

    async def _pass(self):
        self.calls += 1
        await self.open.wait()
        if self.fails:
            raise ConnectionError("gone")

    async def get(self, key):
        await self._pass()
        return await super().get(key)

    async def delete(self, key):
        await self._pass()
        return await super().delete(key)


async def test_one_probe_at_a_time_and_a_cancelled_one_gives_way():
    clock, store = FakeClock(), Gate()
    async with TieredCache([Tier(backend=store, timeout=None)], clock=clock) as cache:
        store.fails = True
        await opened(cache)
        clock.advance(1)
        store.fails, store.calls = False, 0
        store.open.clear()
        first = asyncio.create_task(cache.get("k"))
        await settle()
        assert [await cache.get(f"k{number}") for number in range(20)] == [None] * 20
        assert store.calls == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(cache.get("k"))
        await settle()
        assert store.calls == 2
        assert cache.stats().tiers[0].bypassed == 20
        store.open.set()
        await second
        await asyncio.gather(*(cache.get(f"k{number}") for number in range(20)))
        assert store.calls == 22


async def test_closing_ends_a_replay_that_hangs(monkeypatch):
    monkeypatch.setattr(replay, "_PATIENCE", 0.0)
    clock, store = FakeClock(), Gate()
    cache = TieredCache([Tier(backend=store, timeout=None)], clock=clock)
    store.fails = True
    await opened(cache)
    await cache.delete("k")
    store.fails = False
    clock.advance(1)
    await cache.get("other")
    store.open.clear()
    await settle()
    assert len(asyncio.all_tasks()) == 2
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_deletion_is_made_up_for():
    store = Gate()
    async with TieredCache([Tier(backend=store, timeout=None)]) as cache:
        await cache.set("k", "old")
        store.open.clear()
        deleting = asyncio.create_task(cache.delete("k"))
        await settle()
        deleting.cancel()
        await asyncio.gather(deleting, return_exceptions=True)
        store.open.set()
        assert await cache.get("k") is None
        await caught_up(cache)
        assert await store.get("k") is None


def test_a_replay_whose_loop_was_closed_is_taken_up_by_the_next():
    clock, inner, plan = FakeClock(), MemoryBackend(), Outage()
    inner.capabilities = frozenset()
    store = FaultyBackend(inner, plan)
    cache = TieredCache([store], clock=clock)

    async def lose():
        await cache.set("k", "old")
        begin(plan)
        await cache.delete("k")
        plan.error = None
        await cache.get("other")  # a task begins, and its loop ends

    loop = asyncio.new_event_loop()
    loop.run_until_complete(lose())
    task = cache._chain.tiers[0].watch.replay._task
    assert task is not None
    loop.close()
    task._log_destroy_pending = False

    async def go_on():
        assert await cache.get("k") is None
        await caught_up(cache)
        assert await inner.get("k") is None

    asyncio.run(go_on())


@pytest.mark.parametrize("seed", range(30))
async def test_no_read_returns_what_was_overwritten_or_deleted_before_it_began(seed):
    """Readers and writers at once over a store that fails, hangs for a while, and loses replies, in seeded order."""
    chance, clock = random.Random(seed), FakeClock()
    weather = {"bad": False}

    def plan(verb, key, number):
        if weather["bad"] and chance.random() < 0.8:
            return Fail(chance.choice([ConnectionError, TimeoutError])(), after=chance.random() < 0.3)
        return Fail(BackendError("OOM")) if chance.random() < 0.05 else None

    class Slow(FaultyBackend):
        async def _begin(self, verb, keys):
            faults = await super()._begin(verb, keys)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            return faults

    inner = MemoryBackend()
    tiers = [MemoryBackend(max_entries=2), Slow(inner, plan)] if seed % 2 else [Slow(inner, plan)]
    cache = TieredCache(tiers, clock=clock, random=chance.random)
    keys = ["a:1", "a:2", "b:1"]
    floor = dict.fromkeys(keys, 0)
    version = dict.fromkeys(keys, 0)
    reads = {"found": 0}

    async def write(key):
        for _ in range(60):
            version[key] += 1
            mine = version[key]
            what = chance.random()
            if what < 0.5:
                await cache.set(key, mine)
            elif what < 0.9:
                await cache.delete(key)
            else:
                await cache.delete_prefix(key)
            floor[key] = mine
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)

    async def read():
        for _ in range(150):
            key = chance.choice(keys)
            least = floor[key]
            found = await cache.get(key) if chance.random() < 0.7 else (await cache.get_many([key])).get(key)
            assert found is None or found >= least, (key, found, least)
            reads["found"] += found is not None
            await asyncio.sleep(0)

    async def change():
        for _ in range(60):
            weather["bad"] = chance.random() < 0.5
            clock.advance(chance.random())
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
        weather["bad"] = False

    await asyncio.gather(*(write(key) for key in keys), *(read() for _ in range(4)), change())
    assert reads["found"]
    clock.advance(20)
    for _ in range(200):
        clock.advance(1)
        await cache.get("anything")
        await asyncio.sleep(0)
    assert cache.stats().tiers[-1].pending == 0
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
