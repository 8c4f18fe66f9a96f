"""The running counts behind `stats()`. Plain attributes: a hit costs one increment."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from aicache._kernel.events import Events
from aicache._kernel.guard import Guard
from aicache._kernel.results import CacheStats, TierStats

__all__ = ["Counters", "TierCounters"]


class TierCounters:
    """What one tier counts; the fields are those of `TierStats`. `guard`, `source`: count, too, in a tier that has one.
    `events`: whoever listens.
    """

    __slots__ = (
        "bypassed", "downs", "errors", "events", "guard", "hits", "misses", "name", "promotions", "raw_bytes",
        "refused", "skipped", "source", "stored_bytes", "timeouts", "ups", "writes",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.hits = self.misses = self.errors = self.timeouts = 0
        self.writes = self.promotions = self.skipped = self.raw_bytes = self.stored_bytes = 0
        self.bypassed = self.downs = self.ups = 0
        self.refused: dict[str, int] = {}
        self.guard: Guard | None = None
        self.source: object = None
        self.events: Events | None = None

    def refuse(self, key: str, reason: str) -> None:
        """Count stored bytes that were not believed."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        if self.events is not None:
            self.events.tell("refused", key, tier=self.name, reason=reason)

    def skip(self, keys: Sequence[str], reason: str) -> None:
        """Count values that were not stored here."""
        self.skipped += len(keys)
        if self.events is not None:
            self.events.tell_of("skip", keys, tier=self.name, reason=reason)

    def snapshot(self) -> TierStats:
        """The counts as they are now."""
        guard = self.guard
        return TierStats(
            name=self.name,
            hits=self.hits,
            misses=self.misses,
            errors=self.errors,
            timeouts=self.timeouts,
            refused=MappingProxyType(dict(self.refused)),
            writes=self.writes,
            promotions=self.promotions,
            skipped=self.skipped,
            raw_bytes=self.raw_bytes,
            stored_bytes=self.stored_bytes,
            evictions=getattr(self.source, "evictions", 0),
            downs=self.downs,
            ups=self.ups,
            bypassed=self.bypassed,
            pending=0 if guard is None else guard.pending,
            replayed=0 if guard is None else guard.replayed,
            dropped=0 if guard is None else guard.dropped,
            reclaimed=getattr(self.source, "reclaimed", 0),
        )


class Counters:
    """What a cache counts beside its tiers; the fields are those of `CacheStats`."""

    __slots__ = (
        "events", "invalidations", "joins", "load_errors", "load_timeouts", "loads", "misses", "overtaken", "refreshes",
        "skips", "stale", "unserializable", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        self.misses = self.loads = self.load_errors = self.load_timeouts = self.joins = 0
        self.unserializable = self.overtaken = self.refreshes = self.stale = 0
        self.invalidations = self.waits = 0
        self.skips: dict[str, int] = {}
        self.events: Events | None = None

    def snapshot(self, tiers: tuple[TierStats, ...]) -> CacheStats:
        """The counts as they are now, with those of the tiers."""
        return CacheStats(
            hits=sum(tier.hits for tier in tiers),
            misses=self.misses,
            loads=self.loads,
            load_errors=self.load_errors,
            load_timeouts=self.load_timeouts,
            refreshes=self.refreshes,
            stale=self.stale,
            skips=MappingProxyType(dict(self.skips)),
            invalidations=self.invalidations,
            joins=self.joins,
            waits=self.waits,
            unserializable=self.unserializable,
            overtaken=self.overtaken,
            tiers=tiers,
        )
