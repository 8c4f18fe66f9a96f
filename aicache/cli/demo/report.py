"""The outcome of one demo as plain data, and as JSON for programs."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from aicache.cli.demo.figures import Figure, TierFigures

__all__ = ["Report", "to_dict"]

_SCHEMA: Final = 1
_LIBRARIES: Final = ("aicache", "msgpack", "lz4", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a demo has to say. `trace`: its header."""

    trace: dict[str, Any]
    settings: dict[str, Any]
    cut_short: bool
    figures: list[Figure]
    tiers: list[TierFigures]


def to_dict(report: Report) -> dict[str, Any]:
    """The report for programs. Names stay; `schema` counts up should one ever have to change."""
    return {
        "schema": _SCHEMA,
        "versions": {"python": platform.python_version(), **_installed()},
        "machine": {"system": platform.system(), "architecture": platform.machine(), "cpus": os.cpu_count()},
        "trace": report.trace,
        "settings": report.settings,
        "cut_short": report.cut_short,
        "figures": {figure.name: _figure(figure) for figure in report.figures},
        "tiers": [
            {"name": tier.name, "figures": {figure.name: _figure(figure) for figure in tier.figures}}
            for tier in report.tiers
        ],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": figure.value, "unit": figure.unit, "source": figure.source.value}
    return {**plain, "note": figure.note} if figure.note else plain


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed
    return found
