"""When a breaker lets a call through, and what it makes of the outcome."""

from __future__ import annotations

import threading

import pytest

from aicache import Breaker
from aicache._kernel.breaker import breaker_for, outcome_of
from aicache._kernel.guard import Guard
from aicache._kernel.recovery import Missed
from aicache.errors import (
    BackendBusyError,
    BackendError,
    BackendTimeoutError,
    BackendUnavailableError,
    InvalidArgumentError,
    InvalidTypeError,
    SerializationError,
)
from aicache.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock(1000.0)


@pytest.fixture
def breaker(clock):
    return breaker_for(Breaker(failures=3, backoff=0.5, most=4.0), clock, lambda: 0.0)


def fail(breaker, times):
    for _ in range(times):
        breaker.failed(breaker.enter())


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, 2)
    breaker.succeeded(breaker.enter())
    fail(breaker, 2)
    assert breaker.state == "closed"
    assert breaker.failed(breaker.enter()) is True
    assert breaker.state == "open"
    assert breaker.enter() == 0


def test_open_it_lets_one_call_through_when_its_time_has_come_and_no_other(breaker, clock):
    fail(breaker, 3)
    clock.advance(0.49)
    assert breaker.enter() == 0
    clock.advance(0.02)
    probe = breaker.enter()
    assert probe
    assert breaker.state == "half-open"
    assert [breaker.enter() for _ in range(100)] == [0] * 100
    assert breaker.succeeded(probe) is True
    assert breaker.state == "closed"
    assert breaker.is_calm


def test_its_waits_double_up_to_the_longest_and_begin_anew_with_the_next_outage(breaker, clock):
    waits = []
    fail(breaker, 3)
    for _ in range(6):
        waited = 0.0
        while not (probe := breaker.enter()):
            clock.advance(0.25)
            waited += 0.25
        waits.append(waited)
        assert breaker.failed(probe) is False  # it was open before: no news for the log
    assert waits == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    clock.advance(4.0)
    breaker.succeeded(breaker.enter())
    fail(breaker, 3)
    clock.advance(0.5)
    assert breaker.enter()


@pytest.mark.parametrize(("random", "wait"), [(0.0, 0.5), (0.5, 0.375), (1.0, 0.25)])
def test_each_wait_is_shortened_by_up_to_a_half(clock, random, wait):
    breaker = breaker_for(Breaker(backoff=0.5), clock, lambda: random)
    fail(breaker, 3)
    clock.advance(wait - 0.001)
    assert not breaker.enter()
    clock.advance(0.002)
    assert breaker.enter()


@pytest.mark.parametrize("late", [number * 0.01 for number in range(150)])
def test_with_its_own_times_the_first_answer_comes_within_a_second_of_the_return(clock, late):
    breaker, deadline = breaker_for(Breaker(), clock, lambda: 0.0), 0.25
    fail(breaker, 3)
    back = clock() + 5 + late
    while True:
        if not (turn := breaker.enter()):
            clock.advance(0.001)
        elif clock() >= back:
            break
        else:
            clock.advance(deadline)  # a trial that began before the return may be lost with the old connection
            breaker.failed(turn)
    assert clock() - back <= 1.0


def test_a_cancelled_probe_gives_its_place_to_the_next(breaker, clock):
    fail(breaker, 3)
    clock.advance(1)
    first = breaker.enter()
    breaker.left(first)
    second = breaker.enter()
    assert second not in (0, first)
    assert breaker.succeeded(first) is False  # nobody waits for its answer
    assert breaker.failed(first) is False
    assert breaker.succeeded(second) is True


def test_a_cancelled_call_is_neither_success_nor_failure(breaker):
    fail(breaker, 2)
    breaker.left(breaker.enter())
    assert breaker.failures == 2
    fail(breaker, 1)
    assert breaker.state == "open"


def test_a_probe_that_is_never_heard_of_again_is_given_up(breaker, clock):
    fail(breaker, 3)
    clock.advance(1)
    assert breaker.enter()  # in an event loop that was closed meanwhile
    clock.advance(9)
    assert not breaker.enter()
    clock.advance(1.1)
    probe = breaker.enter()
    assert breaker.succeeded(probe)


def test_calls_from_before_an_outage_that_fail_after_it_are_old_news(breaker, clock):
    old = [breaker.enter() for _ in range(50)]
    fail(breaker, 3)
    for turn in old[:20]:
        breaker.failed(turn)
    clock.advance(0.6)
    probe = breaker.enter()
    for turn in old[20:40]:
        breaker.failed(turn)
    assert breaker.state == "half-open"
    breaker.succeeded(probe)
    for turn in old[40:]:
        breaker.failed(turn)
    assert breaker.is_calm


def test_an_answer_from_elsewhere_closes_it(breaker):
    fail(breaker, 3)
    assert breaker.close() is True
    assert breaker.close() is False
    assert breaker.is_calm


def test_without_a_breaker_every_call_goes_through_and_the_log_is_told_of_changes_all_the_same(clock):
    breaker = breaker_for(None, clock, lambda: 0.0)
    assert [breaker.failed(breaker.enter()) for _ in range(5)] == [True, False, False, False, False]
    assert breaker.enter()
    assert breaker.succeeded(breaker.enter()) is True
    assert breaker.succeeded(breaker.enter()) is False
    assert breaker.is_calm


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BackendTimeoutError("late"), "failed"),
        (BackendUnavailableError("away"), "failed"),
        (TimeoutError(), "failed"),
        (ConnectionError(), "failed"),
        (OSError(), "failed"),
        (KeyError("a bug of the backend's"), "failed"),
        (BackendError("OOM command not allowed"), "answered"),
        (BackendError("READONLY You can't write against a read only replica"), "answered"),
        (BackendBusyError("no connection was free"), "left"),
        (InvalidArgumentError("value is too large"), "left"),
        (SerializationError("no"), "left"),
    ],
)
def test_what_an_error_says_of_the_store(error, outcome):
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"failures": 0}, InvalidArgumentError),
        ({"failures": True}, InvalidTypeError),
        ({"failures": 2.5}, InvalidTypeError),
        ({"backoff": 0}, InvalidArgumentError),
        ({"backoff": float("inf")}, InvalidArgumentError),
        ({"most": None}, InvalidArgumentError),
        ({"most": "1"}, InvalidTypeError),
        ({"backoff": 5.0, "most": 1.0}, InvalidArgumentError),
    ],
)
def test_impossible_options_are_refused(options, error):
    with pytest.raises(error):
        Breaker(**options)


def test_of_many_threads_one_gets_the_probe(clock):
    guard = Guard(breaker_for(Breaker(), clock, lambda: 0.0), Missed(), clock)
    for _ in range(3):
        guard.failed(guard.enter())
    clock.advance(2)
    barrier, turns = threading.Barrier(16), []

    def ask():
        barrier.wait()
        turns.append(guard.enter())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(turn != 0 for turn in turns) == 1
