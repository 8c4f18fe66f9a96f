"""The parts of the benchmarks that decide what their figures mean."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@contextmanager
def loaded(name):
    """A module of the benchmarks, while the block runs, under a name that nothing else has."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def harness():
    with loaded("harness") as module:
        yield module


def contender(harness, name, answer=1, calls=None):
    async def opened():
        def operation():
            if calls is not None:
                calls.append(name)

        if answer != 1:
            raise AssertionError("a wrong answer")
        yield harness.called(operation)

    return harness.Contender(name, opened)


async def test_contenders_take_turns_in_orders_that_turn(harness):
    calls = []
    names = ["a", "b", "c"]
    scenario = harness.Scenario("s", "what", [contender(harness, name, calls=calls) for name in names], "b")
    figures = await harness.measure(scenario, harness.Options(rounds=4, seconds=0.0001))
    assert set(figures) == set(names)
    assert figures["b"]["ratio"] == 1.0
    assert all(figure["wall_min"] <= figure["wall"] <= figure["wall_p90"] for figure in figures.values())
    assert set(calls) == set(names)


def test_every_contender_is_once_in_each_order(harness):
    for by in range(7):
        assert sorted(harness.turned(["a", "b", "c"], by)) == ["a", "b", "c"]
    assert len({tuple(harness.turned(["a", "b", "c"], by)) for by in range(6)}) >= 4


async def test_a_contender_with_a_wrong_answer_stops_the_run(harness):
    scenario = harness.Scenario(
        "s", "what", [contender(harness, "right"), contender(harness, "wrong", answer=2)], "right"
    )
    with pytest.raises(AssertionError, match="a wrong answer") as raised:
        await harness.measure(scenario, harness.Options(rounds=1, seconds=0.0001))
    assert raised.value.__notes__ == ["by 'wrong' in 's'"]


def test_a_ratio_is_the_median_of_the_rounds_own_ratios(harness):
    one = harness.Figure(contender(harness, "one"), wall=[2.0, 30.0, 4.0], cpu=[1.0, 1.0, 1.0])
    base = harness.Figure(contender(harness, "base"), wall=[1.0, 10.0, 1.0], cpu=[2.0, 2.0, 2.0])
    figures = one.to_dict(base)
    assert (figures["wall"], figures["ratio"], figures["ratio_cpu"]) == (4.0, 3.0, 0.5)
    assert (figures["wall_min"], figures["wall_p90"]) == (2.0, 30.0)
    assert "p50" not in figures


async def test_a_function_is_called_with_its_arguments_as_often_as_asked(harness):
    calls = []

    async def asynchronous(*arguments):
        calls.append(arguments)

    await harness.called(lambda *arguments: calls.append(arguments), "key", 1)(3)
    await harness.repeated(asynchronous, "key", 2)(2)
    assert calls == [("key", 1)] * 3 + [("key", 2)] * 2


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100)])
def test_the_spread_of_latencies(harness, share, expected):
    assert harness.spread(list(range(100, 0, -1)), share) == expected


@pytest.fixture(scope="module")
def hit_ratio():
    with loaded("hit_ratio") as module:
        yield module


@pytest.fixture(scope="module")
def policies():
    with loaded("policies") as module:
        yield module


def every_way(requests, entries):
    """The most hits there are, by trying every choice of what to keep."""
    best = {frozenset(): 0}
    for number in requests:
        following = {}
        for kept, hits in best.items():
            found = hits + (number in kept)
            choices = [kept] if number in kept else [kept, *(kept - {goes} | {number} for goes in kept)]
            if number not in kept and len(kept) < entries:
                choices.append(kept | {number})
            for choice in choices:
                following[choice] = max(following.get(choice, 0), found)
        best = following
    return max(best.values())


@pytest.mark.parametrize("seed", range(30))
def test_the_most_hits_are_the_most_there_are(hit_ratio, seed):
    rng = random.Random(seed)
    requests = [rng.randrange(6) for _ in range(25)]
    for entries in (1, 2, 3):
        assert hit_ratio.most_hits(requests, entries) == every_way(requests, entries)


@pytest.mark.parametrize("policy", ["lru", "arc", "s3_fifo", "two_q"])
def test_no_simulated_policy_has_more_hits_than_there_are_and_a_large_cache_has_all(hit_ratio, policies, policy):
    simulated = policies.POLICIES[policy]
    rng = random.Random(policy)
    requests = rng.choices(range(200), [1 / (rank + 1) for rank in range(200)], k=5_000)
    for entries in (1, 10, 50):
        assert 0 < simulated(requests, entries) <= hit_ratio.most_hits(requests, entries)
    assert simulated(requests, 1_000) == len(requests) - len(set(requests))
    if policy != "lru":  # each was made to keep more than LRU where few are asked for often and many once
        mixed = [key for number in range(3_000) for key in (rng.randrange(40), 1_000 + number)]
        assert simulated(mixed, 50) > policies.lru(mixed, 50)


@pytest.fixture(scope="module")
def why():
    with loaded("reasons") as module:
        yield module


def test_each_goal_of_which_a_bar_was_missed_is_told_once_with_its_reason(why):
    rows = [{"goal": goal, "is_met": is_met} for goal, is_met in [("8", False), ("8", False), ("3", True), ("2", None)]]
    said = why.reasons(rows)
    assert said.startswith("- **8**: ")
    assert said.count("**") == 2
    assert why.reasons([{"goal": "8", "is_met": True}]) == "None is missed."


def test_a_bar_that_the_published_run_missed_has_been_looked_into(why):
    goals = json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))["goals"]
    assert {row["goal"] for row in goals if row["is_met"] is False} <= set(why.REASONS)


async def test_how_often_to_run_is_told_by_the_operation_and_not_by_what_is_round_it(harness):
    counts = []

    async def opened():
        async def run(count):
            counts.append(count)
            return harness.Taken(1e-6)  # which is not what it takes to say so

        yield run

    scenario = harness.Scenario("s", "what", [harness.Contender("a", opened)], "a")
    await harness.measure(scenario, harness.Options(rounds=2, seconds=0.001))
    assert counts[-2:] == [1000, 1000]
