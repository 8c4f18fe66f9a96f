"""Sums of lifetimes in seconds, where None is "no expiry"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aicache._kernel.item import Item

__all__ = ["ended", "freshest", "jittered", "lives", "may_stand_in", "renewed", "shorter"]

_MILLISECOND: Final = 0.001
_ROUNDED: Final = 1e-7  # of a 32-bit float, as a fraction


def shorter(one: float | None, other: float | None) -> float | None:
    """The one that ends first."""
    if one is None:
        return other
    if other is None:
        return one
    return min(one, other)


def lives(ttl: float | None, stale_for: float, most: float | None) -> tuple[float | None, float]:
    """How long to be fresh, and after that stale, where both together must not be over `most`; None: no such bound."""
    fresh = shorter(ttl, most)
    if fresh is None:
        return None, 0.0
    return fresh, stale_for if most is None else min(stale_for, most - fresh)


def jittered(ttl: float | None, jitter: float, chance: float) -> float | None:
    """`ttl` less a random part of its fraction `jitter`; `chance` is a random number from 0 to 1."""
    return ttl if ttl is None or not jitter else ttl * (1.0 - jitter * chance)


def ended(item: Item, stale_for: float) -> Item | None:
    """The item with its ttl just over; None where it is not to be kept stale.

    `stale_for`: for how long, where it had no ttl. Over by so much that no store's rounding makes it fresh again.
    """
    keep = stale_for if item.ttl is None else item.stale_for
    if not keep:
        return None
    item.ttl, item.stale_for = -(_MILLISECOND + keep * _ROUNDED), keep
    return item


def may_stand_in(item: Item, span: float) -> bool:
    """Whether it is fresh, or has been stale for no more than `span` seconds; 0: it may not be stale at all."""
    return item.ttl is None or item.ttl > 0 or -item.ttl <= span > 0


def freshest(items: Iterable[Item], span: float) -> Item | None:
    """Of those that may stand in the one that was fresh last."""
    usable = [item for item in items if may_stand_in(item, span)]
    return max(usable, key=lambda item: item.ttl or 0.0, default=None)


def renewed(item: Item, ttl: float | None, stale_for: float) -> Item:
    """The item with a life of `ttl` seconds from now; None: no expiry."""
    item.ttl, item.stale_for = ttl, 0.0 if ttl is None else stale_for
    return item
