"""Writes what was measured: a page to read, JSON for programs, and a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import Options, Scenario
from machine import machine, versions

__all__ = ["print_tables", "write"]

Measured = Sequence[tuple[Scenario, dict[str, Any]]]
Ratios = dict[str, list[dict[str, Any]]]

_INTRODUCTION = """\
# Results

Measured by `python benchmarks/run.py`, which makes its own environment and starts its own server. Contenders of a table
take turns in {rounds} rounds of about {seconds:g} s each, in an order that turns; a figure is the median over the
rounds, a ratio the median of the ratios to **{baseline}** in the same round. Below 1.00 is faster than it. Read ratios,
not absolutes: other work may have shared the machine. CPU is of the process that measures, not of the server.

Every contender's answers are checked before it is timed. What is a floor is no cache: it shows what any would cost.

| machine | |
|---|---|
{machine}

| version | |
|---|---|
{versions}

![The ratios of every table](results.png)
"""


def print_tables(measured: Measured) -> None:
    """Print what was measured, and write nothing."""
    print("\n".join(_table(scenario, figures) for scenario, figures in measured))


def write(folder: Path, measured: Measured, options: Options, ratios: Ratios) -> None:
    """Write the page, the JSON and the two pictures."""
    tables = "\n".join(_table(scenario, figures) for scenario, figures in measured)
    introduction = _INTRODUCTION.format(
        rounds=options.rounds,
        seconds=options.seconds,
        baseline="aicache",
        machine="\n".join(f"| {name} | {value} |" for name, value in machine().items()),
        versions="\n".join(f"| {name} | {value} |" for name, value in versions().items()),
    )
    (folder / "RESULTS.md").write_text(f"{introduction}\n{tables}\n{_ratio_table(ratios)}", encoding="utf-8")
    document = {
        "machine": machine(),
        "versions": versions(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "scenarios": {
            scenario.name: {"what": scenario.what, "baseline": scenario.baseline, "figures": figures}
            for scenario, figures in measured
        },
        "hit_ratios": ratios,
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    _draw(folder / "results.png", measured)
    _draw_ratios(folder / "hit_ratios.png", ratios)


def _table(scenario: Scenario, figures: dict[str, Any]) -> str:
    has_latencies = any("p50" in figure for figure in figures.values())
    head = ["contender", "ratio", "CPU ratio", "operations a second", "an operation"]
    head += ["p50", "p99"] if has_latencies else []
    lines = [f"## {scenario.name}", "", f"{scenario.what[0].upper()}{scenario.what[1:]}.", ""]
    lines += [f"| {' | '.join([*head, 'what it does'])} |", f"|{'---|' * (len(head) + 1)}"]
    by_name = {contender.name: contender for contender in scenario.contenders}
    for name, figure in sorted(figures.items(), key=lambda pair: pair[1]["ratio"]):
        bold = "**" if name == scenario.baseline else ""
        cells = [
            f"{bold}{name}{bold}",
            f"{figure['ratio']:.2f}",
            f"{figure['ratio_cpu']:.2f}",
            f"{1 / figure['wall']:,.0f}",
            _time(figure["wall"]),
        ]
        cells += [_time(figure["p50"]), _time(figure["p99"])] if has_latencies else []
        lines.append(f"| {' | '.join([*cells, by_name[name].note])} |")
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _draw(path: Path, measured: Measured) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 3
    rows = -(-len(measured) // columns)
    picture, axes = pyplot.subplots(rows, columns, figsize=(columns * 6.2, rows * 2.5), layout="constrained")
    flat = [*axes.flat] if rows * columns > 1 else [axes]
    for place, (scenario, figures) in zip(flat, measured, strict=False):
        floors = {contender.name for contender in scenario.contenders if contender.is_floor}
        ordered = sorted(figures.items(), key=lambda pair: -pair[1]["ratio"])
        names = [name for name, _ in ordered]
        colours = ["#9a9a9a" if n in floors else "#0072b2" if n.startswith("aicache") else "#e69f00" for n in names]
        ratios = [figure["ratio"] for _, figure in ordered]
        bars = place.barh(names, ratios, color=colours)
        place.bar_label(bars, [f" {ratio:.2f}×" for ratio in ratios], fontsize=8)
        place.axvline(1, color="#0072b2", linewidth=1, linestyle=":")
        for name, ratio in zip(names, ratios, strict=True):
            if name in floors:
                place.axvline(ratio, color="#606060", linewidth=1, linestyle="--")
        place.set_xscale("log")
        place.set_xlim(min(ratios) / 2, max(ratios) * 3)
        place.set_title(scenario.name, fontsize=10)
        place.tick_params(labelsize=8)
        place.set_xticks([], minor=False)  # each bar says its number
        place.set_xticks([], minor=True)
    for place in flat[len(measured) :]:
        place.set_visible(False)
    picture.suptitle(
        "Time of an operation as a multiple of aicache's (logarithmic; shorter is faster). "
        "Blue: aicache. Orange: peers. Grey, dashed: the floor.",
        fontsize=12,
    )
    picture.savefig(path, dpi=90)
    pyplot.close(picture)


_ABOUT_RATIOS = """\
## Hit ratio on traces

What of all requests a memory tier answers, bounded by a number of entries that is a share of the trace's objects, with
no warm-up left out. MIN is Belady's, the most that any policy could have. Dollars are what of the price of all requests
is saved where the tier is bounded by the same share of all bytes and told what each answer cost; they are modelled, as
the traces' own words say. Two traces come with the package; others are read where `AICACHE_TRACES` names their folder.

![Hit ratio by size of the cache](hit_ratios.png)

| trace | share | entries | MIN | aicache | LRU | of MIN | dollars saved | LRU |
|---|---|---|---|---|---|---|---|---|
"""


def _ratio_table(ratios: Ratios) -> str:
    lines: list[str] = []
    for name, rows in ratios.items():
        for row in rows:
            figures = [row["min"], row["aicache"], row["lru"], row["aicache"] / row["min"], row["dollars"]]
            cells = [f"{100 * figure:.1f} %" for figure in [*figures, row["dollars_lru"]]]
            lines.append(f"| {name} | {100 * row['share']:g} % | {row['entries']:,} | {' | '.join(cells)} |")
    every = [row for rows in ratios.values() for row in rows]
    mean = 100 * sum(row["aicache"] / row["min"] for row in every) / len(every)
    mean_lru = 100 * sum(row["lru"] / row["min"] for row in every) / len(every)
    lines.append(f"\nMean share of MIN: aicache {mean:.1f} %, LRU {mean_lru:.1f} %.")
    return _ABOUT_RATIOS + "\n".join(lines) + "\n"


def _draw_ratios(path: Path, ratios: Ratios) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

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
