"""What a plug-in must be, and what it may be: every contract of the library, async and sync side by side.

A backend is four verbs. Keys are text, values are bytes, a `ttl` is in seconds (None: no expiry), a miss is None. What
only some stores can do is a small protocol of its own below; a cache asks for it once, when it is built (`supports`),
never per call.

The rules that no signature shows, all of them checked by `aicache.testing`:

* Bytes that were stored come back equal, the empty ones too. The caller's buffer is never kept: copy what is not
  `bytes`.
* A `ttl` that is 0, negative or NaN is an `InvalidArgumentError`, and leaves what is stored untouched.
* `delete` says whether there was something to delete. `aclose` may be called twice; any other call after it is a
  `ClosedError`.
* A store that fails raises; it never returns a wrong or a partial value. The cache above turns that into a counted
  miss.
"""

from __future__ import annotations

from aicache.protocols.asking import supports
from aicache.protocols.backend import CacheBackend, SyncCacheBackend
from aicache.protocols.capabilities import (
    Entry,
    HasDeadline,
    HoldsEntries,
    KeepsStale,
    SharesEntries,
    SupportsClear,
    SupportsInfo,
    SupportsMany,
    SupportsScan,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsInfo,
    SyncSupportsMany,
    SyncSupportsScan,
    SyncSupportsTTL,
)
from aicache.protocols.codec import Compressor, Serializer
from aicache.protocols.shared import (
    Heard,
    Leased,
    ReadsReplicas,
    SupportsFeed,
    SupportsLeases,
    SupportsReclaim,
    SupportsTags,
    SyncReadsReplicas,
    SyncSupportsFeed,
    SyncSupportsLeases,
    SyncSupportsReclaim,
    SyncSupportsTags,
)

__all__ = [
    "CacheBackend",
    "Compressor",
    "Entry",
    "HasDeadline",
    "Heard",
    "HoldsEntries",
    "KeepsStale",
    "Leased",
    "ReadsReplicas",
    "Serializer",
    "SharesEntries",
    "SupportsClear",
    "SupportsFeed",
    "SupportsInfo",
    "SupportsLeases",
    "SupportsMany",
    "SupportsReclaim",
    "SupportsScan",
    "SupportsTTL",
    "SupportsTags",
    "SyncCacheBackend",
    "SyncReadsReplicas",
    "SyncSupportsClear",
    "SyncSupportsFeed",
    "SyncSupportsInfo",
    "SyncSupportsLeases",
    "SyncSupportsMany",
    "SyncSupportsReclaim",
    "SyncSupportsScan",
    "SyncSupportsTTL",
    "SyncSupportsTags",
    "supports",
]
