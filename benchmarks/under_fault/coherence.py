"""What other processes read after an invalidation was awaited: 400 keys, each invalidated twice, while they refill."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from redis.asyncio import Redis

from aicache import Policy, Tier, TieredCache
from aicache.errors import AICacheError
from aicache.testing.servers import RedisServer
from aicache_redis import RedisBackend
from under_fault.forgetting import PREFIX, Forget, by_clear, by_key, by_tag, key_of, tags_of
from under_fault.processes import Array, numbers, processes, until
from under_fault.rows import Figures, Row, Scale, most

__all__ = ["ROWS", "burst"]

KEYS = 400
READERS = 2
CALLERS = 25  # at a time, in each process that reads

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
                said = await cache.lookup_or_set(key_of(at), partial(load, at), tags=tags_of(at) if tagged else ())
                figures[mine + READS] += 1
                figures[mine + STALE] += said.value < least

        figures[mine + READY] = 1
        await until(lambda: bool(figures[mine + BEGUN]))
        await asyncio.gather(*[call() for _ in range(CALLERS)])
        await asyncio.sleep(0.1)
        for at in range(KEYS):
            value = await cache.get_or_set(key_of(at), partial(load, at), tags=tags_of(at) if tagged else ())
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


def _burst_row(how: str, what: str, forget: Forget, harm: Any, times: int) -> Row:
    async def measure(_subject: str, _scale: Scale) -> Figures:
        return await burst(harm, times=times, forget=forget)

    return Row(name=f"400 keys invalidated {how}{what}", goal=FRESH, measure=measure, held=_is_fresh)


FRESH = "0 stale reads after an awaited invalidation, 0 keys stuck"
_is_fresh = most(stale=0, stuck=0)

ROWS = [
    *[
        _burst_row(how, what, forget, harm, times)
        for how, forget in (("twice", by_key), ("twice by tag", by_tag), ("twice by clear", by_clear))
        for what, harm, times in (("", None, 0), (", 4 x kill -9", _die, 4), (", tokens evicted", _evict_tokens, 50))
    ],
]
