"""Writes what was measured: a page to read, JSON for programs, and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goals import Found, judged
from harness import Contender, Options, Scenario
from machine import machine, versions
from reasons import reasons

__all__ = ["peers_ahead", "print_tables", "write"]

Measured = Sequence[tuple[Scenario, dict[str, Any]]]
Ratios = dict[str, list[dict[str, Any]]]

_NOISE = 0.05
"""Two that differ by less than this share of their time are alike."""

_LATENCIES = {"p50": "p50", "p99": "p99", "p99.9": "p99.9", "p100": "longest"}

_INTRODUCTION = """\
# Results

Contenders of a table take turns in {rounds} rounds of about {seconds:g} s each, in an order that turns; where many call
at once, and where a whole process is measured, in fewer and longer ones. A figure is the median over the rounds, a
**ratio** the median of the ratios to the row in bold, aicache, in the same round: 2.00 takes twice aicache's time, 0.50
half of it. *best* and *p90* are of the rounds; *p50* and *p99*, where there are callers, of single calls. Wall time and
CPU time of the process that measures, not of the server. Read ratios, not absolutes: other work may have shared the
machine. Every contender's answers are checked before it is timed. A floor is no cache: it shows what any would cost.

## How to reproduce

    python benchmarks/run.py

on any Python from 3.11 on. It makes an environment of its own, installs the peers and a server there, measures, and
writes this page, `results.json` and the pictures. `--quick` takes less than three minutes, `--only redis` runs some and
prints them, `--self-check` only checks the answers. `python benchmarks/compare.py` shows what became slower since
another run, or, by counted instructions, since another revision.

| | measured with |
|---|---|
{measured_with}

## Goals

What the project wants of itself, and what this run measured. *Ahead* is how many times aicache's time another takes, in
the same rounds; a bar in seconds holds for the machine above.

| # | scenario | bar | measured | met |
|---|---|---|---|---|
{goals}

{met}

### Why bars are missed, and what it would take

{reasons}

## In short

| scenario | aicache | floor | peers |
|---|---|---|---|
{summary}

![The ratios of every table without Redis](results.png)

![The ratios of every table with Redis](redis.png)

## How late the answers are

![Latencies with 256 callers at once](latencies.png)

How late the latest are depends on how long the callers go on where a pool is unfair: whoever waits behind it is served
when another stops.

## Where a peer takes less time

{ahead}

## What cannot be compared

- **Dicts in memory.** aicache makes a dict anew for each caller, so that none can change another's; the peers hand out
  the very object or a shallow copy. `copy="live"` does what they do.
- **Redis.** aicache shares few connections between all callers and sends what was asked for together in one write; the
  peers have a connection for each caller, which is their fastest way and more than their default (10 to 100) allows; a
  pool of 64 for which callers wait is shown beside it. aicache verifies that each answer is whole and belongs to its
  key, compresses from 1 KiB up and holds each call to a deadline; of the peers only aiocache has a deadline. Deadlines
  are raised to 10 s, so that on a busy machine a late answer costs its time and is no miss.
- **Codecs.** json and msgpack keep few types (a tuple comes back as a list), check nothing and compress nothing; pickle
  runs whatever code the bytes say, which a store that others write to must not be trusted with.
- **Client and server share one machine.** There is next to no network: over a real one, round trips weigh more and
  microseconds of a client less. Callers do nothing between calls.
- **One hot key in memory** is asked for in the tables of `async hit` and `sync hit` by value; those of 10,000 entries,
  evictions, threads and scale ask for many.
- **LiteLLM's DualCache** takes 277 MB to install, so it is measured only where it was asked for, with `--with-litellm`.
"""


def print_tables(measured: Measured) -> None:
    """Print what was measured, and write nothing."""
    print("\n".join(_table(scenario, figures) for scenario, figures in measured))


def write(folder: Path, measured: Measured, options: Options, ratios: Ratios) -> None:
    """Write the page, the JSON and the pictures."""
    from pictures import draw_contenders, draw_latencies, draw_ratios

    goals = judged(Found({scenario.name: figures for scenario, figures in measured}, ratios))
    tables = "\n".join(_table(scenario, figures) for scenario, figures in measured)
    introduction = _INTRODUCTION.format(
        rounds=options.rounds,
        seconds=options.seconds,
        measured_with="\n".join(f"| {name} | {value} |" for name, value in (machine() | versions()).items()),
        goals="\n".join(_goal(row) for row in goals),
        met=_met(goals),
        reasons=reasons(goals),
        summary="\n".join(_summary(scenario, figures) for scenario, figures in measured),
        ahead=_ahead(measured),
    )
    (folder / "RESULTS.md").write_text(f"{introduction}\n{tables}\n{_ratio_table(ratios)}", encoding="utf-8")
    document = {
        "machine": machine(),
        "versions": versions(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "goals": goals,
        "scenarios": {
            scenario.name: {"what": scenario.what, "baseline": scenario.baseline, "figures": figures}
            for scenario, figures in measured
        },
        "hit_ratios": ratios,
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    over_redis = [pair for pair in measured if pair[0].name.startswith("redis")]
    draw_contenders(folder / "results.png", [pair for pair in measured if pair not in over_redis])
    draw_contenders(folder / "redis.png", over_redis)
    draw_latencies(folder / "latencies.png", [pair for pair in over_redis if pair[0].at_once == 256])
    draw_ratios(folder / "hit_ratios.png", ratios)


def _goal(row: dict[str, Any]) -> str:
    met = {True: "yes", False: "**no**", None: "-"}[row["is_met"]]
    return f"| {row['goal']} | {row['scenario']} | {row['bar']} | {row['said']} | {met} |"


def _met(goals: Sequence[dict[str, Any]]) -> str:
    known = [row["is_met"] for row in goals if row["is_met"] is not None]
    return f"{sum(known)} of {len(known)} bars are met; {len(goals) - len(known)} are not measured here."


def _summary(scenario: Scenario, figures: dict[str, Any]) -> str:
    floors = {contender.name for contender in scenario.contenders if contender.is_floor}
    peers = sorted(set(figures) - floors - {name for name in figures if name.startswith("aicache")})
    peers.sort(key=lambda name: figures[name]["ratio"])
    lowest = min((figures[name]["ratio"] for name in floors), default=None)
    cells = [
        scenario.name,
        (_bytes if scenario.unit == "B" else _time)(figures[scenario.baseline]["wall"]),
        "" if lowest is None else f"{lowest:.2f}",
        ", ".join(f"{name} {figures[name]['ratio']:.2f}" for name in peers),
    ]
    return f"| {' | '.join(cells)} |"


def peers_ahead(measured: Measured) -> list[tuple[str, Contender, dict[str, Any]]]:
    """The scenario, the peer and its figure, where a peer took at least a twentieth less time than aicache."""
    return [
        (scenario.name, contender, figures[contender.name])
        for scenario, figures in measured
        for contender in sorted(scenario.contenders, key=lambda one: figures[one.name]["ratio"])
        if not contender.is_floor
        and not contender.name.startswith("aicache")
        and figures[contender.name]["ratio"] < 1 - _NOISE
    ]


def _ahead(measured: Measured) -> str:
    found = peers_ahead(measured)
    if not found:
        return "Nowhere in this run."
    lines = ["| scenario | peer | aicache takes | what the peer does |", "|---|---|---|---|"]
    for name, peer, figure in found:
        lines.append(f"| {name} | {peer.name} | {1 / figure['ratio']:.2f} × as long | {peer.note} |")
    return "\n".join(lines)


def _table(scenario: Scenario, figures: dict[str, Any]) -> str:
    has_latencies = any("p50" in figure for figure in figures.values())
    has_cpu = any("ratio_cpu" in figure for figure in figures.values())
    more = list(dict.fromkeys(name for figure in figures.values() for name in figure.get("more", ())))
    in_bytes = scenario.unit == "B"
    said = _bytes if in_bytes else _time
    head = ["contender", "ratio", *(["CPU ratio"] if has_cpu else []), *([] if in_bytes else ["operations a second"])]
    head += ["bytes" if in_bytes else "an operation", "best", "p90", *(_LATENCIES.values() if has_latencies else [])]
    head += [name.removesuffix(", s") for name in more]
    lines = [f"## {scenario.name}", "", f"{scenario.what[0].upper()}{scenario.what[1:]}.", ""]
    lines += [f"| {' | '.join([*head, 'what it does'])} |", f"|{'---|' * (len(head) + 1)}"]
    by_name = {contender.name: contender for contender in scenario.contenders}
    for name, figure in sorted(figures.items(), key=lambda pair: pair[1]["ratio"]):
        bold = "**" if name == scenario.baseline else ""
        cells = [
            f"{bold}{name}{bold}",
            f"{figure['ratio']:.2f}",
            *([f"{figure['ratio_cpu']:.2f}" if "ratio_cpu" in figure else ""] if has_cpu else []),
            *([] if in_bytes else [f"{1 / figure['wall']:,.0f}"]),
            *[said(figure[name]) for name in ("wall", "wall_min", "wall_p90")],
        ]
        cells += [_time(figure[name]) if name in figure else "" for name in _LATENCIES] if has_latencies else []
        cells += [_more(name, figure.get("more", {}).get(name)) for name in more]
        lines.append(f"| {' | '.join([*cells, by_name[name].note])} |")
    return "\n".join(lines) + "\n"


def _more(name: str, number: float | None) -> str:
    if number is None:
        return ""
    return _time(number) if name.endswith(", s") else f"{number:,.4g}"


def _bytes(number: float) -> str:
    return f"{number:,.0f} B"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


_ABOUT_RATIOS = """\
## Hit ratio on traces

What of all requests a memory tier answers, bounded by a number of entries that is a share of the trace's objects, with
no warm-up left out. MIN is Belady's, the most that any policy could have; LRU, ARC, S3-FIFO and 2Q are simulated, the
others are asked. Dollars are what of the price of all requests
is saved where the tier is bounded by the same share of all bytes and told what each answer cost; they are modelled, as
the traces' own words say. Two traces come with the package; others are read where `AICACHE_TRACES` names their folder.

![Hit ratio by size of the cache](hit_ratios.png)

*Objects* is the share of requests that are hits there without costs. *Most* is PFOO-L's, more than can be had.

{head}
"""
_COLUMNS = {
    "min": "MIN",
    "aicache": "aicache",
    "lru": "LRU",
    "arc": "ARC",
    "s3_fifo": "S3-FIFO",
    "two_q": "2Q",
    "theine": "theine",
    "moka": "moka-py, held to its bound",
    "objects": "objects",
    "objects_most": "most",
    "dollars": "dollars",
    "dollars_lru": "LRU",
    "dollars_most": "most",
}


def _ratio_table(ratios: Ratios) -> str:
    every = [row for rows in ratios.values() for row in rows]
    names = [name for name in _COLUMNS if all(name in row for row in every)]
    lines: list[str] = []
    for trace, rows in ratios.items():
        for row in rows:
            cells = [f"{100 * row[name]:.1f} %" for name in names]
            lines.append(f"| {trace} | {100 * row['share']:g} % | {row['entries']:,} | {' | '.join(cells)} |")
    means = [
        f"{_COLUMNS[name]} {100 * sum(row[name] / row['min'] for row in every) / len(every):.1f} %"
        for name in ("aicache", "lru", "arc", "s3_fifo", "two_q", "theine", "moka")
        if name in names
    ]
    lines.append(f"\nMean share of MIN: {'; '.join(means)}.")
    head = ["trace", "share", "entries", *(_COLUMNS[name] for name in names)]
    table = f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    return _ABOUT_RATIOS.format(head=table) + "\n".join(lines) + "\n"
