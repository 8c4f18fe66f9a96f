"""What the comparison of two runs calls slower."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("compare")
    yield module
    for name in ("compare", "fixed_work", "values"):
        sys.modules.pop(name, None)


def results(**ratios):
    figures = {name.replace("_", " "): {"ratio": ratio, "ratio_cpu": ratio} for name, ratio in ratios.items()}
    return {"scenarios": {"hit": {"baseline": "aicache", "figures": {"aicache": {"ratio": 1.0}, **figures}}}}


def test_a_ratio_that_grew_by_more_than_a_tenth_is_slower(compare):
    old, new = results(peer=4.0, other=2.0, floor=0.5), results(peer=3.6, other=1.0, floor=0.45)
    assert compare.slower(compare.relative(old), compare.relative(new)) == {
        "hit: aicache to other": pytest.approx(2.0),
        "hit: aicache to peer": pytest.approx(4.0 / 3.6),
        "hit: aicache to floor": pytest.approx(0.5 / 0.45),
    }
    assert compare.slower(compare.relative(old), compare.relative(results(peer=3.7, other=2.2, floor=0.5))) == {}


def test_what_only_one_run_measured_is_not_compared(compare):
    old, new = results(peer=4.0), results(other=1.0)
    assert compare.slower(compare.relative(old), compare.relative(new)) == {}


@pytest.mark.parametrize(("ratio", "code"), [(4.0, 0), (1.0, 1)])
def test_the_exit_code_says_whether_something_became_slower(compare, tmp_path, monkeypatch, capsys, ratio, code):
    for name, said in (("old", 4.0), ("new", ratio)):
        (tmp_path / f"{name}.json").write_text(json.dumps(results(peer=said)))
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")])
    assert compare.main() == code
    assert ("SLOWER hit: aicache to peer: 4.00 × before" in capsys.readouterr().out) is bool(code)


def test_each_kind_of_work_can_be_done(compare):
    for work in compare.WORK.values():
        work(0)
        work(2)
