"""A backend by anybody else: fifteen lines, its own wheel, found by name and by URL scheme once it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = """\
import time
from aicache.options import check_key, check_ttl
class ShelfBackend:
    def __init__(self, shelf: str = "top") -> None:
        self.shelf, self.entries = shelf, {}
    from_url = classmethod(lambda cls, url: cls(url.removeprefix("shelf://")))
    async def get(self, key: str) -> bytes | None:
        value, end = self.entries.get(check_key(key), (None, 0.0))
        return value if time.monotonic() < end else None
    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self.entries[check_key(key)] = bytes(value), time.monotonic() + (check_ttl(ttl) or float("inf"))
    async def delete(self, key: str) -> bool:
        return self.entries.pop(check_key(key), None) is not None
    async def aclose(self) -> None:
        self.entries = {}
"""

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "aicache-shelf"
version = "1.0"
dependencies = ["aicache"]

[project.entry-points."aicache.backends"]
shelf = "aicache_shelf:ShelfBackend"
"""

USE = """\
import asyncio
from aicache import TieredCache, available_backends, open_backend

async def main():
    assert available_backends()["shelf"] == "aicache_shelf:ShelfBackend"
    by_name, by_url = open_backend("shelf", shelf="low"), open_backend("shelf://high")
    assert (by_name.shelf, by_url.shelf) == ("low", "high")
    for backend in (by_name, by_url):
        await backend.set("key", b"\\x00value", ttl=60)
        assert await backend.get("key") == b"\\x00value"
        assert await backend.delete("key") is True
        assert await backend.get("key") is None
    async with TieredCache([open_backend("memory"), by_name]) as cache:
        assert await cache.get_or_set("answer", lambda: {"of": (42,)}) == {"of": (42,)}
        assert list(by_name.entries) == ["answer"]

asyncio.run(main())
print("it works")
"""


def run(*command: str, cwd: Path, path: Path | None = None) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=env, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the plug-in's wheel was installed."""
    project = tmp_path_factory.mktemp("shelf")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "aicache_shelf.py").write_text(BACKEND)
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    wheel = run("-c", build, str(project / "dist"), cwd=project).split()[-1]
    site = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", str(site))
    run("-m", "pip", "install", *options, str(project / "dist" / wheel), cwd=project)
    return site


def test_it_is_found_by_name_and_by_url(site: Path, tmp_path: Path) -> None:
    assert run("-W", "error", "-c", USE, cwd=tmp_path, path=site) == "it works\n"


def test_it_is_unknown_where_it_is_not_installed(tmp_path: Path) -> None:
    assert run("-c", "from aicache import available_backends as a; print('shelf' in a())", cwd=tmp_path) == "False\n"


def test_it_is_small() -> None:
    assert len(BACKEND.splitlines()) <= 15
