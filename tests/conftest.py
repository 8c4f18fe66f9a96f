"""What holds for every test: the Hypothesis profiles, and that CI never passes by skipping.

The profile is `HYPOTHESIS_PROFILE`, else `ci` where the environment says `CI`, else `default`. No profile has a
deadline for one example: a busy machine is not a bug.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from aicache._async import hearing as async_hearing
from aicache._kernel import following
from aicache._sync import hearing as sync_hearing

pytest_plugins = ["aicache.testing.pytest_servers"]

IN_CI = bool(os.environ.get("CI"))

_PLAIN = settings(settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("default", _PLAIN)
settings.register_profile("ci", _PLAIN, derandomize=True, database=None, print_blob=True)
settings.register_profile("nightly", _PLAIN, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "default"))


def pytest_collection_finish() -> None:
    """All that was imported stays: the collector need not look through it again and again while tests run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped `redis` test fails: the `test` extra brings a server, so none may be missing."""
    report = yield
    is_skip = report.skipped and not hasattr(report, "wasxfail")
    if IN_CI and is_skip and item.get_closest_marker("redis") is not None:
        report.outcome = "failed"
        report.longrepr = f"a redis test was skipped in CI: {report.longreprtext}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI a module that skips itself whole fails: nobody would see which tests it held."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"a whole module was skipped in CI: {report.longreprtext}"
    return report


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is believed however late a busy machine hears the feed: what it does unheard is tested elsewhere."""
    monkeypatch.setattr(following, "ALIVE_FOR", 60.0)
    for flavour in (async_hearing, sync_hearing):
        monkeypatch.setattr(flavour, "_PATIENCE", 5.0)
        monkeypatch.setattr(flavour, "_MOST", 5.0)
