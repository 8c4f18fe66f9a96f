"""How a cache looks into its first tier, where that holds live entries: chosen once, when the cache is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from aicache._async.chain import Chain
from aicache._async.entries import EntryTier
from aicache._kernel.counters import TierCounters
from aicache._kernel.events import Events
from aicache.protocols import Entry, SharesEntries, supports

__all__ = ["Front", "front_of", "nothing"]


class Front(NamedTuple):
    """`entry`, `hits`, `thaws`: the table itself (see `SharesEntries`); finds nothing where there is none, or where
    somebody is to be told of each hit. `peek`: asks the backend; finds nothing where the first tier holds no live
    entries. `clock`: what the entries go by.
    """

    entry: Callable[[str], tuple[Any, int, float | None, int, Any] | None]
    hits: list[int]
    thaws: Sequence[Callable[[Any], Any]]
    peek: Callable[[str], Any]
    clock: Callable[[], float]
    counters: TierCounters


def front_of(chain: Chain, events: Events | None, wall_clock: Callable[[], float]) -> Front:
    """The front of a chain."""
    tier = chain.tiers[0]
    if not (isinstance(tier, EntryTier) and tier.options.read):
        return Front(nothing, [], [], nothing, wall_clock, tier.counters)
    backend = tier.backend
    if events is not None:
        return Front(nothing, [], [], partial(_told, tier, events), backend.clock, tier.counters)
    if not supports(backend, SharesEntries):
        return Front(nothing, [], [], backend.peek, backend.clock, tier.counters)
    table = cast("SharesEntries", backend)
    return Front(table.lookup, table.hits, table.thaws, backend.peek, backend.clock, tier.counters)


def nothing(_key: str) -> None:
    """No entry."""


def _told(tier: EntryTier, events: Events, key: str) -> Entry | None:
    entry = tier.backend.peek(key)
    if entry is not None:
        events.tell("hit", key, tier=tier.counters.name)
    return entry
