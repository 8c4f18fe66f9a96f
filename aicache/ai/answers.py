"""What a kept answer looks like to its caller: the response as it was stored, with what the cache knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from aicache._kernel.results import Lookup
from aicache.ai.kept import kept_apart
from aicache.ai.usage import Usage

__all__ = ["Answer", "told"]

_PREFIX: Final = "aicache_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response with what the cache knows of it.

    `response`: what was stored, exactly. `cache_hit`: False where it has just been made. `cached_at`: when it was made,
    by the clock of who stored it, in UTC. `text_length`: characters of the request's text. `compression_used`: whether
    it is compressed where it is stored. `tier`: which tier had it; None where it has just been made. `ttl_left`:
    seconds until it ends; None: no expiry. `usage`: what the call that made it used, once, however often the answer is
    given out; None: not known. `joined`: whether another caller's call made it, while this one waited.
    """

    response: Any
    cache_hit: bool
    cached_at: datetime
    text_length: int
    compression_used: bool
    tier: str | None
    ttl_left: float | None
    usage: Usage | None = None
    joined: bool = False

    @property
    def new_usage(self) -> Usage | None:
        """What was used for this very caller, and is to be billed: None for a hit and for who joined a call."""
        return None if self.cache_hit or self.joined else self.usage

    def to_dict(self) -> dict[str, Any]:
        """The response's own fields, and `cached_at` (ISO 8601), `cache_hit`, `text_length`, `compression_used`.

        Where the response has a field of that name, the response's stays, and the cache's is called `aicache_` and the
        name. A response that is no dict is the field `response`.
        """
        told: dict[str, Any] = {"response": self.response}
        response: object = self.response
        if isinstance(response, dict):
            told = dict(cast("dict[str, Any]", response))
        for name, value in (
            ("cached_at", self.cached_at.isoformat()),
            ("cache_hit", self.cache_hit),
            ("text_length", self.text_length),
            ("compression_used", self.compression_used),
        ):
            free = name
            while free in told:
                free = _PREFIX + free
            told[free] = value
        return told


def told(found: Lookup, text_length: int) -> Answer:
    """The answer that a look-up found, or that was just made."""
    response, usage = kept_apart(found.value)
    return Answer(
        response=response,
        cache_hit=found.found,
        cached_at=datetime.fromtimestamp(found.created or 0.0, UTC),
        text_length=text_length,
        compression_used=found.compressed,
        tier=found.tier,
        ttl_left=found.ttl_left,
        usage=usage,
        joined=found.reason == "joined",
    )
