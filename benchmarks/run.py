"""Runs the benchmarks: `python benchmarks/run.py`, on any Python from 3.11 on, with nothing else set up.

It makes an environment of its own in `benchmarks/.venv`, installs the peers there, starts a server of its own,
measures, and writes `RESULTS.md`, `results.json` and `results.png`. `--quick` takes less than three minutes, `--only
redis` runs some, `--self-check` only sees that every contender gives right answers, and writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE / ".venv"


def main() -> None:
    """Set up where needed, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", metavar="TEXT", default="", help="the scenarios whose name has this text")
    parser.add_argument("--self-check", action="store_true", help="no figures: does each contender give right answers?")
    parser.add_argument("--here", action="store_true", help="in this environment, with what is installed in it")
    options = parser.parse_args()
    if options.here or Path(sys.prefix) == HOME:
        asyncio.run(_measure(options))
    else:
        _in_an_environment_of_its_own()


def _in_an_environment_of_its_own() -> None:
    python = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(HOME, with_pip=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, "-e", f"{HERE.parent}[bench]"], check=True)
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:]], check=False).returncode)


async def _measure(options: argparse.Namespace) -> None:
    import bench_codec
    import bench_decorator
    import bench_many_entries
    import bench_memory_hit
    import bench_redis
    import bench_tiers
    from harness import Options, measure

    from aicache.testing.servers import RedisServer

    how = Options(rounds=5, seconds=0.08) if options.quick else Options()
    if options.self_check:
        how = Options(rounds=1, seconds=0.001)
    measured = []
    with RedisServer() as server:
        every = [
            *bench_memory_hit.scenarios(),
            *bench_tiers.scenarios(server.url),
            *bench_many_entries.scenarios(),
            *bench_decorator.scenarios(),
            *bench_codec.scenarios(),
            *bench_redis.scenarios(server.url),
        ]
        chosen = [scenario for scenario in every if options.only in scenario.name]
        for number, scenario in enumerate(chosen, 1):
            print(f"{number}/{len(chosen)} {scenario.name}", flush=True)
            measured.append((scenario, await measure(scenario, how)))
    if options.self_check:
        print(f"every contender of {len(chosen)} scenarios gives right answers")
        return
    from hit_ratio import hit_ratios
    from report import print_tables, write

    if options.only:
        print_tables(measured)
        return
    print("hit ratios on traces", flush=True)
    write(HERE, measured, how, hit_ratios())


if __name__ == "__main__":
    main()
