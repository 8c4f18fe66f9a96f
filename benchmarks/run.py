"""Runs the benchmarks: `python benchmarks/run.py`, on any Python from 3.11 on, with nothing else set up.

It makes an environment of its own in `benchmarks/.venv`, installs the peers there, starts a server of its own,
measures, and writes `RESULTS.md`, `results.json` and the pictures. `--quick` takes less than three minutes, `--only
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness import Scenario

HERE = Path(__file__).resolve().parent
HOME = HERE / ".venv"


def main() -> None:
    """Set up where needed, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds, and not the largest of each kind")
    parser.add_argument("--long", action="store_true", help="ten million entries, too: some GB and some minutes")
    parser.add_argument("--only", metavar="TEXT", default="", help="the scenarios whose name has this text")
    parser.add_argument("--self-check", action="store_true", help="no figures: does each contender give right answers?")
    parser.add_argument("--with-litellm", action="store_true", help="install LiteLLM, too: 277 MB")
    parser.add_argument("--here", action="store_true", help="in this environment, with what is installed in it")
    options = parser.parse_args()
    if options.here or Path(sys.prefix) == HOME:
        asyncio.run(_measure(options))
    else:
        in_an_environment_of_its_own(__file__, ["litellm"] if options.with_litellm else [])


def in_an_environment_of_its_own(script: str, more: list[str]) -> None:
    """Run a script of this folder again, with the peers and `more` packages; ends this process."""
    python = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(HOME, with_pip=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, "-e", f"{HERE.parent}[bench]", *more], check=True)
    sys.exit(subprocess.run([python, script, *sys.argv[1:]], check=False).returncode)


async def _measure(options: argparse.Namespace) -> None:
    from harness import Options, measure

    from aicache.testing.servers import RedisCluster, RedisServer

    how = Options(rounds=3, seconds=0.02, is_quick=True) if options.quick else Options()
    if options.self_check:
        how = Options(rounds=1, seconds=0.001, is_quick=True, is_check=True)
    measured = []
    _allow_files(8_000)  # before the server is started, which inherits it
    with RedisServer() as server, RedisCluster(replicas=False) as cluster:
        every = _scenarios(server.url, cluster.url, options)
        chosen = [scenario for scenario in every if options.only in scenario.name]
        for number, scenario in enumerate(chosen, 1):
            print(f"{number}/{len(chosen)} {scenario.name}", flush=True)
            measured.append((scenario, await measure(scenario, how)))
    if options.self_check:
        print(f"every contender of {len(chosen)} scenarios gives right answers")
        return
    from hit_ratio import SHARES, hit_ratios
    from report import print_tables, write

    if options.only:
        print_tables(measured)
        return
    print("hit ratios on traces", flush=True)
    write(HERE, measured, how, hit_ratios((0.01,) if options.quick else SHARES))


def _scenarios(url: str, cluster: str, options: argparse.Namespace) -> list[Scenario]:
    """All there are, in the order of the page."""
    import bench_cluster
    import bench_codec
    import bench_collector
    import bench_decorator
    import bench_embeddings
    import bench_get_many
    import bench_import
    import bench_many_entries
    import bench_memory_hit
    import bench_memory_per_entry
    import bench_patterns
    import bench_promises
    import bench_redis
    import bench_scale
    import bench_stampede
    import bench_tiers
    import bench_transport

    is_short = options.quick or options.self_check
    sizes = bench_scale.SIZES[:2] if is_short else bench_scale.SIZES
    return [
        *bench_memory_hit.scenarios(),
        *bench_tiers.scenarios(url),
        *bench_transport.scenarios(),
        *bench_many_entries.scenarios(is_short=options.quick),
        *bench_decorator.scenarios(),
        *bench_codec.scenarios(),
        *bench_redis.scenarios(url, is_short=options.quick, is_for_many=_allow_files(8_000)),
        *bench_get_many.scenarios(url),
        *bench_embeddings.scenarios(),
        *bench_cluster.scenarios(cluster),
        *bench_stampede.scenarios(url),
        *bench_memory_per_entry.scenarios(),
        *bench_collector.scenarios(),
        *bench_patterns.scenarios(),
        *bench_promises.scenarios(url),
        *bench_import.scenarios(),
        *bench_scale.scenarios((*sizes, *([10_000_000] if options.long else []))),
    ]


def _allow_files(number: int) -> bool:
    """Let this process and its server have so many files and connections open at once; False where they may not."""
    try:
        import resource
    except ImportError:
        return False
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        return False
    if soft != resource.RLIM_INFINITY and soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    return True


if __name__ == "__main__":
    main()
