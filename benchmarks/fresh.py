"""What has to be measured in a process of its own: memory, imports, the collector."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from harness import Run, Taken

__all__ = ["called_in_a_fresh_process", "commanded", "resident", "tell"]


def called_in_a_fresh_process(file: str, *arguments: str) -> Run:
    """Run the Python file there; it prints what it `Taken` as JSON."""

    async def run(_count: int) -> Taken:
        return Taken(**json.loads(await _said([sys.executable, file, *arguments])))

    return run


def commanded(code: str) -> Run:
    """How long a new interpreter takes for the code, its start and its end included."""

    async def run(_count: int) -> Taken:
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        await _said([sys.executable, "-c", code])
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    return run


async def _said(command: list[str]) -> str:
    # What is installed has its bytecode; so has what is run from its source, or its compilation would be measured.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=env)
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{command[1:]} ended with {process.returncode}"
    return out.decode()


def resident() -> int:
    """The bytes of memory that this process has; where the system does not tell, the most it ever had."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def tell(taken: Taken) -> None:
    """Print it for `called_in_a_fresh_process`."""
    said: dict[str, Any] = {"wall": taken.wall, "cpu": taken.cpu, "more": taken.more}
    print(json.dumps(said))
