"""Sums of lifetimes in seconds, where None is "no expiry"."""

from __future__ import annotations

__all__ = ["jittered", "lives", "shorter"]


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
