"""What a monitor keeps of each thing that happened; all times are in seconds, `at` on the monitor's clock."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CacheOperation", "Compression", "Invalidation", "KeyMade", "MemoryUse"]


class KeyMade(NamedTuple):
    """One key was made."""

    at: float
    duration: float
    text_length: int
    operation: str


class CacheOperation(NamedTuple):
    """One verb of the cache ended. `hit`: None where it was no look-up. `tier`: which one answered a hit."""

    at: float
    verb: str
    duration: float
    hit: bool | None
    tier: str | None
    text_length: int
    operation: str


class Compression(NamedTuple):
    """One answer was stored."""

    at: float
    original_size: int
    compressed_size: int
    operation: str


class MemoryUse(NamedTuple):
    """What the memory tier held."""

    at: float
    used_bytes: int
    entries: int


class Invalidation(NamedTuple):
    """Entries were forgotten on purpose."""

    at: float
    pattern: str
    keys_invalidated: int
    duration: float
    invalidation_type: str
