"""aicache: a pluggable, tiered cache for answers that are slow and cost money.

Everything public that an application needs is here, loaded when it is first used; what a library author needs is in
`aicache.protocols`, `aicache.errors` and `aicache.testing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aicache._async.tiered import TieredCache as TieredCache
    from aicache._kernel.checkup import Checkup as Checkup
    from aicache._kernel.events import Event as Event
    from aicache._kernel.events import Observer as Observer
    from aicache._kernel.outcomes import NotModified as NotModified
    from aicache._kernel.outcomes import Skip as Skip
    from aicache._kernel.outcomes import Store as Store
    from aicache._kernel.outcomes import previous as previous
    from aicache._kernel.results import CacheStats as CacheStats
    from aicache._kernel.results import Lookup as Lookup
    from aicache._kernel.results import TierStats as TierStats
    from aicache._sync.tiered import SyncTieredCache as SyncTieredCache
    from aicache.ai import AICacheStats as AICacheStats
    from aicache.ai import AIResponseCache as AIResponseCache
    from aicache.ai import Answer as Answer
    from aicache.ai import CacheKeyGenerator as CacheKeyGenerator
    from aicache.ai import CachePerformanceMonitor as CachePerformanceMonitor
    from aicache.ai import EmbeddingCache as EmbeddingCache
    from aicache.ai import NullPerformanceMonitor as NullPerformanceMonitor
    from aicache.ai import PriceList as PriceList
    from aicache.ai import Savings as Savings
    from aicache.ai import SavingsLedger as SavingsLedger
    from aicache.ai import SyncAIResponseCache as SyncAIResponseCache
    from aicache.ai import SyncEmbeddingCache as SyncEmbeddingCache
    from aicache.ai import Usage as Usage
    from aicache.codecs import Codec as Codec
    from aicache.codecs import JsonSerializer as JsonSerializer
    from aicache.codecs import Lz4Compressor as Lz4Compressor
    from aicache.codecs import MsgpackSerializer as MsgpackSerializer
    from aicache.codecs import NullCompressor as NullCompressor
    from aicache.codecs import ZlibCompressor as ZlibCompressor
    from aicache.codecs import ZstdCompressor as ZstdCompressor
    from aicache.errors import AICacheError as AICacheError
    from aicache.options import UNSET as UNSET
    from aicache.options import Breaker as Breaker
    from aicache.options import Policy as Policy
    from aicache.options import Tier as Tier
    from aicache.protocols import CacheBackend as CacheBackend
    from aicache.protocols import SyncCacheBackend as SyncCacheBackend
    from aicache.registry import available_backends as available_backends
    from aicache.registry import open_backend as open_backend
    from aicache.registry import open_sync_backend as open_sync_backend

_HOMES = {
    "AICacheError": "errors",
    "AICacheStats": "ai",
    "AIResponseCache": "ai",
    "Answer": "ai",
    "Breaker": "options",
    "CacheBackend": "protocols",
    "CacheKeyGenerator": "ai",
    "CachePerformanceMonitor": "ai",
    "CacheStats": "_kernel.results",
    "Checkup": "_kernel.checkup",
    "Codec": "codecs",
    "EmbeddingCache": "ai",
    "Event": "_kernel.events",
    "JsonSerializer": "codecs",
    "Lookup": "_kernel.results",
    "Lz4Compressor": "codecs",
    "MsgpackSerializer": "codecs",
    "NotModified": "_kernel.outcomes",
    "NullCompressor": "codecs",
    "NullPerformanceMonitor": "ai",
    "Observer": "_kernel.events",
    "Policy": "options",
    "PriceList": "ai",
    "Savings": "ai",
    "SavingsLedger": "ai",
    "Skip": "_kernel.outcomes",
    "Store": "_kernel.outcomes",
    "SyncAIResponseCache": "ai",
    "SyncCacheBackend": "protocols",
    "SyncEmbeddingCache": "ai",
    "SyncTieredCache": "_sync.tiered",
    "Tier": "options",
    "TierStats": "_kernel.results",
    "TieredCache": "_async.tiered",
    "UNSET": "options",
    "Usage": "ai",
    "ZlibCompressor": "codecs",
    "ZstdCompressor": "codecs",
    "available_backends": "registry",
    "open_backend": "registry",
    "open_sync_backend": "registry",
    "previous": "_kernel.outcomes",
}

__all__ = [*_HOMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll] one table, not two


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer to import than all the rest

        value: Any = version("aicache")
    elif name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
