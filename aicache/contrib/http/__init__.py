"""Caches the calls of a provider's SDK, below it: a transport for its HTTP client.

    client = OpenAI(http_client=httpx2.Client(transport=CachingTransport(cache)))

`CachingTransport` and `AsyncCachingTransport` here are those for httpx2; those for httpx are in
`aicache.contrib.http.httpx`. Which requests are known is in `rules`, which answers are stored in `storing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aicache.contrib.http.cassettes import Cassette
from aicache.contrib.http.desk import TransportStats
from aicache.contrib.http.explaining import explain
from aicache.contrib.http.modes import ReplayMissError, bypass, record, refresh, replay_only
from aicache.contrib.http.providers import PROVIDERS
from aicache.contrib.http.rules import Asked, Rule
from aicache.contrib.http.storing import StorePolicy, Verdict

if TYPE_CHECKING:
    from aicache.contrib.http.httpx2 import AsyncCachingTransport as AsyncCachingTransport
    from aicache.contrib.http.httpx2 import CachingTransport as CachingTransport

__all__ = [
    "PROVIDERS",
    "Asked",
    "AsyncCachingTransport",
    "CachingTransport",
    "Cassette",
    "ReplayMissError",
    "Rule",
    "StorePolicy",
    "TransportStats",
    "Verdict",
    "bypass",
    "explain",
    "record",
    "refresh",
    "replay_only",
]


def __getattr__(name: str) -> Any:
    if name not in ("AsyncCachingTransport", "CachingTransport"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.httpx2"), name)
    return value
