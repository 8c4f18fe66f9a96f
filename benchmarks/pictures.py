"""The pictures: how the contenders compare, how late their answers are, and the hit ratios on traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from harness import Scenario

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

__all__ = ["draw_contenders", "draw_latencies", "draw_ratios"]

# Told apart by people who do not see all colours, too (Okabe and Ito).
_OURS, _BEHIND, _AHEAD, _FLOOR = "#0072b2", "#e69f00", "#d55e00", "#9a9a9a"
_SAME = 0.05


def draw_contenders(path: Path, measured: Sequence[tuple[Scenario, dict[str, Any]]]) -> None:
    """One panel for each scenario, on one common scale: bars from 1, which is aicache's time, to the contender's."""
    columns = 2
    rows = [measured[at : at + columns] for at in range(0, len(measured), columns)]
    heights = [max(len(figures) for _, figures in row) + 2 for row in rows]
    picture, axes = pyplot.subplots(
        len(rows),
        columns,
        figsize=(14, 0.27 * sum(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    every = [figure["ratio"] for _, figures in measured for figure in figures.values()]
    for place in axes.flat[len(measured) :]:
        place.set_visible(False)
    for place, (scenario, figures) in zip(axes.flat, measured, strict=False):
        _panel(place, scenario, figures)
        place.set_xlim(min(every) / 3.5, max(every) * 4)
    picture.suptitle("Time of an operation, or memory, as a multiple of aicache's in the same round", fontsize=15)
    words = {_OURS: "aicache", _AHEAD: "takes less time", _BEHIND: "takes more time", _FLOOR: "floor: no cache"}
    handles = [Patch(color=colour, label=word) for colour, word in words.items()]
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=12, frameon=False)
    picture.savefig(path, dpi=80)
    pyplot.close(picture)


def _panel(place: Any, scenario: Scenario, figures: dict[str, Any]) -> None:
    floors = {contender.name for contender in scenario.contenders if contender.is_floor}
    for at, (name, figure) in enumerate(sorted(figures.items(), key=lambda pair: -pair[1]["ratio"])):
        ratio = figure["ratio"]
        colour = _colour(name, ratio, floors)
        place.barh(at, ratio - 1, left=1, color=colour, height=0.72)
        if name == scenario.baseline:
            place.plot([1], [at], "D", color=colour, markersize=7)
        if name in floors:
            place.axvline(ratio, color="#606060", linewidth=1, linestyle="--", zorder=0)
        side = {"ha": "left", "x": max(ratio, 1) * 1.12} if ratio >= 1 else {"ha": "right", "x": ratio / 1.12}
        place.text(y=at, s=f"{ratio:.2f}", va="center", fontsize=10, **side)
    names = sorted(figures, key=lambda name: -figures[name]["ratio"])
    place.set_yticks(range(len(names)), names, fontsize=10)
    place.set_ylim(-0.6, len(names) - 0.4)
    place.axvline(1, color=_OURS, linewidth=1)
    place.set_xscale("log")
    place.set_xticks([0.1, 1, 10], ["0.1", "1", "10"], fontsize=10)
    place.set_xticks([], minor=True)
    place.grid(axis="x", alpha=0.25)
    own = figures[scenario.baseline]["wall"]
    said = f"{own:,.0f} B" if scenario.unit == "B" else f"{own * 1e6:,.3g} µs" if own < 1e-3 else f"{own * 1e3:,.3g} ms"
    place.set_title(f"{scenario.name} (aicache: {said})", fontsize=12)


def _colour(name: str, ratio: float, floors: set[str]) -> str:
    if name in floors:
        return _FLOOR
    if name.startswith("aicache"):
        return _OURS
    return _AHEAD if ratio < 1 - _SAME else _BEHIND


_PERCENTS = (50, 75, 90, 95, 99, 99.9)
_LINES = ("#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d1f", "#000000")
_MARKS = "sv^DPX*"


def draw_latencies(path: Path, measured: Sequence[tuple[Scenario, dict[str, Any]]]) -> None:
    """One panel for each scenario: what share of the calls is answered within how long."""
    columns = min(2, len(measured))
    rows = -(-len(measured) // columns)
    size = (columns * 6.2, rows * 4.2 + 1.2)
    picture, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    names = list(dict.fromkeys(name for _, figures in measured for name in figures if "p50" in figures[name]))
    others = [name for name in names if not name.startswith(("aicache", "floor"))]
    styles: dict[str, dict[str, Any]] = {
        name: {"color": _LINES[at % len(_LINES)], "marker": _MARKS[at % len(_MARKS)]} for at, name in enumerate(others)
    }
    for name in names:
        if name.startswith("floor"):
            styles[name] = {"color": _FLOOR, "linestyle": "--"}
        elif name.startswith("aicache"):
            styles[name] = {"color": _OURS, "marker": "o", "linewidth": 2.4 if name == "aicache" else 1.2}
            styles[name] |= {} if name == "aicache" else {"linestyle": ":"}
    for place, (scenario, figures) in zip(axes.flat, measured, strict=False):
        for name in (name for name in names if name in figures):
            late = [1e3 * figures[name][f"p{percent:g}"] for percent in _PERCENTS]
            place.plot(range(len(_PERCENTS)), late, label=name, markersize=5, **styles[name])
        place.set_yscale("log")
        place.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        place.yaxis.set_minor_formatter(
            FuncFormatter(lambda number, _: f"{number:g}" if f"{number:e}"[0] in "25" else "")
        )
        place.tick_params(axis="y", which="both", labelsize=9)
        place.set_xticks(range(len(_PERCENTS)), [f"p{percent:g}" for percent in _PERCENTS])
        place.set_ylabel("milliseconds")
        place.grid(alpha=0.3, which="both")
        place.set_title(scenario.name, fontsize=12)
    for place in list(axes.flat)[len(measured) :]:
        place.set_visible(False)
    picture.suptitle("How late the answers are, with 256 callers at once: lower is better", fontsize=14)
    handles = {handle.get_label(): handle for place in axes.flat for handle in place.get_lines()}
    ordered = [handles[name] for name in sorted(handles, key=lambda name: not name.startswith("aicache"))]
    picture.legend(handles=ordered, loc="outside lower center", ncols=3, fontsize=10, frameon=False)
    picture.savefig(path, dpi=90)
    pyplot.close(picture)


_POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "min": ("Belady's MIN", {"color": "black", "linestyle": "--"}),
    "aicache": ("aicache", {"color": _OURS, "marker": "o", "linewidth": 2.2}),
    "lru": ("LRU", {"color": _AHEAD, "marker": "s", "linestyle": ":"}),
    "arc": ("ARC", {"color": "#56b4e9", "linestyle": ":"}),
    "s3_fifo": ("S3-FIFO", {"color": "#e69f00", "linestyle": ":"}),
    "two_q": ("2Q", {"color": "#999999", "linestyle": ":"}),
    "theine": ("theine", {"color": "#009e73", "marker": "^", "linestyle": "-."}),
    "moka": ("moka-py, held to its bound", {"color": "#cc79a7", "marker": "v", "linestyle": "-."}),
}


def draw_ratios(path: Path, ratios: dict[str, list[dict[str, Any]]]) -> None:
    """One panel for each trace: what share of the requests are hits, by the number of entries."""
    columns = min(3, len(ratios))
    rows = -(-len(ratios) // columns)
    size = (columns * 4.2, rows * 3.4)
    picture, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for place, (name, points) in zip(axes.flat, ratios.items(), strict=False):
        entries = [point["entries"] for point in points]
        for key, (label, style) in _POLICIES.items():
            if all(key in point for point in points):
                place.plot(entries, [100 * point[key] for point in points], label=label, **style)
        place.set_xscale("log")
        place.set_ylim(0, 100)
        place.set_title(name, fontsize=10)
        place.set_xlabel("entries")
        place.set_ylabel("hits, %")
        place.grid(alpha=0.3)
        place.legend(fontsize=8)
    for place in list(axes.flat)[len(ratios) :]:
        place.set_visible(False)
    picture.savefig(path, dpi=90)
    pyplot.close(picture)
