"""Imports go down only: the contracts of `[tool.importlinter]` hold, and each of them fails where it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LONGEST_MODULE = 450  # lines


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "backends")])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("aicache", "backends"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


PLANTED = [
    ("layers", "aicache/errors.py", "import aicache.options"),
    ("layers", "aicache/options.py", "from aicache.registry import open_backend"),
    ("layers", "aicache/_sync/tiers.py", "from aicache._async import tiers"),
    ("layers", "aicache/registry.py", "def later():\n    import aicache.codecs"),
    ("layers", "aicache/unplaced.py", ""),
    ("framework", "aicache/_kernel/item.py", "import redis"),
    ("framework", "aicache/registry.py", "import aicache_memory"),
    ("framework", "aicache/codecs/__init__.py", "import pickle"),
    ("framework", "aicache/contrib/http/desk.py", "import httpx2"),
    ("framework", "aicache/contrib/http/httpx2.py", "import httpx"),
    ("backends", "backends/aicache_null/_async.py", "from aicache import registry"),
    ("backends", "backends/aicache_memory/_store.py", "from aicache import TieredCache"),
    ("independence", "backends/aicache_redis/__init__.py", "from aicache_null import NullBackend"),
    ("private", "backends/aicache_null/_sync.py", "from aicache._kernel import fence"),
    ("tools", "aicache/codecs/__init__.py", "from aicache._tools import twins"),
    ("kernel", "aicache/_kernel/fence.py", "import time"),
    ("kernel", "aicache/_kernel/item.py", "from asyncio import Lock"),
]


@pytest.mark.parametrize(("contract", "module", "line"), PLANTED)
def test_a_contract_fails_on(contract: str, module: str, line: str, copy: Path) -> None:
    path = copy / module
    before = path.read_bytes() if path.exists() else None
    path.write_bytes((before or b"") + f"\n{line}\n".encode())
    try:
        done = lint(copy, "--contract", contract)
    finally:
        path.unlink() if before is None else path.write_bytes(before)
    assert "Contracts: 0 kept, 1 broken." in done.stdout, done.stdout
    assert done.returncode == 1
    assert Path(module).stem.removesuffix("__init__") in done.stdout


def test_each_contract_is_shown_to_fail() -> None:
    assert {contract for contract, _, _ in PLANTED} == {contract["id"] for contract in CONTRACTS}


def test_no_module_is_too_long_to_read() -> None:
    trees = [ROOT / tree for tree in ("aicache", "backends", "tests", "benchmarks")]
    modules = [path for tree in trees for path in tree.rglob("*.py") if ".venv" not in path.parts]  # that of the peers
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert {path.name: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}
    assert len(modules) > 20
