"""`aicache demo`: the order in which it does things."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TextIO

from aicache.cli.demo.plot import check_plot, draw_plot
from aicache.cli.demo.progress import open_progress
from aicache.cli.demo.report import to_dict
from aicache.cli.demo.run import Options, Run, play, report
from aicache.cli.demo.table import write_report
from aicache.cli.demo.trace import Trace, describe, read_trace, shipped

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; the exit code."""
    if arguments.list_traces:
        _list_traces(sys.stdout)
        return 0
    if arguments.plot is not None:
        check_plot(arguments.plot)  # sooner than after the replay
    options = Options(
        tiers=arguments.tiers,
        redis=arguments.redis,
        rate=arguments.rate,
        ttl=arguments.ttl,
        max_entries=arguments.max_entries,
        max_bytes=arguments.max_bytes,
        seed=arguments.seed,
        seconds=arguments.seconds,
    )
    trace = read_trace(arguments.trace, arguments.requests)
    complaints: list[str] = []
    try:
        played = _play(trace, options, complaints)
    finally:
        for complaint in complaints:
            sys.stderr.write(f"aicache demo: {complaint}\n")
    _tell(trace, options, played, arguments)
    return 1 if complaints else 0


def _play(trace: Trace, options: Options, complaints: list[str]) -> Run:
    with open_progress(sys.stderr, len(trace.requests)) as watch:
        return asyncio.run(play(trace, options, watch, complaints.append))


def _tell(trace: Trace, options: Options, played: Run, arguments: argparse.Namespace) -> None:
    if arguments.plot is not None:
        draw_plot(arguments.plot, trace, played.outcomes)
        sys.stderr.write(f"drawn into {arguments.plot}\n")
    told = report(trace, options, played)
    if arguments.json:
        json.dump(to_dict(told), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        write_report(told, sys.stdout)


def _list_traces(stream: TextIO) -> None:
    for name, path in shipped().items():
        header = describe(path)
        stream.write(
            f"{name}: {header['accesses']:,} requests in {header['order']} order ({header['cut']})\n"
            f"    {header['what']}\n    from {header['origin']}; licence: {header['licence']}\n"
        )
