"""Hypothesis state machines that hold a backend, or a cache over any tiers, against a plain dict.

    TestMine = backend_machine(lambda clock: MyBackend(clock=clock))
    TestMyCache = cache_machine(lambda clock: [MemoryBackend(clock=clock), MyBackend(clock=clock)])

Both flavours will do: what is awaitable is awaited. They need hypothesis. How many runs there are and how long they are
is set as for every Hypothesis test, by a profile or by `TestMine.settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from unittest import TestCase

from aicache.testing._backend_machine import BackendMachine
from aicache.testing._cache_machine import CacheMachine
from aicache.testing.clock import FakeClock

__all__ = ["backend_machine", "cache_machine"]


def backend_machine(make_backend: Callable[[FakeClock], Any], *, fake_time: bool = True) -> type[TestCase]:
    """A test case that takes the verbs of a backend in any order, the optional ones where it has them.

    `make_backend`: makes one over an empty store, or an awaitable of one, for each run; it gets the clock to go by.
    `fake_time=False`: the backend goes by a clock of its own; then no time passes, and lives are an hour at least.
    """
    machine: Any = type("Machine", (BackendMachine,), {"make": staticmethod(make_backend), "fake_time": fake_time})
    case: type[TestCase] = machine.TestCase
    return case


def cache_machine(
    make_tiers: Callable[[FakeClock], Sequence[Any]], *, forgetful: Collection[int] = (), fake_time: bool = True
) -> type[TestCase]:
    """A test case that takes the verbs of a cache in any order, while its tiers lose what they hold.

    `make_tiers`: makes the tiers over empty stores for each run, backends or other caches of one flavour; it gets the
    clock to go by.
    `forgetful`: the places, from 0, of tiers that need not have what they were given, as they are small or keep
    nothing. What no other tier has may then be a miss; it may never be an older value.
    `fake_time=False`: a tier goes by a clock of its own; then no time passes, and lives are an hour at least.
    """
    attributes = {"make": staticmethod(make_tiers), "forgetful": tuple(forgetful), "fake_time": fake_time}
    machine: Any = type("Machine", (CacheMachine,), attributes)
    case: type[TestCase] = machine.TestCase
    return case
