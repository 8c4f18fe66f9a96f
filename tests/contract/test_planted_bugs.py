"""The suite catches bugs: each backend in `planted` that has one fails the test that must see it, and the good ones
pass them all.

They run in a project of their own, without pytest-asyncio: the suite needs pytest and nothing else.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLANTED = Path(__file__).parent / "planted"


class Outcomes:
    """Of each suite: the test that must fail (None: none may), those that ran and those that failed."""

    def __init__(self) -> None:
        self.caught_by: dict[str, str | None] = {}
        self.ran: dict[str, set[str]] = defaultdict(set)
        self.failed: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Of a suite with a bug, run nothing but the test that must see it."""
        for item in list(items):
            suite = item.cls.__name__
            caught_by = self.caught_by[suite] = getattr(item.cls, "caught_by", None)
            if caught_by not in (None, item.originalname):
                items.remove(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite, test = report.nodeid.split("::")[-2:]
        if report.when == "call":
            self.ran[suite].add(test)
        if report.when == "call" and report.failed:
            self.failed[suite].add(test)
        assert report.passed or report.when == "call", report.longreprtext  # a bug must not show as a broken test


def test_each_bug_is_caught_and_nothing_else_is(
    pytester: pytest.Pytester, record_property: Callable[[str, object], None]
) -> None:
    shutil.copytree(PLANTED, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    modules = ["good.py", *sorted(path.name for path in PLANTED.glob("bugs_*.py"))]
    outcomes = Outcomes()
    plain = ("-q", "--disable-plugin-autoload", "-p", "no:cacheprovider", "--tb=native")  # nobody reads the tracebacks
    pytester.inline_run(*plain, *modules, plugins=[outcomes])

    bugs = {suite for suite, test in outcomes.caught_by.items() if test is not None}
    good = outcomes.caught_by.keys() - bugs
    caught = {suite for suite in bugs if outcomes.failed[suite]}
    record_property("planted bugs caught", f"{len(caught)} of {len(bugs)}")
    assert {suite: outcomes.caught_by[suite] for suite in bugs - caught} == {}
    assert {suite: outcomes.failed[suite] for suite in good if outcomes.failed[suite]} == {}
    assert (len(bugs), good) == (82, {"TestGood", "TestGoodMany", "TestGoodShared"})
    # Tests that were silently not collected would catch nothing, and say so to nobody.
    assert len(outcomes.ran["TestGood"]) >= 90
    assert len(outcomes.ran["TestGoodMany"]) >= len(outcomes.ran["TestGood"]) + 50
