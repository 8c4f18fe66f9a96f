"""What a cache tells about itself: one look-up explained, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aicache._kernel.item import Item

__all__ = ["CacheStats", "Lookup", "TierStats", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What `lookup` found, and why.

    `found`: whether there is a value; a stored None is one.
    `value`: the value, or None on a miss.
    `tier`: the name of the tier that had it; None on a miss.
    `created`: when the value was made, in seconds since the epoch by its writer's clock; None on a miss.
    `age`: seconds since then, by the clocks of its writer and this reader; None on a miss.
    `ttl_left`: seconds until it ends; None: no expiry, or a miss.
    `stale`: whether it is past its ttl.
    `compressed`: whether it is compressed where it is stored as bytes.
    `reason`: on a miss, what each tier said, as `memory: absent; redis: refused (tag)`; on a hit, None. From
    `lookup_or_set`, "loaded" or "joined" where the value comes from a factory.
    """

    found: bool
    value: Any = None
    tier: str | None = None
    created: float | None = None
    age: float | None = None
    ttl_left: float | None = None
    stale: bool = False
    compressed: bool = False
    reason: str | None = None


def told(item: Item, value: object, now: float, reason: str | None = None) -> Lookup:
    """What there is to say of an item at the time `now` of the wall clock; `reason`: why it is no hit."""
    return Lookup(
        found=reason is None,
        value=value,
        tier=item.tier,
        created=item.created,
        age=max(0.0, now - item.created),
        ttl_left=item.ttl,
        stale=not item.is_fresh,
        compressed=item.compressed,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStats:
    """Counts of one tier since the cache was built.

    `hits`, `misses`: look-ups that reached this tier. A failure, a timeout and a refusal are misses too.
    `errors`, `timeouts`: calls that failed or did not answer in time; for what they were to write or delete, see
    `pending`.
    `refused`: entries that were there and not trusted, by reason.
    `writes`: values stored, the promoted ones among them; `promotions`: those copied up from a lower tier.
    `skipped`: values that did not fit the tier's bounds.
    `raw_bytes`, `stored_bytes`: sizes of what was written, as serialized and as stored (compressed, in its envelope);
    both 0 for an in-process tier, which stores no envelopes.
    `downs`, `ups`: how often its breaker opened, and how often the tier answered again after that.
    `bypassed`: calls not made because the tier's breaker was open.
    `pending`: writes and invalidations that the tier has missed so far, by key; until it has caught up it is not
    believed about these keys. `replayed`: those that were made up for. `dropped`: those that were too many to be kept
    by name; they are made up for too, together with some others.
    `reclaimed`: entries that `clear` and `reclaim` have removed in its backend so far; it grows while they go on.
    """

    name: str
    hits: int = 0
    misses: int = 0
    errors: int = 0
    timeouts: int = 0
    refused: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    writes: int = 0
    promotions: int = 0
    skipped: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    evictions: int = 0
    downs: int = 0
    ups: int = 0
    bypassed: int = 0
    pending: int = 0
    replayed: int = 0
    dropped: int = 0
    reclaimed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """Counts of one cache since it was built. Under threads they may fall short by a few: a hit takes no lock.

    `hits`: look-ups answered by some tier; `misses`: by none.
    `loads`: calls of a factory; `load_errors`: those that raised.
    `load_timeouts`: those of them that took longer than the policy's `hard_timeout`.
    `refreshes`: loads in the background, ahead of a value's end or after it.
    `stale`: callers who were served a value past its ttl.
    `skips`: values that a factory returned and that were not stored, by the policy's or the factory's reason.
    `invalidations`: keys, prefixes and clears that were asked for.
    `joins`: callers who got the answer of a load that was under way, instead of making one: stampedes avoided.
    `waits`: loads that waited for one of another process (see `Policy.lease`).
    `unserializable`: values that a factory returned and that cannot be kept; their callers got them all the same.
    `overtaken`: values not stored because their key was written or invalidated while they were on their way.
    `tiers`: the same for each tier, in order.
    """

    hits: int
    misses: int
    loads: int
    load_errors: int
    load_timeouts: int = 0
    refreshes: int = 0
    stale: int = 0
    invalidations: int = 0
    skips: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    joins: int
    waits: int = 0
    unserializable: int
    overtaken: int
    tiers: tuple[TierStats, ...]

    @property
    def hit_ratio(self) -> float | None:
        """Hits as a share of look-ups, from 0 to 1; None before the first look-up."""
        total = self.hits + self.misses
        return self.hits / total if total else None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "tiers"}
        plain["skips"] = dict(self.skips)
        tiers = [
            {**{n: getattr(tier, n) for n in tier.__slots__}, "refused": dict(tier.refused)} for tier in self.tiers
        ]
        return {**plain, "hit_ratio": self.hit_ratio, "tiers": tiers}
