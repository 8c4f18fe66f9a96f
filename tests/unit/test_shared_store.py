"""`SharedStore` loses what a server can lose. That it keeps the contract is among the suites of the contract."""

from __future__ import annotations

import pytest

from aicache.testing import SyncSharedStore


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
