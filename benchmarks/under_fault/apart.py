"""What has to be done in a process of its own: forks, and the measuring of memory."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["said_by"]

_HERE: Final = Path(__file__).resolve().parents[1]


async def said_by(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of this package; what it prints is JSON. Where it says nothing: how it `ended`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", f"under_fault.{module}", *arguments),
        cwd=_HERE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    said: dict[str, Any] = json.loads(out) if out else {"ended": process.returncode}
    return said
