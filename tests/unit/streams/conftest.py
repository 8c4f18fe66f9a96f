"""A cache of which nothing of a stream may be left."""

from __future__ import annotations

import pytest

from aicache import TieredCache
from aicache_memory import MemoryBackend

from ..waiting import settle


@pytest.fixture
async def cache():
    async with TieredCache([MemoryBackend()]) as made:
        yield made
        await settle()
        assert made._running.table == {}
        assert made._running.pumps == set()
        assert made._chain.fence._out == {}
