"""What library authors and applications test with.

The suites need pytest, which is imported when one of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aicache.testing.clock import FakeClock

if TYPE_CHECKING:
    from aicache.testing._async.faulty import FaultyBackend
    from aicache.testing._sync.faulty import SyncFaultyBackend
    from aicache.testing.contract import BackendContract, SyncBackendContract

__all__ = ["BackendContract", "FakeClock", "FaultyBackend", "SyncBackendContract", "SyncFaultyBackend"]

_HOMES = {
    "BackendContract": "aicache.testing.contract",
    "FaultyBackend": "aicache.testing._async.faulty",
    "SyncBackendContract": "aicache.testing.contract",
    "SyncFaultyBackend": "aicache.testing._sync.faulty",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
