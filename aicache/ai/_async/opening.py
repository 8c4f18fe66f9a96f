"""Opens the tiers of an `AIResponseCache` that is given a URL instead of tiers."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import urlsplit

from aicache.errors import MissingExtraError
from aicache.options import Tier
from aicache.registry import open_backend

__all__ = ["opened"]

_log: Final = logging.getLogger("aicache")
_WITH_PREFIX: Final = frozenset({"redis", "rediss", "unix", "valkey", "valkeys"})  # and with +sentinel, +cluster


def opened(url: str | None, memory_entries: int) -> tuple[list[Any], bool]:
    """The tiers, fastest first, and whether the shared one had to be left out since its library is not installed."""
    tiers: list[Any] = []
    scheme = "memory" if url is None else urlsplit(url).scheme or url
    if memory_entries and scheme != "memory":
        # An answer that is a little old is worth more than none, so memory goes on alone when the store is away.
        tiers.append(Tier(backend=open_backend("memory", max_entries=memory_entries), unheard="serve"))
    if scheme == "memory":
        bounds: dict[str, Any] = {} if "?" in (url or "") else {"max_entries": memory_entries or None}
        return [open_backend(url or "memory", **bounds)], False
    # A namespace stands before the keys already, and the name in the store is to be the key itself.
    options: dict[str, Any] = {"prefix": ""} if scheme.partition("+")[0] in _WITH_PREFIX else {}
    try:
        tiers.append(open_backend(url or "", **options))
    except MissingExtraError as error:
        _log.warning("answers are kept in this process only: %s", error)
        return tiers or [open_backend("null")], True
    return tiers, False
