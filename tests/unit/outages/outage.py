"""How a store is taken away and given back, and how a test waits until its cache has caught up."""

from __future__ import annotations

import asyncio

from aicache.testing.faults import Fail

__all__ = ["Outage", "begin", "caught_up", "end", "opened"]


class Outage:
    """The plan of a store that is away while `error` is set, for some verbs or all."""

    def __init__(self):
        self.error = None
        self.verbs = None
        self.after = False

    def __call__(self, verb, key, number):
        hit = self.error is not None and (self.verbs is None or verb in self.verbs)
        return Fail(self.error, after=self.after) if hit else None


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
