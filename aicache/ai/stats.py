"""What `get_cache_stats` returns: typed, a mapping too, and a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TypedDict

__all__ = ["AICacheStats", "MemoryStats", "SharedStats"]


class SharedStats(TypedDict):
    """The shared tier. `status`: "connected"; "unavailable", it is away, or there is none; "error", it refuses.

    `keys`: entries of this cache, in its namespace and scope; None where they could not be counted. The others are what
    the store says of itself; None where it does not.
    """

    status: Literal["connected", "unavailable", "error"]
    keys: int | None
    memory_used: str | None
    memory_used_bytes: int | None
    connected_clients: int | None


class MemoryStats(TypedDict):
    """The tier in this process.

    `memory_cache_entries`: entries of this cache; `memory_cache_size_limit`: the most it may hold, of all caches that
    share it (None: no such bound); `memory_cache_utilization`: what it holds of that, in percent.
    """

    memory_cache_entries: int
    memory_cache_size_limit: int | None
    memory_cache_utilization: float


@dataclass(frozen=True, slots=True)
class AICacheStats(Mapping[str, Any]):
    """`redis`, `memory` and `performance`, as attributes and as keys."""

    redis: SharedStats
    memory: MemoryStats
    performance: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        if name not in _SECTIONS:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(_SECTIONS)

    def __len__(self) -> int:
        return len(_SECTIONS)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, for JSON."""
        return {"redis": dict(self.redis), "memory": dict(self.memory), "performance": self.performance}

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        rows = "".join(
            f"<tr><th>{escape(section)}</th><td>{escape(name)}</td><td>{escape(_shown(value))}</td></tr>"
            for section, figures in self.to_dict().items()
            for name, value in figures.items()
        )
        return f"<table><tbody>{rows}</tbody></table>"


_SECTIONS = ("redis", "memory", "performance")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
