"""`SharedStore` keeps the contract, and loses what a server can lose."""

from __future__ import annotations

import pytest

from aicache.protocols import (
    SupportsClear,
    SupportsFeed,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
    SyncSupportsClear,
    SyncSupportsFeed,
    SyncSupportsLeases,
    SyncSupportsMany,
    SyncSupportsReclaim,
    SyncSupportsScan,
    SyncSupportsTags,
    SyncSupportsTTL,
)
from aicache.testing import BackendContract, SharedStore, SyncBackendContract, SyncSharedStore


class TestSharedStore(BackendContract):
    fake_time = True
    capabilities = (
        *(SupportsClear, SupportsMany, SupportsScan, SupportsTTL),
        *(SupportsLeases, SupportsFeed, SupportsTags, SupportsReclaim),
    )

    def make_backend(self) -> SharedStore:
        self.store = SharedStore(clock=self.clock)
        return self.store

    def make_peer(self) -> SharedStore:
        return self.store.peer()


class TestSyncSharedStore(SyncBackendContract):
    fake_time = True
    capabilities = (
        *(SyncSupportsClear, SyncSupportsMany, SyncSupportsScan, SyncSupportsTTL),
        *(SyncSupportsLeases, SyncSupportsFeed, SyncSupportsTags, SyncSupportsReclaim),
    )

    def make_backend(self) -> SyncSharedStore:
        self.store = SyncSharedStore(clock=self.clock)
        return self.store

    def make_peer(self) -> SyncSharedStore:
        return self.store.peer()


@pytest.fixture
def store(clock):
    return SyncSharedStore(clock=clock)


def test_what_a_dead_server_kept_is_gone_and_who_followed_is_told(store):
    position = store.follow(None, 0).position
    token = store.lease(["k"], seconds=10)["k"].token
    store.shelf.restart()
    assert store.fill({"k": (b"v", None, token)}) == set()
    assert not store.follow(position, 0).is_whole


def test_a_token_that_was_evicted_lets_nothing_in(store):
    token = store.lease(["k"], seconds=10)["k"].token
    store.shelf.lose_tokens()
    assert store.fill({"k": (b"v", None, token)}) == set()


def test_notices_that_were_trimmed_are_missed(store):
    position = store.follow(None, 0).position
    store.set("k", b"v")
    store.shelf.trim()
    assert not store.follow(position, 0).is_whole
