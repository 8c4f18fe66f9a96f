"""Draws a replay: who answered as time goes on, and how long an answer took."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from math import floor, log10
from pathlib import Path
from typing import Any, Final

from aicache.cli.demo.figures import percentile
from aicache.cli.demo.replay import Outcomes
from aicache.cli.demo.text import shown_seconds
from aicache.cli.demo.trace import Trace
from aicache.errors import ConfigurationError, MissingExtraError

__all__ = ["check_plot", "draw_plot", "shares"]

# Okabe and Ito's colours, which the colour-blind can tell apart.
_TIER_COLOURS: Final = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7")
_JOINED: Final = "#F0E442"
_CALLED: Final = "#D55E00"

_WINDOWS: Final = 60
_BINS_PER_DECADE: Final = 12


def check_plot(path: Path) -> None:
    """Raise `MissingExtraError` where matplotlib is not installed, `ConfigurationError` where `path` cannot be one."""
    _matplotlib()
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ConfigurationError(f"--plot draws a .png, .svg or .pdf, got {str(path)!r}; name it demo.png")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--plot {str(path)!r}: there is no folder {str(path.parent)!r}; make it first")


def draw_plot(path: Path, trace: Trace, outcomes: Outcomes) -> None:
    """Draw into the file; raises `OSError` where it cannot be written."""
    figure = _matplotlib().Figure(figsize=(10, 8), layout="constrained")
    figure.suptitle(f"aicache demo: {len(outcomes.of):,} requests of {trace.name} through {' → '.join(outcomes.tiers)}")
    above, below = figure.subplots(2, 1)
    _draw_shares(above, outcomes)
    _draw_latencies(below, trace, outcomes)
    figure.savefig(path, dpi=150)


def shares(outcomes: Outcomes, windows: int) -> tuple[list[float], list[list[float]]]:
    """The requests in so many equal parts: when each part ends, and for each outcome its share of each part."""
    made = len(outcomes.of)
    ends = [made * part // windows for part in range(windows + 1)]
    parts = [outcomes.of[begin:end] for begin, end in pairwise(ends)]
    kinds = range(len(outcomes.counts))
    return [outcomes.at[end - 1] for end in ends[1:]], [
        [part.count(kind) / len(part) for part in parts] for kind in kinds
    ]


def _draw_shares(axes: Any, outcomes: Outcomes) -> None:
    at, parts = shares(outcomes, min(_WINDOWS, len(outcomes.of)))
    minutes = [0.0, *(seconds / 60 for seconds in at)]  # the first part is drawn from the very start
    percent = [[100 * share for share in (part[0], *part)] for part in parts]
    colours = [*_colours(outcomes), _JOINED, _CALLED]
    names = [*outcomes.tiers, "joined a call under way", "called the provider"]
    axes.stackplot(minutes, *percent, labels=names, colors=colours, alpha=0.85, linewidth=0)
    so_far = _hit_ratio_so_far(outcomes, len(at))
    axes.plot(
        minutes[1:], so_far, color="black", linewidth=1.8, label=f"hit ratio since the start ({so_far[-1]:.1f} %)"
    )
    axes.set(title="Who answered", xlabel="virtual time, minutes", ylabel="share of requests, %", ylim=(0, 100))
    axes.set_xlim(0, minutes[-1])
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", framealpha=0.95)


def _hit_ratio_so_far(outcomes: Outcomes, windows: int) -> list[float]:
    made, hits = len(outcomes.of), 0
    ratios: list[float] = []
    ends = [made * part // windows for part in range(windows + 1)]
    for begin, end in pairwise(ends):
        hits += sum(outcome < outcomes.joined for outcome in outcomes.of[begin:end])
        ratios.append(100 * hits / end)
    return ratios


def _draw_latencies(axes: Any, trace: Trace, outcomes: Outcomes) -> None:
    calls = [trace.row(number).seconds for number in trace.requests[: len(outcomes.of)]]
    series: list[tuple[str, str, Sequence[float]]] = [
        *(
            (f"hit in {name}, measured", colour, took)
            for name, colour, took in zip(outcomes.tiers, _colours(outcomes), outcomes.hit_seconds, strict=True)
        ),
        ("call of the provider, from the trace", _CALLED, calls),
    ]
    for label, colour, seconds in series:
        if seconds:
            _draw_distribution(axes, label, colour, seconds)
    axes.set(title="How long an answer took", xscale="log", ylabel="share of its answers, %")
    axes.set_xlabel("time, logarithmic (line: p50, dots: p99)")
    axes.set_ylim(bottom=0)
    axes.set_xticks([10.0**power for power in range(-7, 4)])
    axes.set_xlim(_around([seconds for _, _, seconds in series if seconds]))
    axes.xaxis.set_major_formatter(_tick)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", framealpha=0.95)


def _tick(seconds: float, _: int | None) -> str:
    return f"{seconds:g} s" if seconds >= 1 else shown_seconds(seconds)


def _around(series: Sequence[Sequence[float]]) -> tuple[float, float]:
    return min(map(min, series)) / 2, max(map(max, series)) * 2


def _draw_distribution(axes: Any, label: str, colour: str, seconds: Sequence[float]) -> None:
    low, high = floor(log10(min(seconds))), floor(log10(max(seconds))) + 1
    edges = [10 ** (low + step / _BINS_PER_DECADE) for step in range((high - low) * _BINS_PER_DECADE + 1)]
    weights = [100 / len(seconds)] * len(seconds)
    middle, tail = percentile(seconds, 0.5) or 0.0, percentile(seconds, 0.99) or 0.0
    label = f"{label}: p50 {shown_seconds(middle)}, p99 {shown_seconds(tail)}"
    axes.hist(seconds, bins=edges, weights=weights, histtype="stepfilled", color=colour, alpha=0.55, label=label)
    axes.axvline(middle, color=colour, linewidth=1.4)
    axes.axvline(tail, color=colour, linewidth=1.4, linestyle=":")


def _colours(outcomes: Outcomes) -> list[str]:
    return [_TIER_COLOURS[at % len(_TIER_COLOURS)] for at in range(len(outcomes.tiers))]


def _matplotlib() -> Any:
    """The module of figures; a `Figure` of its own needs no window system, as pyplot would."""
    try:
        return import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError("--plot needs matplotlib: pip install 'aicache[demo]' brings it") from error
