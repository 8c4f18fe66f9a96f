"""The options of `aicache demo`; free of everything that would make `--help` slow."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

__all__ = ["DESCRIPTION", "add_options"]

_MOST: Final = 1_000_000_000_000

DESCRIPTION: Final = """\
Replays a trace of requests through a real cache, against a simulated provider on virtual time, and says what the cache
was worth. Nothing is left behind: what was stored is taken out again.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `aicache demo`."""
    tiers = parser.add_argument_group("tiers")
    tiers.add_argument(
        "--tiers",
        metavar="A,B",
        default="memory",
        help="names or URLs of backends, fastest first (default: memory)",
    )
    tiers.add_argument(
        "--redis", metavar="URL", help="where the tier called redis is, such as redis://localhost:6379/0"
    )
    tiers.add_argument("--max-entries", metavar="N", type=_count, help="entries that the memory tier holds at most")
    tiers.add_argument(
        "--max-bytes",
        metavar="N",
        type=_count,
        help="bytes that it holds at most (default: 8 MiB, kept small on purpose)",
    )
    tiers.add_argument("--ttl", metavar="S", type=_positive, help="seconds of virtual time (default: no expiry)")
    load = parser.add_argument_group("requests")
    load.add_argument("--trace", metavar="NAME", default="web12", help="a shipped one, or a file (default: web12)")
    load.add_argument("--list-traces", action="store_true", help="say which ones are shipped, and stop")
    load.add_argument("--requests", metavar="N", type=_count, help="only the first so many of the trace")
    load.add_argument(
        "--rate", metavar="R", type=_positive, default=20.0, help="requests a virtual second, at random (default: 20)"
    )
    load.add_argument("--seed", metavar="N", type=int, default=1, help="of the arrival times (default: 1)")
    load.add_argument(
        "--seconds",
        metavar="S",
        type=_positive,
        default=20.0,
        help="real seconds after which no more requests are made (default: 20)",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="the figures as JSON, and nothing else on stdout")
    output.add_argument("--plot", metavar="FILE.png", type=Path, help="draw hit ratio and latencies into this file")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"must be from 1 to {_MOST}, got {text}")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 1e-6 <= number <= _MOST:  # NaN and infinity neither
        raise argparse.ArgumentTypeError(f"must be from 0.000001 to {_MOST}, got {text}")
    return number


_count.__name__ = "whole number"  # what argparse calls them in its messages
_positive.__name__ = "number"
