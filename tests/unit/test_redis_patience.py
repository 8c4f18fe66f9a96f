"""What takes many round trips says again what was late, and gives others their turn."""

from __future__ import annotations

import asyncio
import time

import pytest

from aicache.errors import BackendBusyError, BackendTimeoutError, BackendUnavailableError
from aicache_redis._async import patience
from aicache_redis._sync import patience as sync_patience


@pytest.fixture
def slept(monkeypatch):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def asked(outcomes):
    """A call that has one outcome after the other."""
    left = iter(outcomes)

    def ask():
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask


async def in_both_flavours(outcomes):
    ask = asked(outcomes)

    async def ask_async():
        return ask()

    return await patience.patiently(ask_async), sync_patience.patiently(asked(outcomes))


async def test_what_was_late_is_said_again(slept):
    assert await in_both_flavours([BackendTimeoutError("late"), BackendBusyError("late"), 7]) == (7, 7)
    assert slept == [0.05, 0.1] * 2


async def test_what_is_late_again_and_again_is_given_up(slept):
    late = [BackendTimeoutError(str(number)) for number in range(5)]
    with pytest.raises(BackendTimeoutError, match="3"):
        await in_both_flavours(late)
    assert slept == [0.05, 0.1, 0.2]
    with pytest.raises(BackendTimeoutError, match="3"):
        sync_patience.patiently(asked(late))


async def test_a_server_that_is_away_is_not_waited_for(slept):
    with pytest.raises(BackendUnavailableError):
        await in_both_flavours([BackendUnavailableError("gone"), 7])
    with pytest.raises(BackendUnavailableError):
        sync_patience.patiently(asked([BackendUnavailableError("gone"), 7]))
    assert slept == []


async def test_a_rest_is_as_long_as_the_slice_took_and_never_long(slept):
    for took in (0.002, 3.0):
        await patience.rest(took)
        sync_patience.rest(took)
    assert slept == [0.002, 0.002, 0.01, 0.01]
