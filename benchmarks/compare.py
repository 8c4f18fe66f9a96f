"""Shows what became slower: `compare.py OLD.json NEW.json`, or `compare.py --instructions [REVISION]`.

The first compares two results of `run.py`: every ratio of aicache's CPU time to a peer's or a floor's, measured in one
run, that grew by more than a tenth. The second needs valgrind and no quiet machine: it counts the instructions that an
operation takes in this checkout and in a revision (HEAD~1), whose files are put into a folder of their own for as long.
Exits with 1 where something became slower.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixed_work import WORK

__all__ = ["instructions", "relative", "slower"]

HERE = Path(__file__).resolve().parent
TOLERANCE = 1.10
OPERATIONS = 300


def relative(results: Mapping[str, Any]) -> dict[str, float]:
    """aicache's CPU time as a multiple of every other contender's in the same scenario; wall time where CPU time was
    not measured.
    """
    found: dict[str, float] = {}
    for name, scenario in results["scenarios"].items():
        for other, figure in scenario["figures"].items():
            ratio = figure.get("ratio_cpu") or figure.get("ratio")
            if ratio and not other.startswith("aicache"):
                found[f"{name}: {scenario['baseline']} to {other}"] = 1 / ratio
    return found


def slower(old: Mapping[str, float], new: Mapping[str, float], tolerance: float = TOLERANCE) -> dict[str, float]:
    """What both have and the new has more of, by more than `tolerance`: how many times as much, the worst first."""
    grown = {name: new[name] / old[name] for name in old if name in new and old[name] > 0}
    return dict(sorted([pair for pair in grown.items() if pair[1] > tolerance], key=lambda pair: -pair[1]))


def instructions(tree: Path, work: str) -> float:
    """How many instructions one operation takes with the code in `tree`, by valgrind."""
    counts: list[int] = []
    for count in (0, OPERATIONS):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
        script = [str(HERE / "fixed_work.py"), work, str(count)]
        paths = os.pathsep.join([str(tree), str(tree / "backends")])
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        said = subprocess.run([*command, *script], env=environment, capture_output=True, text=True, check=True).stderr
        (collected,) = re.findall(r"Collected\s*:\s*(\d+)", said)
        counts.append(int(collected))
    return (counts[1] - counts[0]) / OPERATIONS


def _of_revision(revision: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=HERE.parent, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        return _of_tree(Path(folder))


def _of_tree(tree: Path) -> dict[str, float]:
    counted: dict[str, float] = {}
    for work in WORK:
        try:
            counted[work] = instructions(tree, work)
        except subprocess.CalledProcessError:
            print(f"{work}: not in {tree.name}", file=sys.stderr)
    return counted


def main() -> int:
    """Compare, print, and say by the exit code whether something became slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", help="two results.json, or one revision after --instructions")
    parser.add_argument("--instructions", action="store_true", help="count instructions, by valgrind")
    options = parser.parse_args()
    if options.instructions:
        if shutil.which("valgrind") is None:
            parser.error("valgrind is not installed; compare two results.json instead")
        old, new = _of_revision(options.results[0] if options.results else "HEAD~1"), _of_tree(HERE.parent)
        for work, count in new.items():
            print(f"{work}: {count:,.0f} instructions, {count / old[work]:.2f} × before" if work in old else work)
    elif len(options.results) == 2:
        old, new = [relative(json.loads(Path(name).read_text("utf-8"))) for name in options.results]
        print(f"{len(old.keys() & new.keys())} ratios compared")
    else:
        parser.error("give two results.json, or --instructions")
    worse = slower(old, new)
    for name, times in worse.items():
        print(f"SLOWER {name}: {times:.2f} × before")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
