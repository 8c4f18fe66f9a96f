"""What it was measured with: the machine and the versions, and nothing that tells whose machine it is."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "versions"]

_PACKAGES = (
    *("aicache", "redis", "hiredis", "msgpack", "lz4", "cryptography"),
    *(
        "aiocache",
        "async-lru",
        "cachetools",
        "cashews",
        "moka-py",
        "py-key-value-aio",
        "theine",
        "valkey-glide",
        "litellm",
    ),
)


def machine() -> dict[str, str]:
    """The processor, the number of cores, the system and the Python."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = models[0] if models else model
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """The installed version of each contender, aicache's with its commit where it is known, and the server's."""
    found: dict[str, str] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    git = ("git", "-C", str(Path(__file__).parents[1]))
    commit = _said(*git, "rev-parse", "--short", "HEAD")
    if commit:
        changed = " and changes" if _said(*git, "status", "--porcelain", "--", "aicache", "backends") else ""
        found["aicache"] += f" at commit {commit}{changed}"
    return {**found, "server": _server()}


def _server() -> str:
    from aicache.testing.servers import server_binary

    binary = server_binary()
    said = _said(binary, "--version") if binary else ""
    found = re.search(r"v=(\S+)", said)
    return f"{said.split()[0]} {found[1]}" if found else "unknown"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
