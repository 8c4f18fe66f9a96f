"""Which tiers a look-up asks, in order, and which tiers above each of them take a copy of what it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aicache._async.chain import AnyTier

__all__ = ["routes"]


def routes(tiers: Sequence[AnyTier], leased: AnyTier | None = None) -> list[tuple[AnyTier, list[AnyTier]]]:
    """`leased`: the tier that is asked by a lease. What a plain read of one that lags has found is not copied."""
    takers = [tier.options.promote and tier.options.write for tier in tiers]
    return [
        (
            tier,
            [tiers[above] for above in reversed(range(at)) if takers[above] and (tier is leased or not tier.lags)],
        )
        for at, tier in enumerate(tiers)
        if tier.options.read
    ]
