"""How far memory falls behind that hears of invalidations, whatever befalls the feed that tells it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from redis.asyncio import Redis

from aicache import Policy, Tier, TieredCache
from aicache.testing import FaultProxy
from aicache.testing.servers import RedisServer
from aicache_memory import MemoryBackend
from aicache_redis import RedisBackend
from under_fault.forgetting import PREFIX, Forget, by_key, by_tag, key_of, tags_of
from under_fault.processes import Array, numbers, processes, until
from under_fault.rows import Figures, Row, Scale, most

__all__ = ["BEHIND_AT_MOST", "ROWS", "loses_the_feed", "tell_late"]

KEYS, VERSIONS = 20, 2_000
SLOTS = KEYS * VERSIONS
READY, BEGUN, OVER, READS, STALE, STUCK, FROM_MEMORY, ANSWERED, BEHIND, LAG, WELL = range(11)
FIGURES = 11


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
                at = draw.randrange(KEYS)
                began = int(time.monotonic() * 1e6)
                said = await cache.lookup_or_set(key_of(at), partial(load, at), tags=tags_of(at) if tagged else ())
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
        for at in range(KEYS):
            value = await cache.get_or_set(key_of(at), partial(load, at), tags=tags_of(at) if tagged else ())
            figures[STUCK] += value != truth[at]


Harm = Callable[[RedisServer, FaultProxy], Awaitable[None]]


async def tell_late(harm: Harm | None, *, seconds: float, unheard: str = "miss", forget: Forget = by_key) -> Figures:
    """Invalidate some key every 20 ms, while `harm` is done to what brings the feed to a process that reads."""
    truth, done_at, figures = numbers(KEYS), numbers(SLOTS), numbers(FIGURES)
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
                at = draw.randrange(KEYS)
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


def _told(harm: Harm | None, forget: Forget = by_key) -> Callable[..., Awaitable[Figures]]:
    async def measure(_subject: str, scale: Scale) -> Figures:
        return await tell_late(harm, seconds=1.5 + scale.silent, forget=forget)

    return measure


BEHIND_AT_MOST = 0.5
HEARD = f"oldest stale read from memory {BEHIND_AT_MOST:g} s, 0 stuck"
HALF = f"{HEARD}, half of the hits from memory"
_is_heard = most(oldest_stale_read=BEHIND_AT_MOST, stale_from_the_store=0, stuck=0)
_is_mostly_memory = most(oldest_stale_read=BEHIND_AT_MOST, stale_from_the_store=0, stuck=0, not_from_memory=0.5)


def _overflowed(figures: Figures) -> list[str]:
    return [*_is_heard(figures), *([] if figures["overflows"] else ["no output buffer overflowed"])]


ROWS = [
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
]
