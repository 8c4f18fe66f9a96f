"""The page: each goal with what was measured of ours, and a table of peers for each fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from under_fault.rows import Row
from under_fault.subjects import OURS

__all__ = ["renew", "write"]

_HEAD = """# Under faults

Written by `python benchmarks/faults.py`{how}. Each fault is real: a server of this run's own that is killed, stopped,
paused, filled or locked, a proxy that cuts and delays, processes that fork. `tests/faults` asserts the same rows.

{machine}

## What is promised, and what was measured

`slowest` is as a clock on the wall saw it. `slowest less stolen`, by which the goal of 0.30 s is judged, is without the
time in which this process was ready to run and another program had the processor.

| fault | goal | measured | met |
|---|---|---|---|
"""

_PEERS = """
## Others under the same faults

At their defaults, each over a server of its own through thin adapters. An operation is a get or a set. Answers are
wrong where they are another key's, or older than what the caller knew to be stored. A dash: nothing was seen. redis-py,
aiocache and py-key-value raise where more than 100 connections are wanted at once, which is their default.
"""


def write(folder: Path, rows: Sequence[Row], found: dict[str, dict[str, Any]], *, is_quick: bool) -> None:
    """`FAULTS.md` and `faults.json`."""
    from machine import machine, versions

    _write(
        folder, rows, {"machine": machine(), "versions": versions(), "quick": is_quick, "rows": found, "renewed": {}}
    )


def renew(folder: Path, rows: Sequence[Row], found: dict[str, dict[str, Any]], *, is_quick: bool) -> None:
    """Put `found`, of some rows, in the place of what the last whole run measured; the page says at which commit."""
    from machine import versions

    last = json.loads((folder / "faults.json").read_text(encoding="utf-8"))
    if last["quick"] != is_quick:
        raise SystemExit(f"the last whole run had quick={last['quick']}: renew its rows in the same form, or run all")
    names = {row.name for row in rows}
    last["rows"] = {name: said for name, said in last["rows"].items() if name in names} | found
    last["renewed"] |= dict.fromkeys(found, versions()["aicache"])
    _write(folder, [row for row in rows if row.name in last["rows"]], last)


def _write(folder: Path, rows: Sequence[Row], run: dict[str, Any]) -> None:
    found, renewed = run["rows"], run["renewed"]
    text = _HEAD.format(how=" --quick" if run["quick"] else "", machine=_told(run))
    text += "".join(_promise(row, found[row.name][OURS], renewed) for row in rows)
    text += _PEERS + "".join(_table(row, found[row.name]) for row in rows if row.shown)
    (folder / "FAULTS.md").write_text(text, encoding="utf-8")
    (folder / "faults.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _told(setting: Mapping[str, Any]) -> str:
    here, with_ = setting["machine"], setting["versions"]
    used = ("aicache", "redis", "cashews", "aiocache", "py-key-value-aio", "server")
    versions = ", ".join(f"{name} {with_[name]}" for name in used)
    return f"{here['processor']}, {here['cores']} cores, {here['system']}, {here['python']}; {versions}."


def _promise(row: Row, said: dict[str, Any], renewed: Mapping[str, str]) -> str:
    if "failure" in said:
        return f"| {row.name} | {row.goal} | {said['failure']} | no |\n"
    figures = ", ".join(
        f"{key.replace('_', ' ')} {_figure(value)}"
        for key, value in said["figures"].items()
        if not isinstance(value, dict) and value is not None
    )
    if row.name in renewed:
        figures += f" (measured by itself, {renewed[row.name].partition(' ')[2]})"
    return f"| {row.name} | {row.goal} | {figures} | {'yes' if not said['broken'] else '**no**'} |\n"


def _table(row: Row, subjects: dict[str, Any]) -> str:
    lines = [f"\n### {row.name}\n", f"| | {' | '.join(row.shown.values())} |", "|---" * (len(row.shown) + 1) + "|"]
    for subject, said in subjects.items():
        figures = said.get("figures", {})
        cells = [_figure(figures.get(key)) for key in row.shown]
        cells[0] = said.get("failure", cells[0])
        lines.append(f"| {subject} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
