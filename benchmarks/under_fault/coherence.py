"""What other processes read after an invalidation was awaited, and how often a fleet loads."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from aicache import Policy, Tier, TieredCache
from aicache.errors import AICacheError
from aicache.testing import FaultProxy
from aicache.testing.servers import RedisServer
from aicache_memory import MemoryBackend
from aicache_redis import RedisBackend
from under_fault.processes import Array, numbers, processes, until
from under_fault.rows import Figures, Row, Scale, most

__all__ = ["ROWS", "burst", "herd", "loses_the_feed", "tell_late"]

KEYS = 400
PREFIX = "coherent:"
READERS = 2
CALLERS = 25  # at a time, in each process that reads

Forget = Callable[[TieredCache, int], Awaitable[object]]
"""How a key is invalidated, by its number."""


def _key(at: int) -> str:
    return f"key {at}"


def _tags(at: int) -> list[str]:
    return [f"tag {at}"]  # all keys have one, and most ways to forget need none


async def by_key(cache: TieredCache, at: int) -> None:
    await cache.delete(_key(at))


async def by_tag(cache: TieredCache, at: int) -> None:
    await cache.invalidate_tags(*_tags(at))


async def by_clear(cache: TieredCache, _at: int) -> None:
    await cache.clear()


# -- 400 keys, each invalidated twice, while two other processes read and refill

READY, BEGUN, OVER, READS, STALE, STUCK = range(6)
FIGURES = 6


async def _read(
    number: int, url: str, leases: bool, tagged: bool, now: Array, truth: Array, done: Array, figures: Array
) -> None:
    """A process that reads, and loads what is not there from `truth`."""
    draw = random.Random(number)
    mine = number * FIGURES

    async def load(at: int) -> int:
        value = truth[at]
        await asyncio.sleep(draw.uniform(0, 0.01))
        return int(value)

    backend: Any = RedisBackend(url, prefix=PREFIX)
    async with TieredCache([backend if leases else Unleased(backend)], policy=Policy(ttl=600)) as cache:

        async def call() -> None:
            while not figures[mine + OVER]:
                at = (now[0] + draw.randrange(-12, 4)) % KEYS if draw.random() < 0.7 else draw.randrange(KEYS)
                least = done[at]
                said = await cache.lookup_or_set(_key(at), partial(load, at), tags=_tags(at) if tagged else ())
                figures[mine + READS] += 1
                figures[mine + STALE] += said.value < least

        figures[mine + READY] = 1
        await until(lambda: bool(figures[mine + BEGUN]))
        await asyncio.gather(*[call() for _ in range(CALLERS)])
        await asyncio.sleep(0.1)
        for at in range(KEYS):
            value = await cache.get_or_set(_key(at), partial(load, at), tags=_tags(at) if tagged else ())
            figures[mine + STUCK] += value != truth[at]


class Unleased:
    """A store whose leases a cache does not see: it stores whatever was loaded."""

    def __init__(self, inner: RedisBackend) -> None:
        self.inner = inner
        self.deadline = inner.deadline
        for verb in ("get", "set", "delete", "get_many", "set_many", "delete_many", "get_with_ttl", "aclose"):
            setattr(self, verb, getattr(inner, verb))


async def burst(
    harm: Callable[[RedisServer], Awaitable[None]] | None = None,
    *,
    times: int = 0,
    leases: bool = True,
    forget: Forget = by_key,
) -> Figures:
    """Invalidate every key twice, 0 to 10 ms apart, and go on until `harm` was done to the server so many times."""
    with RedisServer() as server:
        return await _burst(server, harm, times, leases, forget)


async def _burst(
    server: RedisServer,
    harm: Callable[[RedisServer], Awaitable[None]] | None,
    times: int,
    leases: bool,
    forget: Forget,
) -> Figures:
    now, truth, done, figures = numbers(1), numbers(KEYS), numbers(KEYS), numbers(READERS * FIGURES)
    draw = random.Random(7)

    def everybody(what: int) -> list[int]:
        return [figures[reader * FIGURES + what] for reader in range(READERS)]

    def tell(what: int) -> None:
        for reader in range(READERS):
            figures[reader * FIGURES + what] = 1

    harmed = unsure = 0

    async def go_on_harming(harm: Callable[[RedisServer], Awaitable[None]]) -> None:
        nonlocal harmed
        while harmed < times:
            await harm(server)
            harmed += 1

    each = [(server.url, leases, forget is by_tag, now, truth, done, figures)] * READERS
    async with (
        processes(_read, each),
        TieredCache([Tier(backend=RedisBackend(server.url, prefix=PREFIX), on_error="raise", breaker=None)]) as cache,
    ):
        await until(lambda: all(everybody(READY)))
        tell(BEGUN)
        await until(lambda: min(everybody(READS)) >= KEYS)
        harming = None if harm is None else asyncio.ensure_future(go_on_harming(harm))

        async def invalidate(keys: list[int]) -> None:
            nonlocal unsure
            for at in keys:
                now[0] = at
                for _ in range(2):
                    truth[at] += 1
                    value = truth[at]
                    for _ in range(200):
                        try:
                            await forget(cache, at)
                        except AICacheError:  # it is down: what it kept is gone, and so are the tokens
                            unsure += 1
                            await asyncio.sleep(0.02)
                            continue
                        done[at] = value
                        break
                    await asyncio.sleep(draw.uniform(0, 0.01))

        while True:
            await asyncio.gather(*[invalidate(list(range(start, KEYS, 4))) for start in range(4)])
            if harming is None or harming.done():
                break
        tell(OVER)
    return {
        "reads": sum(everybody(READS)),
        "invalidations": sum(truth),
        "harmed": harmed,
        "unsure": unsure,
        "stale": sum(everybody(STALE)),
        "stuck": sum(everybody(STUCK)),
    }


async def _die(server: RedisServer) -> None:
    await asyncio.sleep(0.25)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.05)
    await asyncio.to_thread(server.start)


async def _evict_tokens(server: RedisServer) -> None:
    """Take away half of the tokens of what is being loaded just now, and half of the versions of tags."""
    async with Redis.from_url(server.url) as raw:
        names = [name async for name in raw.scan_iter(match=PREFIX + "\0[tg]*", count=1000)]
        if names:
            await raw.unlink(*random.Random(len(names)).sample(names, (len(names) + 1) // 2))
    await asyncio.sleep(0.005)


# -- memory that hears

HEARD_KEYS, VERSIONS = 20, 2_000
SLOTS = HEARD_KEYS * VERSIONS
FROM_MEMORY, ANSWERED, BEHIND, LAG, WELL = range(7, 12)
HEARD_FIGURES = 12


class FeedApart(RedisBackend):
    """Hears the feed on a way of its own, so that it alone can be harmed."""

    def __init__(self, url: str, feed: str) -> None:
        super().__init__(url, prefix=PREFIX)
        self._apart = RedisBackend(feed, prefix=PREFIX)

    async def follow(self, position: str | None, wait: float, *, own: bool = False) -> Any:  # noqa: ARG002 all are told
        """What is told on the other way, our own included."""
        return await self._apart.follow(position, wait, own=True)

    async def aclose(self) -> None:
        """Close both."""
        await self._apart.aclose()
        await super().aclose()


async def _hear(
    _number: int, url: str, feed: str, unheard: Any, tagged: bool, truth: Array, done_at: Array, figures: Array
) -> None:
    """A process that reads from memory, and knows how long ago what it got was invalidated, in microseconds."""
    draw = random.Random(1)
    memory = Tier(backend=MemoryBackend(), unheard=unheard)
    async with TieredCache([memory, FeedApart(url, feed)], policy=Policy(ttl=600)) as cache:

        async def load(at: int) -> int:
            return int(truth[at])

        async def watch_the_loop() -> None:
            while not figures[OVER]:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                figures[LAG] = max(figures[LAG], int((time.monotonic() - before - 0.005) * 1e6))

        figures[READY] = 1
        await until(lambda: bool(figures[BEGUN]))
        watching = asyncio.ensure_future(watch_the_loop())
        while not figures[OVER]:
            for _ in range(20):
                at = draw.randrange(HEARD_KEYS)
                began = int(time.monotonic() * 1e6)
                said = await cache.lookup_or_set(_key(at), partial(load, at), tags=_tags(at) if tagged else ())
                figures[READS] += 1
                next_one = done_at[at * VERSIONS + said.value + 1]
                behind = began - next_one if next_one else 0
                if said.tier == "memory" or (tagged and said.tier is not None):  # versions are remembered, too
                    figures[BEHIND] = max(figures[BEHIND], behind)
                elif said.tier is not None and behind > 0:
                    figures[STALE] += 1
                if figures[WELL] and said.found:
                    figures[ANSWERED] += 1
                    figures[FROM_MEMORY] += said.tier == "memory"
            await asyncio.sleep(0.002)
        await watching
        await asyncio.sleep(0.7)
        for at in range(HEARD_KEYS):
            value = await cache.get_or_set(_key(at), partial(load, at), tags=_tags(at) if tagged else ())
            figures[STUCK] += value != truth[at]


Harm = Callable[[RedisServer, FaultProxy], Awaitable[None]]


async def tell_late(harm: Harm | None, *, seconds: float, unheard: str = "miss", forget: Forget = by_key) -> Figures:
    """Invalidate some key every 20 ms, while `harm` is done to what brings the feed to a process that reads."""
    truth, done_at, figures = numbers(HEARD_KEYS), numbers(SLOTS), numbers(HEARD_FIGURES)
    draw = random.Random(11)
    with RedisServer() as server, FaultProxy(server.port) as proxy:
        feed = server.url.replace(str(server.port), str(proxy.port))
        each = [(server.url, feed, unheard, forget is by_tag, truth, done_at, figures)]
        async with processes(_hear, each), TieredCache([RedisBackend(server.url, prefix=PREFIX)]) as cache:
            await until(lambda: bool(figures[READY]))
            figures[BEGUN] = 1
            await until(lambda: figures[READS] > 1_000)
            figures[WELL] = 1
            harming = None if harm is None else asyncio.ensure_future(harm(server, proxy))
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                at = draw.randrange(HEARD_KEYS)
                truth[at] += 1
                await forget(cache, at)
                done_at[at * VERSIONS + truth[at]] = int(time.monotonic() * 1e6)
                await asyncio.sleep(0.02)
            if harming is not None:
                harming.cancel()
                with suppress(asyncio.CancelledError):
                    await harming
            proxy.swallows = proxy.refuses = False
            proxy.cut()
            figures[OVER] = 1
        overflows = int(
            server.say("INFO", "stats").partition(b"output_buffer_limit_disconnections:")[2].split(b"\r")[0] or 0
        )
    return {
        "reads": figures[READS],
        "oldest_stale_read": round(max(0, figures[BEHIND] - figures[LAG]) / 1e6, 3),
        "loop_lag": round(figures[LAG] / 1e6, 3),
        "stale_from_the_store": figures[STALE],
        "stuck": figures[STUCK],
        "not_from_memory": round(1 - figures[FROM_MEMORY] / max(1, figures[ANSWERED]), 3),
        "overflows": overflows,
    }


async def _cut(_server: RedisServer, proxy: FaultProxy) -> None:
    while True:
        proxy.cut()
        await asyncio.sleep(0.3)


async def _cut_with_loss(_server: RedisServer, proxy: FaultProxy) -> None:
    while True:
        proxy.swallows = True  # what comes now is lost
        await asyncio.sleep(0.06)
        proxy.cut()
        proxy.swallows = False
        await asyncio.sleep(0.3)


async def _client_kill(server: RedisServer, _proxy: FaultProxy) -> None:
    async with Redis.from_url(server.url) as raw:
        while True:
            for client in await raw.client_list():
                if client["cmd"] == "xread":
                    with suppress(Exception):
                        await raw.client_kill_filter(_id=client["id"])
            await asyncio.sleep(0.3)


async def _half_open(_server: RedisServer, proxy: FaultProxy) -> None:
    while True:
        proxy.silence()
        await asyncio.sleep(1.5)


async def loses_the_feed(_server: RedisServer, proxy: FaultProxy) -> None:
    await asyncio.sleep(0.5)
    proxy.swallows = True
    await asyncio.sleep(3600)


async def _trim(server: RedisServer, _proxy: FaultProxy) -> None:
    async with Redis.from_url(server.url) as raw:
        while True:
            await raw.xtrim(PREFIX + "\0f", maxlen=0, approximate=False)
            await asyncio.sleep(0.4)
            await raw.unlink(PREFIX + "\0f")
            await asyncio.sleep(0.4)


async def _overflow(server: RedisServer, _proxy: FaultProxy) -> None:
    """Tell more at once than the server keeps for a client: it cuts off whoever follows."""
    server.say("CONFIG", "SET", "client-output-buffer-limit", "normal 65536 0 0")
    backend = RedisBackend(server.url, prefix=PREFIX)
    try:
        while True:
            await backend.delete_many([f"{number:0200}" for number in range(500)])
            await asyncio.sleep(0.3)
    finally:
        await backend.aclose()


# -- one load in the fleet

LOADS, MOST_LOADS = STALE, 8


async def _ask(
    number: int, url: str, key: str, callers: int, takes: float, lock: float, begun: Array, figures: Array
) -> None:
    """A process whose callers all miss one key at once. `begun`: when each of its loads began, in microseconds."""
    mine = number * FIGURES

    async def load() -> str:
        begun[number * MOST_LOADS + figures[mine + LOADS]] = int(time.monotonic() * 1e6)
        figures[mine + LOADS] += 1
        await asyncio.sleep(takes)
        return "the answer"

    async with TieredCache([RedisBackend(url, prefix=PREFIX)], policy=Policy(ttl=600, lease=lock)) as cache:
        await cache.get("another key")  # it has connected
        figures[mine + READY] = 1
        await until(lambda: bool(figures[mine + BEGUN]))
        answers = await asyncio.gather(*[cache.get_or_set(key, load) for _ in range(callers)])
        figures[mine + READS] += sum(answer == "the answer" for answer in answers)


async def herd(
    url: str,
    *,
    fleet: int = 4,
    callers: int = 250,
    takes: float = 1.0,
    lock: float = 1.0,
    kill_after: float | None = None,
) -> Figures:
    """All callers of all processes miss one key at once; the process that loads is killed after so many seconds."""
    begun, figures = numbers(fleet * MOST_LOADS), numbers(fleet * FIGURES)
    killed, killed_at = -1, 0.0

    def everybody(what: int) -> list[int]:
        return [figures[number * FIGURES + what] for number in range(fleet)]

    async with Redis.from_url(url) as raw:
        each = [(url, uuid4().hex, callers, takes, lock, begun, figures)] * fleet
        async with processes(_ask, each, may_die=kill_after is not None) as made:
            await until(lambda: all(everybody(READY)))
            await raw.config_resetstat()
            for number in range(fleet):
                figures[number * FIGURES + BEGUN] = 1
            began = time.monotonic()
            if kill_after is not None:
                await until(lambda: any(everybody(LOADS)))
                await asyncio.sleep(kill_after)
                killed = everybody(LOADS).index(1)
                killed_at = time.monotonic()
                made[killed].kill()
            await until(lambda: sum(everybody(READS)) >= callers * (fleet - (killed >= 0)))
            took = time.monotonic() - began
            said = await raw.info("commandstats")
    calls = {name[8:]: counts["calls"] for name, counts in said.items() if "info" not in name and "config" not in name}
    scripts = calls.get("evalsha", 0) + calls.get("eval", 0)
    found = {
        "unanswered": callers * (fleet - (killed >= 0)) - sum(everybody(READS)),
        "took": round(took, 3),
        "loads": sum(everybody(LOADS)),
        "commands": sum(calls.values()),
        "scripts": scripts,
        "calls": calls,
    }
    if killed >= 0:
        later = [
            begun[number * MOST_LOADS] for number in range(fleet) if number != killed and begun[number * MOST_LOADS]
        ]
        found["second_load_after"] = round(min(later) / 1e6 - killed_at, 3) if later else None
    return found


# -- rows


def _burst_row(how: str, what: str, forget: Forget, harm: Any, times: int) -> Row:
    async def measure(_subject: str, _scale: Scale) -> Figures:
        return await burst(harm, times=times, forget=forget)

    return Row(name=f"400 keys invalidated {how}{what}", goal=FRESH, measure=measure, held=_is_fresh)


def _told(harm: Harm | None, forget: Forget = by_key) -> Callable[..., Awaitable[Figures]]:
    async def measure(_subject: str, scale: Scale) -> Figures:
        return await tell_late(harm, seconds=1.5 + scale.silent, forget=forget)

    return measure


def _herds(takes: float, kill_after: float | None = None) -> Callable[..., Awaitable[Figures]]:
    async def measure(_subject: str, _scale: Scale) -> Figures:
        with RedisServer() as server:
            return await herd(server.url, takes=takes, kill_after=kill_after)

    return measure


FRESH = "0 stale reads after an awaited invalidation, 0 keys stuck"
BEHIND_AT_MOST = 0.5
HEARD = f"oldest stale read from memory {BEHIND_AT_MOST:g} s, 0 stuck"
HALF = f"{HEARD}, half of the hits from memory"
_is_fresh = most(stale=0, stuck=0)
_is_heard = most(oldest_stale_read=BEHIND_AT_MOST, stale_from_the_store=0, stuck=0)
_is_mostly_memory = most(oldest_stale_read=BEHIND_AT_MOST, stale_from_the_store=0, stuck=0, not_from_memory=0.5)


def _overflowed(figures: Figures) -> list[str]:
    return [*_is_heard(figures), *([] if figures["overflows"] else ["no output buffer overflowed"])]


_LOCK = 1.0
_POLL = 0.25  # seconds until a process that waits sees that the lock is free, on a busy machine

ROWS = [
    *[
        _burst_row(how, what, forget, harm, times)
        for how, forget in (("twice", by_key), ("twice by tag", by_tag), ("twice by clear", by_clear))
        for what, harm, times in (("", None, 0), (", 4 x kill -9", _die, 4), (", tokens evicted", _evict_tokens, 50))
    ],
    Row(name="a feed that is well", goal=HALF, measure=_told(None), held=_is_mostly_memory),
    Row(name="a feed that is well, by tag", goal=HEARD, measure=_told(None, by_tag), held=_is_heard),
    Row(name="the feed cut", goal=HALF, measure=_told(_cut), held=_is_mostly_memory),
    Row(name="the feed cut, messages lost", goal=HALF, measure=_told(_cut_with_loss), held=_is_mostly_memory),
    Row(name="the feed cut, messages lost, by tag", goal=HEARD, measure=_told(_cut_with_loss, by_tag), held=_is_heard),
    Row(name="CLIENT KILL of the feed", goal=HALF, measure=_told(_client_kill), held=_is_mostly_memory),
    Row(name="the feed half-open", goal=HALF, measure=_told(_half_open), held=_is_mostly_memory),
    Row(name="the feed in a black hole", goal=HEARD, measure=_told(loses_the_feed), held=_is_heard),
    Row(name="the feed's output buffer overflows", goal=HEARD, measure=_told(_overflow), held=_overflowed),
    Row(name="the feed trimmed and deleted", goal=HALF, measure=_told(_trim), held=_is_mostly_memory),
    Row(
        name="4 processes x 250 callers, load of 100 ms",
        goal="1 load, at most 80 commands",
        measure=_herds(0.1),
        held=most(loads=1, commands=80, unanswered=0),
    ),
    Row(
        name="4 processes x 250 callers, load of 1 s",
        goal="1 load",
        measure=_herds(1.0),
        held=most(loads=1, unanswered=0),
    ),
    Row(
        name="4 processes x 250 callers, the holder killed",
        goal="2 loads, the second at most one lease of 1 s later",
        measure=_herds(1.0, kill_after=0.5),
        held=most(loads=2, unanswered=0, second_load_after=_LOCK + _POLL),
    ),
]
