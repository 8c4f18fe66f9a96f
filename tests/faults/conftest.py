"""What faults are measured with. A busy machine only makes figures worse: what it took is told from what the code took.

The rows of the page of faults are the benchmarks' own: here they are asserted in their short form.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aicache._async import hearing as async_hearing
from aicache._sync import hearing as sync_hearing

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from under_fault.rows import Figures, Row, Scale

# What must not happen on any machine, however busy.
NEVER = ("changes_seen", "errors", "returned", "stale", "stale_from_the_store", "stuck", "wrong")


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[..., Awaitable[tuple[Figures, list[str]]]]:
    """Measures a row, at a scale if one is given, and says what did not hold. What a busy machine can spoil may hold at
    the third attempt; what must never happen is not asked a second time.
    """

    async def measure(row: Row, **scale: Any) -> tuple[Figures, list[str]]:
        for attempt in range(1, 4):
            figures = await row.measure("aicache", Scale(**scale))
            record_property("figures", figures)
            missed = row.held(figures)
            if not missed or attempt == 3 or any(figures.get(name) for name in NEVER):
                break
        return figures, missed

    return measure


class Stopwatch:
    """Counts from when it is made, but not what the machine let threads of this process wait for a processor."""

    def __init__(self) -> None:
        self._begun, self._delays, self._stolen = time.monotonic(), _delays(), _stolen()

    @property
    def lost(self) -> float:
        """Seconds that it does not count."""
        waited = sum(max(0.0, delay - self._delays.get(thread, 0.0)) for thread, delay in _delays().items())
        return waited + _stolen() - self._stolen

    @property
    def seconds(self) -> float:
        """Seconds that it has counted."""
        return time.monotonic() - self._begun - self.lost


def _delays() -> dict[str, float]:
    """Seconds that each thread has waited for a processor; nothing where the system does not say."""
    found: dict[str, float] = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # it may have ended
            found[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    return found


def _stolen() -> float:
    """Seconds that the host of a virtual machine ran something else."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / os.sysconf("SC_CLK_TCK")
    return 0.0


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call of a cache waits for its feed, so that memory keeps things however busy the machine is."""
    for flavour in (async_hearing, sync_hearing):
        monkeypatch.setattr(flavour, "_PATIENCE", 5.0)


@pytest.fixture
def stopwatch() -> type[Stopwatch]:
    """For what is promised within a time."""
    return Stopwatch
