"""The report as tables: drawn by rich on a terminal, in plain columns anywhere else."""

from __future__ import annotations

from importlib import import_module
from textwrap import fill
from typing import Any, Final, TextIO

from aicache.cli.demo.figures import Source
from aicache.cli.demo.report import Report
from aicache.cli.demo.text import shown, shown_bytes

__all__ = ["write_report"]

_WIDTH: Final = 79

Table = list[list[str]]

_COLOURS: Final = {Source.MEASURED.value: "green", Source.TRACE.value: "cyan", Source.MODELLED.value: "yellow"}

_LEGEND: Final = (
    "measured: by this run, on this machine. from the trace: its requests and rows, counted, picked or added up. "
    "modelled: assumed. A tier that keeps live entries has nothing raw or stored to tell."
)


def write_report(report: Report, stream: TextIO) -> None:
    """Write what was replayed, the figures of the whole and of each tier, and what went wrong."""
    rich = _rich() if stream.isatty() else None

    def draw(table: Table, align: str) -> None:
        if rich is None:
            _plain(table, align, stream)
        else:
            _drawn(rich, table, align, stream)

    trace = report.trace
    stream.write("\n" + fill(f"{trace['name']}: {trace['what']}", _WIDTH) + "\n")
    stream.write(fill(_setting(report), _WIDTH) + "\n\n")
    draw(_all(report), "lrll")
    stream.write("\nEach tier (measured)\n\n")
    draw(_tiers(report), "l" + "r" * len(report.tiers[0].figures))
    stream.write("\n" + fill(_LEGEND, _WIDTH) + "\n")
    if attached := trace.get("attached"):
        stream.write(fill(f"In this trace {attached}.", _WIDTH) + "\n")
    if report.cut_short:
        stream.write("The time was up before all requests were made; --seconds gives it more.\n")


def _setting(report: Report) -> str:
    asked = report.settings
    tiers = [
        f"memory ({bounds})" if tier == "memory" and (bounds := _bounds(asked)) else tier
        for tier in asked["tiers"].values()
    ]
    ttl = "no expiry" if asked["ttl"] is None else f"a ttl of {asked['ttl']:g} s"
    return f"through {', then '.join(tiers)}; {asked['rate']:g} requests a second; {ttl}"


def _bounds(asked: dict[str, Any]) -> str:
    entries, size = asked["max_entries"], asked["max_bytes"]
    return ", ".join(
        ([f"{entries:,} entries"] if entries is not None else []) + ([shown_bytes(size)] if size is not None else [])
    )


def _all(report: Report) -> Table:
    head = ["", "", "source", ""]
    return [head, *([f.title, shown(f), f.source.value, f.note] for f in report.figures)]


def _tiers(report: Report) -> Table:
    head = ["tier", *(figure.title for figure in report.tiers[0].figures)]
    return [head, *([tier.name, *map(shown, tier.figures)] for tier in report.tiers)]


def _plain(table: Table, align: str, stream: TextIO) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, align, strict=True)
        ]
        stream.write("  ".join(cells).rstrip() + "\n")


def _drawn(rich: dict[str, Any], table: Table, align: str, stream: TextIO) -> None:
    drawn = rich["table"].Table(box=rich["box"].SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    head, *rows = table
    for title, side in zip(head, align, strict=True):
        drawn.add_column(title, justify="right" if side == "r" else "left")
    for row in rows:
        drawn.add_row(*[rich["text"].Text(cell, style=_COLOURS.get(cell, "")) for cell in row])
    rich["console"].Console(file=stream, highlight=False).print(drawn)


def _rich() -> dict[str, Any] | None:
    try:
        return {name: import_module(f"rich.{name}") for name in ("box", "console", "table", "text")}
    except ImportError:
        return None
