"""Figures as people read them."""

from __future__ import annotations

from aicache.cli.demo.figures import Figure

__all__ = ["shown", "shown_bytes", "shown_seconds"]


def shown(figure: Figure) -> str:
    """The value with its unit, as short as it stays honest; a dash where there is nothing to tell."""
    value = figure.value
    if value is None:
        return "–"
    match figure.unit:
        case "seconds":
            return shown_seconds(value)
        case "bytes":
            return shown_bytes(value)
        case "US dollars":
            return f"${value:,.2f}"
        case "of 1":
            return f"{value:.1%}"
        case _:
            return f"{value:,.0f}"


def shown_seconds(value: float) -> str:
    """From `412 ns` to `3 h 20 min`."""
    short = float(f"{value:.3g}")
    if short < 60:
        for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
            if short >= size or not short:
                return f"{short / size:.3g} {unit}"
        return f"{short * 1e9:.3g} ns"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def shown_bytes(value: float) -> str:
    """From `512 B` to `3.2 GiB`."""
    if value < 1024:
        return f"{value:.0f} B"
    for unit in ("KiB", "MiB"):
        value /= 1024
        if value < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} GiB"
