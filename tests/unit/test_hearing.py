"""Memory hears what other processes do, believes what it has only while it hears, and drops nothing of its own."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Tier, TieredCache
from aicache.errors import BackendUnavailableError
from aicache.testing import SharedStore
from aicache.testing.virtual_time import VirtualTimeLoop, run
from aicache_memory import MemoryBackend


class Feed(SharedStore):
    """A store whose feed can be away."""

    away = False
    hangs = False
    late = False

    async def follow(self, position, wait, *, own=False):
        if self.hangs:
            await asyncio.sleep(3600)
        if self.late:
            await asyncio.sleep(0.2)
        if self.away:
            raise BackendUnavailableError("the feed is away")
        return await super().follow(position, wait, own=own)


def in_two_processes(body, *, unheard="miss", timeout=0.25):
    """Run `body(here, there, memory, store)`: two caches over one store, the first with memory above it."""

    async def main():
        clock = asyncio.get_running_loop().time
        store = Feed(clock=clock)
        memory = MemoryBackend(clock=clock)
        tier = Tier(backend=memory, unheard=unheard)
        async with (
            TieredCache([tier, Tier(backend=store, timeout=timeout)], clock=clock) as here,
            TieredCache([store.peer()], clock=clock) as there,
        ):
            await body(here, there, memory, store)

    run(main())


async def heard():
    """As long as a notice takes to be heard."""
    await asyncio.sleep(0.02)


def kept(memory, key="k"):
    entry = memory.peek(key)
    return None if entry is None else entry.value


@pytest.mark.parametrize("change", ["set", "delete", "delete_many", "clear"])
def test_what_another_process_changes_is_dropped(change):
    async def body(here, there, memory, store):
        await here.get_or_set("k", lambda: "old")
        assert kept(memory) == "old"
        await {
            "set": lambda: there.set("k", "new"),
            "delete": lambda: there.delete("k"),
            "delete_many": lambda: there.delete_many(["k", "other"]),
            "clear": lambda: there.clear(),
        }[change]()
        await heard()
        assert kept(memory) is None

    in_two_processes(body)


def test_what_this_process_writes_stays():
    async def body(here, there, memory, store):
        await here.set("k", "mine")
        await heard()
        assert kept(memory) == "mine"

    in_two_processes(body)


def test_nothing_else_is_dropped():
    async def body(here, there, memory, store):
        await here.set_many({"k": 1, "other": 2})
        await there.delete("other")
        await heard()
        assert (kept(memory), kept(memory, "other")) == (1, None)

    in_two_processes(body)


@pytest.mark.parametrize("lost", ["restart", "trim"])
def test_where_notices_may_be_missing_memory_is_emptied_once(lost):
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.shelf.set(99, {"k": (b"newer", None)})
        getattr(store.shelf, lost)()
        await heard()
        assert kept(memory) is None
        assert here._chain.hearing.losses == 2  # when it began, and now
        await here.set("k", "again")
        await asyncio.sleep(1)
        assert kept(memory) == "again"
        assert here._chain.hearing.losses <= 3

    in_two_processes(body)


def test_half_a_second_after_the_feed_was_last_heard_nothing_is_believed():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.away = True
        await asyncio.sleep(0.5)
        assert kept(memory) is None
        assert not here._chain.hearing.is_current
        await here.set("k", "w")
        assert await here.get("k") == "w"  # from the store
        assert kept(memory) is None

    in_two_processes(body)


@pytest.mark.parametrize("timeout", [0.25, 5.0, None])
def test_a_feed_that_hangs_is_not_waited_for_longer_than_memory_may_be_believed(timeout):
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.hangs = True
        await asyncio.sleep(0.6)  # the question that is under way, and half a second
        assert kept(memory) is None

    in_two_processes(body, timeout=timeout)


def test_a_short_break_costs_nothing():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.away = True
        await asyncio.sleep(0.05)
        store.away = False
        await asyncio.sleep(0.5)
        assert kept(memory) == "v"

    in_two_processes(body)


def test_it_keeps_again_once_the_feed_is_heard():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.away = True
        await asyncio.sleep(1)
        store.away = False
        await asyncio.sleep(0.3)
        assert await here.get("k") == "v"
        assert kept(memory) == "v"
        await there.delete("k")
        await heard()
        assert kept(memory) is None

    in_two_processes(body)


def test_a_tier_that_serves_unheard_keeps_what_it_has_until_something_may_be_missing():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        store.away = True
        await asyncio.sleep(5)
        assert kept(memory) == "v"
        store.away = False
        await asyncio.sleep(0.3)
        assert kept(memory) is None  # who knows what was said meanwhile

    in_two_processes(body, unheard="serve")


def test_what_was_read_before_an_invalidation_is_not_kept_after_it():
    async def body(here, there, memory, store):
        await there.set("k", "old")
        await here.get("it hears from now on")
        store._latency = lambda: 0.05  # this read is on its way back when the notice arrives
        reading = asyncio.ensure_future(here.get("k"))
        await asyncio.sleep(0.06)
        store._latency = float
        await there.delete("k")
        assert await reading == "old"
        assert kept(memory) is None

    in_two_processes(body)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("when", ["ends", "begins"])
def test_what_was_loaded_while_the_feed_was_not_heard_is_kept_by_the_store_alone(when, many):
    async def body(here, there, memory, store):
        async def made(_keys=None):
            store.away = store.late = False
            if when == "ends":
                store.away = True
            await asyncio.sleep(0.6)
            return {"k": "dear"} if many else "dear"

        if when == "ends":
            await here.get("begin")
        else:
            store.late = True
        await (here.get_or_set_many(["k"], made) if many else here.get_or_set("k", made))
        assert here._chain.hearing.is_current is (when == "begins")
        assert kept(memory) is None
        assert await there.get("k") == "dear"
        assert here.stats().overtaken == 0

    in_two_processes(body)


def test_what_another_process_invalidates_unheard_is_not_kept_by_the_store_either():
    async def body(here, there, memory, store):
        async def made():
            store.away = True
            await asyncio.sleep(0.6)
            await there.delete("k")
            return "old"

        await here.get("begin")
        assert await here.get_or_set("k", made) == "old"
        assert await there.get("k") is None
        assert here.stats().overtaken == 1

    in_two_processes(body)


def test_the_end_of_its_loop_empties_memory():
    def clock():
        return 0.0

    store, memory = SharedStore(clock=clock), MemoryBackend(clock=clock)
    cache = TieredCache([memory, store], clock=clock)

    async def use(value):
        await cache.set("k", value)
        assert kept(memory) == value

    for value in ("in one loop", "in another"):  # both hear
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(0)) as runner:
            runner.run(use(value))
        assert kept(memory) is None


def test_a_forked_child_begins_anew():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        hearing = here._chain.hearing
        beside = hearing._beside
        hearing.forked()  # what `os.register_at_fork` calls in the child
        assert kept(memory) is None
        assert not hearing.has_begun
        assert await here.get("k") == "v"
        assert kept(memory) == "v"
        assert hearing._beside is not beside
        await beside.aclose()

    in_two_processes(body)


@pytest.mark.parametrize("comes", ["before", "after"])
@pytest.mark.parametrize("has_memory", [True, False])
def test_what_a_second_cache_over_the_same_backend_does_is_heard_too(comes, has_memory):
    async def main():
        clock = asyncio.get_running_loop().time
        store, memory = SharedStore(clock=clock), MemoryBackend(clock=clock)

        def second():
            return TieredCache([*[MemoryBackend(clock=clock)][:has_memory], store], clock=clock)

        other = second() if comes == "before" else None
        async with TieredCache([memory, store], clock=clock) as cache:
            other = other or second()
            await cache.set("k", "v")
            await other.delete("k")
            await heard()
            assert kept(memory) is None

    run(main())


def test_a_feed_without_news_is_heard_however_short_the_patience():
    async def body(here, there, memory, store):
        await here.set("k", "v")
        await asyncio.sleep(3)
        assert kept(memory) == "v"
        assert here._chain.hearing.losses == 1  # when it began

    in_two_processes(body, timeout=0.05)


def test_a_version_that_the_store_lost_is_asked_for_anew_within_a_minute():
    """Else two processes would go on making versions of their own, and each would take the other's entries for over."""

    async def body(here, there, memory, store):
        for _ in range(2):  # from the second on it is heard, and the version remembered
            await here.set("k", "old", tags=["t"])
            await heard()
        store.shelf._versions.clear()  # evicted
        await there.set("k", "new", tags=["t"])
        await heard()
        assert await here.get("k") is None
        await asyncio.sleep(61)
        assert await here.get("k") == "new"
        await here.set("k", "newer", tags=["t"])
        assert await there.get("k") == "newer"

    in_two_processes(body)
