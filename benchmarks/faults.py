"""Puts caches to faults and writes `FAULTS.md`: `python benchmarks/faults.py`, on any Python from 3.11 on.

It makes an environment of its own in `benchmarks/.venv`, installs the peers there and starts servers of its own. The
long form takes an hour or two. `--quick` takes some minutes, `--only kill` runs some rows, `--here` stays in this
environment; each row of each subject runs in a process of its own, so none can harm or hang another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOME = HERE / ".venv"
PATIENCE = {"quick": 60, "long": 1800}  # seconds that one row of one subject may take
PATIENCE_WITH_PEERS = {"quick": 30, "long": 600}


def main() -> None:
    """Set up where needed, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the amounts that the tests use, less for peers")
    parser.add_argument("--only", metavar="TEXT", default="", help="the rows whose name has this text; writes nothing")
    parser.add_argument(
        "--renew", action="store_true", help="with --only: put them into the page of the last whole run"
    )
    parser.add_argument(
        "--operations", type=int, default=1_000_000, help="of the storm of cancellations, our long form"
    )
    parser.add_argument("--here", action="store_true", help="in this environment, with what is installed in it")
    parser.add_argument("--one", nargs=2, metavar=("ROW", "SUBJECT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _one(*options.one, options)
    elif options.here or Path(sys.prefix) == HOME:
        _all(options)
    else:
        from run import in_an_environment_of_its_own

        in_an_environment_of_its_own(__file__, [])


def _rows() -> dict[str, Any]:
    from under_fault import (
        bombs,
        cancel,
        coherence,
        flights,
        forked,
        hearing,
        herds,
        objects,
        outages,
        provider,
        refusals,
        sweeps,
    )

    modules = (cancel, forked, outages, refusals, provider, flights, coherence, hearing, herds, sweeps, bombs, objects)
    return {row.name: row for module in modules for row in module.ROWS}


def _one(name: str, subject: str, options: argparse.Namespace) -> None:
    from under_fault.rows import Scale

    is_ours = subject == "aicache"
    if not options.quick:
        scale = Scale(
            operations=options.operations if is_ours else 50_000,
            kills=10,
            stopped=3.0,
            silent=90.0,
            steady=20.0,
            forked_reads=10_000,
            swaps=100_000 if is_ours else 20_000,
            swept=1_000_000,
        )
    elif is_ours:
        scale = Scale()
    else:
        scale = Scale(operations=4_000, down=1.0, stopped=1.0, silent=1.0, steady=1.0, forked_reads=500, swaps=2_000)
    row = _rows()[name]
    figures = asyncio.run(row.measure(subject, scale))
    print(json.dumps({"figures": figures, "broken": row.held(figures) if subject == "aicache" else []}))


def _all(options: argparse.Namespace) -> None:
    from under_fault.page import renew, write
    from under_fault.subjects import OURS, PEERS

    rows = [row for name, row in _rows().items() if options.only in name]
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found[row.name] = {OURS: _apart(row.name, OURS, options)}
        if row.shown:
            with ThreadPoolExecutor(2 if options.quick else 1) as threads:
                said = threads.map(lambda subject, row=row: (subject, _apart(row.name, subject, options)), PEERS)
                found[row.name] |= said
        for subject, figures in found[row.name].items():
            print(f"{row.name}, {subject}: {figures}", flush=True)
    broken = [name for name, subjects in found.items() if subjects[OURS].get("broken", ["it did not end"])]
    if not options.only:
        write(HERE, rows, found, is_quick=options.quick)
    elif options.renew:
        renew(HERE, list(_rows().values()), found, is_quick=options.quick)
    print(f"{len(rows) - len(broken)} of {len(rows)} rows hold" + (f"; not: {', '.join(broken)}" if broken else ""))
    sys.exit(bool(broken))


def _apart(name: str, subject: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, "--one", name, subject]
    command += ["--operations", str(options.operations), *(["--quick"] if options.quick else [])]
    bounds = PATIENCE if subject == "aicache" else PATIENCE_WITH_PEERS
    patience = bounds["quick" if options.quick else "long"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=patience)
        said: dict[str, Any] = json.loads(out.splitlines()[-1])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: it, its server and what it forked
        process.communicate()
        return {"failure": f"did not end within {patience} s"}
    except (IndexError, ValueError):
        return {"failure": "cannot be put to it"}
    return said


if __name__ == "__main__":
    main()
