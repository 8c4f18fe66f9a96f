"""One load among processes, each of them a cache of its own over one store, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from aicache import Policy, TieredCache
from aicache.errors import LoadTimeoutError
from aicache.testing import SharedStore
from aicache.testing.virtual_time import run
from aicache_memory import MemoryBackend

LEASE = 1.0
POLL = 0.125  # the longest pause between two looks


async def nothing(keys, **_):
    """A call that reaches nobody."""
    await asyncio.sleep(3600)


class Processes:
    """Some caches over one store, and a log of their loads: (process, when it began)."""

    def __init__(self, count, **policy):
        self.now = asyncio.get_running_loop().time
        self.store = SharedStore(clock=self.now)
        policy = Policy(**{"ttl": 600, "lease": LEASE, **policy})
        peers = [self.store.peer() for _ in range(count)]
        self.caches = [TieredCache([peer], policy=policy, clock=self.now, wall_clock=self.now) for peer in peers]
        self.peers = peers
        self.loads = []

    def ask(self, at, takes, *, fails=False, **options):
        """One caller of a process; its load takes so many seconds."""

        async def load():
            self.loads.append((at, round(self.now(), 3)))
            await asyncio.sleep(takes)
            if fails:
                raise ConnectionError("the provider is down")
            return f"by {at}"

        return asyncio.ensure_future(self.caches[at].get_or_set("k", load, **options))

    @property
    def waits(self):
        return [cache.stats().waits for cache in self.caches]

    async def aclose(self):
        for cache in self.caches:
            await cache.aclose()


def with_processes(body, count=3, **policy):
    async def main():
        processes = Processes(count, **policy)
        try:
            return await body(processes)
        finally:
            await processes.aclose()

    return run(main())


def test_one_loads_and_the_others_wait_for_its_value():
    async def body(they):
        asked = [they.ask(at, 5.0) for at in range(3) for _ in range(10)]
        answers = set(await asyncio.gather(*asked))
        assert len(they.loads) == 1
        assert answers == {f"by {they.loads[0][0]}"}
        assert sorted(they.waits) == [0, 1, 1]
        assert they.now() <= 5.0 + POLL  # it was renewed: nobody took over after a lease

    with_processes(body)


def test_without_a_lease_each_process_loads_for_itself():
    async def body(they):
        await asyncio.gather(*[they.ask(at, 5.0) for at in range(3)])
        assert len(they.loads) == 3
        assert they.waits == [0, 0, 0]

    with_processes(body, lease=None)


def test_where_the_holder_fails_another_loads_at_once():
    async def body(they):
        failing = they.ask(0, 0.5, fails=True)
        await asyncio.sleep(0.1)
        waiting = they.ask(1, 0.5)
        with pytest.raises(ConnectionError):
            await failing
        assert await waiting == "by 1"
        assert [at for at, _ in they.loads] == [0, 1]
        assert they.loads[1][1] <= 0.5 + POLL

    with_processes(body)


def test_where_the_holder_dies_another_loads_a_lease_later_at_the_most():
    async def body(they):
        dying = they.ask(0, 60.0)
        await asyncio.sleep(0.1)
        waiting = they.ask(1, 0.5)
        await asyncio.sleep(2.0)  # renewed meanwhile
        assert len(they.loads) == 1
        died_at = they.now()
        they.peers[0].renew = they.peers[0].release = nothing  # it is heard no more
        assert await waiting == "by 1"
        assert they.loads[1][1] <= died_at + LEASE + POLL
        dying.cancel()

    with_processes(body)


def test_a_wait_ends_after_the_hard_timeout():
    async def body(they):
        slow = they.ask(0, 5.0)
        await asyncio.sleep(1.0)
        with pytest.raises(LoadTimeoutError, match=r"another process takes longer than hard_timeout=1.5 s"):
            await they.ask(1, 0.0, policy=Policy(lease=LEASE, hard_timeout=1.5))
        assert 2.5 <= they.now() <= 2.5 + POLL
        assert await slow == "by 0"
        assert len(they.loads) == 1

    with_processes(body)


def test_a_stale_value_is_served_by_policy_while_another_process_makes_a_new_one():
    async def body(they):
        await they.caches[0].set("k", "old", ttl=1.0)
        await asyncio.sleep(2.0)
        first = await they.ask(0, 5.0)
        second = await they.ask(1, 5.0)
        assert (first, second) == ("old", "old")
        await asyncio.sleep(6.0)
        assert len(they.loads) == 1
        assert await they.ask(1, 5.0) == f"by {they.loads[0][0]}"

    with_processes(body, stale_while_revalidate=600.0)


def test_who_lost_its_lease_stores_nothing_and_it_is_counted():
    async def body(they):
        loading = they.ask(0, 2.0)
        await asyncio.sleep(1.0)
        they.store.shelf._locks["k"] = ("somebody else", 1e9)
        assert await loading == "by 0"  # its callers get it all the same
        assert await they.store.get("k") is None
        assert they.caches[0].stats().overtaken == 1

    with_processes(body)


def test_what_was_invalidated_while_it_was_loaded_is_loaded_again_and_only_the_newer_is_stored():
    async def body(they):
        older = they.ask(0, 2.0)
        await asyncio.sleep(1.0)
        await they.caches[2].delete("k")
        newer = they.ask(1, 2.0)
        assert await older == "by 0"
        assert await newer == "by 1"
        assert await they.caches[2].get("k") == "by 1"

    with_processes(body)


def test_who_comes_after_an_invalidation_does_not_get_the_load_that_was_under_way():
    async def body(they):
        older = they.ask(0, 2.0)
        await asyncio.sleep(1.0)
        await they.caches[1].delete("k")
        later = they.ask(0, 2.0)  # joins what this process is loading, which began before
        assert await older == "by 0"
        await later
        assert [began for _, began in they.loads] == [0.0, 2.0]

    with_processes(body, lease=None)


def test_who_joins_a_load_that_nothing_overtook_gets_it():
    async def body(they):
        asked = [they.ask(0, 2.0)]
        await asyncio.sleep(1.0)
        asked.append(they.ask(0, 2.0))
        await asyncio.gather(*asked)
        assert len(they.loads) == 1

    with_processes(body, lease=None)


def test_many_keys_are_loaded_once():
    async def body(they):
        keys = [f"k{at}" for at in range(5)]
        calls = []

        def asked(at):
            async def load(missing):
                calls.append((at, sorted(missing)))
                await asyncio.sleep(1.0)
                return {key: f"{key} by {at}" for key in missing}

            return they.caches[at].get_or_set_many(keys, load)

        answers = await asyncio.gather(*[asked(at) for at in range(3)])
        assert len(calls) == 1
        assert calls[0][1] == keys
        assert answers[0] == answers[1] == answers[2]

    with_processes(body)


def test_processes_that_wait_for_each_others_keys_never_wait_for_ever():
    async def body(they):
        loads = []

        def many(at, keys, takes):
            async def load(missing):
                loads.append((at, sorted(missing)))
                await asyncio.sleep(takes)
                return {key: f"{key} by {at}" for key in missing}

            return asyncio.ensure_future(they.caches[at].get_or_set_many(keys, load))

        async def fail():
            await asyncio.sleep(2.0)
            raise ConnectionError("the provider is down")

        failing = asyncio.ensure_future(they.caches[0].get_or_set("shared", fail))
        await asyncio.sleep(0.1)
        one = many(1, ["shared", "one"], 1.0)  # "shared" is being loaded, "one" is its own
        await asyncio.sleep(0.1)
        other = many(2, ["shared", "one", "other"], 1.0)
        with pytest.raises(ConnectionError):
            await failing
        answers = await asyncio.wait_for(asyncio.gather(one, other), 10.0)
        assert answers[0]["one"] == answers[1]["one"] == "one by 1"
        assert answers[1]["other"] == "other by 2"
        assert answers[0]["shared"] == answers[1]["shared"]
        assert sorted(key for _, keys in loads for key in keys) == ["one", "other", "shared"]  # each once

    with_processes(body)


def test_many_keys_are_waited_for_together():
    async def body(they):
        keys = [f"k{at}" for at in range(50)]

        async def load(missing):
            await asyncio.sleep(1.0)
            return dict.fromkeys(missing, "made")

        first = asyncio.ensure_future(they.caches[0].get_or_set_many(keys, load))
        await asyncio.sleep(0.1)
        assert await they.caches[1].get_or_set_many(keys, load) == dict.fromkeys(keys, "made")
        assert they.now() <= 1.0 + POLL
        assert they.waits == [0, 50, 0]
        await first

    with_processes(body)


def test_what_a_wait_for_many_found_is_kept_when_it_ends_too_late():
    async def body(they):
        slow = they.ask(0, 60.0)
        await asyncio.sleep(0.1)

        async def load(missing):
            return dict.fromkeys(missing, "made")

        policy = Policy(lease=LEASE, hard_timeout=1.5)
        with pytest.raises(LoadTimeoutError):
            await they.caches[1].get_or_set_many(["k", "own"], load, policy=policy)
        assert await they.caches[1].get("own") == "made"
        slow.cancel()

    with_processes(body)


@pytest.mark.parametrize("fails", [False, True])
def test_who_hears_the_feed_is_told_when_the_load_of_another_process_has_ended(fails):
    """Not at the next look, which is up to an eighth of a second away."""

    async def main():
        now = asyncio.get_running_loop().time
        store, policy = SharedStore(clock=now), Policy(ttl=600, lease=LEASE)
        caches = [
            TieredCache([MemoryBackend(clock=now), peer], policy=policy, clock=now, wall_clock=now)
            for peer in (store, store.peer())
        ]
        ended = []

        async def load():
            await asyncio.sleep(1.0)
            ended.append(now())
            if fails and len(ended) == 1:
                raise ConnectionError("the provider is down")
            return "made"

        async def ask(cache):
            return await cache.get_or_set("k", load), now()

        for cache in caches:
            await cache.get("another key")  # it hears
        first = asyncio.ensure_future(ask(caches[0]))
        await asyncio.sleep(0.3)
        value, at = await ask(caches[1])
        assert value == "made"
        assert at - ended[0] < 0.02 + fails  # where the first has failed, the second loads for a second
        assert len(ended) == 1 + fails
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], ConnectionError) is fails
        for cache in caches:
            await cache.aclose()

    run(main())
