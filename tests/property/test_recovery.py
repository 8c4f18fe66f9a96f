"""The queue of what a tier missed against a plain account of what was written, deleted, replayed and lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aicache._kernel.recovery import Missed, Sweep

KEYS = st.sampled_from([f"{group}:{number}" for group in "abc" for number in range(6)])
ALL = [f"{group}:{number}" for group in "abc" for number in range(6)]


def every(key):
    return True


class MissedMachine(RuleBasedStateMachine):
    """The oracle knows the number of the newest call that each key has missed, and the sweeps as they were said."""

    def __init__(self):
        super().__init__()
        self.missed = Missed(max_keys=4, max_bytes=10**6, max_sweeps=2)
        self.number = 0
        self.newest: dict[str, int] = {}
        self.sweeps: list[tuple[str, int]] = []
        self.taken: list[tuple[str, int]] = []
        self.sweeping: tuple[Sweep, dict[str, int], list[tuple[str, int]]] | None = None

    def next(self):
        self.number += 1
        return self.number

    @rule(keys=st.lists(KEYS, max_size=6), age=st.integers(0, 5))
    def a_call_is_missed(self, keys, age):
        number = max(1, self.next() - age)
        self.missed.add(keys, number)
        for key in keys:
            self.newest[key] = max(self.newest.get(key, 0), number)

    @rule(prefix=st.sampled_from(["", "a:", "b:", "c:1"]))
    def a_sweep_is_missed(self, prefix):
        number = self.next()
        self.missed.add_sweep(Sweep(prefix, every, number))
        self.sweeps.append((prefix, number))

    @rule(keys=st.lists(KEYS, max_size=6), age=st.integers(0, 5))
    def a_call_is_carried_out(self, keys, age):
        number = max(1, self.next() - age)
        self.missed.settled(keys, number)
        for key in keys:
            if self.newest.get(key, number) < number:
                del self.newest[key]

    @rule()
    def everything_is_cleared(self):
        number = self.next()
        self.missed.cleared(number)
        self.newest = {key: at for key, at in self.newest.items() if at >= number}
        self.sweeps = [(prefix, at) for prefix, at in self.sweeps if at >= number]

    @rule(count=st.integers(1, 3))
    def a_replay_begins(self, count):
        self.taken = self.missed.some(count)

    @rule()
    def a_replay_ends(self):
        self.missed.deleted(self.taken)
        for key, number in self.taken:
            if self.newest.get(key) == number:
                del self.newest[key]
        self.taken = []

    @rule()
    def a_sweep_begins(self):
        sweep = None if self.missed.some(1) else self.missed.sweep()
        self.sweeping = None if sweep is None else (sweep, dict(self.newest), list(self.sweeps))

    @rule()
    def a_sweep_ends(self):
        """It has deleted what it covers; what was missed before it began, and only that, is made up for."""
        if self.sweeping is None:
            return
        sweep, before, sweeps = self.sweeping
        self.sweeping = None
        self.missed.swept(sweep)
        for key, number in before.items():
            if sweep.covers(key) and self.newest.get(key) == number and not self.missed.distrusts(key):
                del self.newest[key]
        for one in sweeps:
            if one in self.sweeps and one[0].startswith(sweep.prefix) and sweep.matches is not self.missed._is_marked:
                self.sweeps.remove(one)

    @rule()
    def the_tier_refuses_what_was_taken(self):
        self.missed.postpone(self.taken)

    @invariant()
    def what_was_missed_is_never_believed(self):
        for key in self.newest:
            assert self.missed.distrusts(key), key
        for prefix, _ in self.sweeps:
            for key in ALL:
                assert not key.startswith(prefix) or self.missed.distrusts(key)

    @invariant()
    def it_is_bounded(self):
        assert len(self.missed.some(100)) <= 4
        assert len(self.missed) <= 4 + 2 + 1

    def teardown(self):
        """A tier that answers has soon caught up, and is believed again."""
        for _ in range(10):
            self.missed.deleted(self.missed.some(3))
            if not self.missed.some(1) and (sweep := self.missed.sweep()) is not None:
                self.missed.swept(sweep)
        assert self.missed.is_idle
        assert len(self.missed) == 0
        assert not any(self.missed.distrusts(key) for key in ALL)


@pytest.mark.parametrize("examples", [50, pytest.param(200, marks=pytest.mark.nightly)])
def test_the_queue_keeps_to_the_account(examples):
    run_state_machine_as_test(MissedMachine, settings=settings(max_examples=examples, stateful_step_count=40))


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(1, 100))))
def test_the_newest_of_a_key_wins_and_its_size_is_kept_to_the_byte(calls):
    missed = Missed()
    for number, (key, _) in enumerate(calls, 1):
        missed.add([key], number)
    newest = {key: number for number, (key, _) in enumerate(calls, 1)}
    assert dict(missed.some(1000)) == newest
    assert [number for _, number in missed.some(1000)] == sorted(newest.values())
    assert missed._size == sum(100 + len(key) for key in newest)
    missed.deleted(missed.some(1000))
    assert missed._size == 0


def test_what_is_too_much_leaves_a_mark_and_is_deleted_by_a_pass_over_all_keys():
    missed = Missed(max_keys=10)
    missed.add([f"k{number}" for number in range(100)], 1)
    assert missed.dropped == 90
    assert all(missed.distrusts(f"k{number}") for number in range(100))
    assert sum(missed.distrusts(f"other{number}") for number in range(10_000)) < 20
    missed.deleted(missed.some(10))
    sweep = missed.sweep()
    assert all(sweep.covers(f"k{number}") for number in range(90))
    missed.swept(sweep)
    assert missed.is_idle
    assert not any(missed.distrusts(f"k{number}") for number in range(100))


def test_a_pass_that_began_before_more_was_dropped_does_not_count():
    missed = Missed(max_keys=1)
    missed.add(["a", "b"], 1)
    sweep = missed.sweep()
    missed.add(["c"], 2)
    missed.swept(sweep)
    assert missed.distrusts("a")
    assert missed.distrusts("b")
    missed.swept(missed.sweep())
    assert not missed.distrusts("a")


def test_what_cannot_be_listed_stays_without_belief():
    missed = Missed(max_keys=1, can_scan=False)
    missed.add(["a", "b"], 1)
    missed.deleted(missed.some(1))
    assert missed.is_idle
    assert missed.distrusts("a")
    missed.cleared(2)
    assert not missed.distrusts("a")


def test_large_keys_count_by_their_size():
    missed = Missed(max_bytes=10_000)
    missed.add([f"{number}" + "x" * 1000 for number in range(50)], 1)
    assert len(missed.some(100)) == 9
    assert missed.dropped == 41


def test_more_sweeps_than_are_kept_become_wider_ones():
    missed = Missed(max_sweeps=2)
    for number, prefix in enumerate(["app:a:x", "app:a:y", "app:b:"], 1):
        missed.add_sweep(Sweep(prefix, lambda key: key.endswith("1"), number))
    assert missed.distrusts("app:a:z2")
    assert missed.distrusts("app:b:1")
    assert not missed.distrusts("app:b:2")
    assert not missed.distrusts("other")


def test_a_condition_that_fails_was_meant():
    missed = Missed()
    missed.add_sweep(Sweep("a", lambda key: 1 // 0 == 0, 1))
    assert missed.distrusts("a1")
    assert not missed.distrusts("b1")
