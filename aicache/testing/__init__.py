"""What library authors and applications test with.

The suites need pytest, which is imported when one of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aicache.testing.clock import FakeClock

if TYPE_CHECKING:
    from aicache.testing._async.faulty import FaultyBackend
    from aicache.testing._async.shared import SharedStore
    from aicache.testing._sync.faulty import SyncFaultyBackend
    from aicache.testing._sync.shared import SyncSharedStore
    from aicache.testing.contract import BackendContract, SyncBackendContract
    from aicache.testing.proxy import FaultProxy
    from aicache.testing.virtual_time import VirtualTimeLoop

__all__ = [
    "BackendContract",
    "FakeClock",
    "FaultProxy",
    "FaultyBackend",
    "SharedStore",
    "SyncBackendContract",
    "SyncFaultyBackend",
    "SyncSharedStore",
    "VirtualTimeLoop",
]

_HOMES = {
    "BackendContract": "aicache.testing.contract",
    "FaultProxy": "aicache.testing.proxy",
    "FaultyBackend": "aicache.testing._async.faulty",
    "SharedStore": "aicache.testing._async.shared",
    "SyncBackendContract": "aicache.testing.contract",
    "SyncFaultyBackend": "aicache.testing._sync.faulty",
    "SyncSharedStore": "aicache.testing._sync.shared",
    "VirtualTimeLoop": "aicache.testing.virtual_time",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
