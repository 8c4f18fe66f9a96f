"""Which rows of `benchmarks/faults.py` are measured in each run, and which at night."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from under_fault.rows import Row

__all__ = ["each_of"]


def each_of(rows: Sequence[Row], *, nightly: Collection[str]) -> pytest.MarkDecorator:
    """A test of each row, under its name, those of the names in `nightly` at night."""
    unknown = set(nightly) - {row.name for row in rows}
    assert not unknown, unknown
    marked = [pytest.param(row, id=row.name, marks=[pytest.mark.nightly] * (row.name in nightly)) for row in rows]
    return pytest.mark.parametrize("row", marked)
