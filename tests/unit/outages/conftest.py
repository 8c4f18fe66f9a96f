"""A cache of either flavour over a store that can be taken away."""

from __future__ import annotations

import pytest

from aicache import Tier
from aicache.testing import FaultyBackend, SyncFaultyBackend

from .outage import Outage


@pytest.fixture
def outage():
    return Outage()


@pytest.fixture
def inner(flavour):
    return flavour.big_store()


@pytest.fixture
def store(flavour, inner, outage):
    return (FaultyBackend if flavour.is_async else SyncFaultyBackend)(inner, outage)


@pytest.fixture
def cache(flavour, store):
    return flavour.cache(Tier(backend=store, name="store"), random=lambda: 0.0)
