"""The conformance suites for backends, for pytest: subclass the one of your flavour."""

from __future__ import annotations

import pytest

# So that a failing test of the suite shows the values it compared, as the author's own tests do.
for _part in ("batches", "entries", "fleets", "harness", "lives", "stores", "use", "values"):
    pytest.register_assert_rewrite(f"aicache.testing._async.{_part}", f"aicache.testing._sync.{_part}")

from aicache.testing._async.contract import BackendContract  # noqa: E402 only now are its asserts rewritten
from aicache.testing._sync.contract import SyncBackendContract  # noqa: E402 the same

__all__ = ["BackendContract", "SyncBackendContract"]
