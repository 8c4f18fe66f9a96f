"""The two pictures: how the contenders compare, and the hit ratios on traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from harness import Scenario

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.patches import Patch

__all__ = ["draw_contenders", "draw_ratios"]

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
    picture.suptitle("Time of an operation, as a multiple of aicache's in the same round", fontsize=15)
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
    place.set_title(f"{scenario.name} (aicache: {figures[scenario.baseline]['wall'] * 1e6:.3g} µs)", fontsize=12)


def _colour(name: str, ratio: float, floors: set[str]) -> str:
    if name in floors:
        return _FLOOR
    if name.startswith("aicache"):
        return _OURS
    return _AHEAD if ratio < 1 - _SAME else _BEHIND


def draw_ratios(path: Path, ratios: dict[str, list[dict[str, Any]]]) -> None:
    """One panel for each trace: what share of the requests are hits, by the number of entries."""
    columns = min(3, len(ratios))
    rows = -(-len(ratios) // columns)
    size = (columns * 4.2, rows * 3.4)
    picture, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for place, (name, points) in zip(axes.flat, ratios.items(), strict=False):
        entries = [point["entries"] for point in points]
        for key, label, style in (("min", "MIN", "k--"), ("aicache", "aicache", "o-"), ("lru", "LRU", "s:")):
            place.plot(entries, [100 * point[key] for point in points], style, label=label)
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
