"""What the package says about itself is true: version, entry points, typing, changelog, and nobody's machine."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
ENTRY_POINTS: dict[str, dict[str, str]] = PROJECT["entry-points"]
TREES = (".ci", "aicache", "backends", "benchmarks", "docs", "tests")


def import_packages() -> list[str]:
    return [Path(path).name for path in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


def test_the_installed_version_is_the_declared_one() -> None:
    assert metadata.version("aicache") == PROJECT["version"]


def test_the_changelog_speaks_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[?([^\]\s]+)", changelog, flags=re.MULTILINE)
    assert headings
    assert headings[0] in ("Unreleased", PROJECT["version"])


def test_every_backend_folder_is_in_the_wheel() -> None:
    folders = {path.parent.name for path in (ROOT / "backends").glob("*/__init__.py")}
    assert set(import_packages()) == {"aicache", *folders}


@pytest.mark.parametrize("package", import_packages())
def test_each_package_is_typed(package: str) -> None:
    assert resources.files(package).joinpath("py.typed").is_file()


def test_both_flavours_of_every_backend_are_offered() -> None:
    assert ENTRY_POINTS["aicache.backends"].keys() == ENTRY_POINTS["aicache.sync_backends"].keys()


@pytest.mark.parametrize("group", ["aicache.backends", "aicache.sync_backends"])
def test_the_installed_entry_points_are_the_declared_ones(group: str) -> None:
    distribution = metadata.distribution("aicache")
    installed = {entry.name: entry.value for entry in distribution.entry_points if entry.group == group}
    assert installed == ENTRY_POINTS[group]


@pytest.mark.parametrize(("name", "value"), sorted(ENTRY_POINTS["aicache.backends"].items()))
def test_async_entry_points(name: str, value: str) -> None:
    loaded = metadata.EntryPoint(name, value, "aicache.backends").load()
    assert isinstance(loaded, type)
    assert not loaded.__name__.startswith("Sync")
    assert inspect.iscoroutinefunction(loaded.aclose)
    assert callable(loaded.from_url)
    assert not hasattr(loaded, "close")


@pytest.mark.parametrize(("name", "value"), sorted(ENTRY_POINTS["aicache.sync_backends"].items()))
def test_sync_entry_points(name: str, value: str) -> None:
    loaded = metadata.EntryPoint(name, value, "aicache.sync_backends").load()
    assert isinstance(loaded, type)
    assert loaded.__name__.startswith("Sync")
    assert not any(inspect.iscoroutinefunction(getattr(loaded, verb)) for verb in ("get", "set", "delete", "close"))
    assert callable(loaded.from_url)
    assert not hasattr(loaded, "aclose")


def texts() -> Iterator[tuple[str, str]]:
    """Each text file of the project, by its path."""
    paths = [path for tree in TREES for path in (ROOT / tree).rglob("*") if "__pycache__" not in path.parts]
    paths += [path for path in ROOT.iterdir() if path.suffix in (".md", ".toml") or path.name.startswith(".git")]
    paths = [path for path in paths if path.name != ".git"]  # in a worktree it is a file that names a machine's folder
    for path in sorted(paths):
        if path.is_file() and not {".git", ".venv"} & {*path.parts}:  # a worktree has a file for the first
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture or a golden envelope


MACHINES = re.compile(r"/(?:home|Users)/[a-z]\w*/|(?<![\w.])/(?:root|work)/|[A-Z]:\\{1,2}Users")


def test_no_file_names_a_machine() -> None:
    found = {path: MACHINES.findall(text) for path, text in texts() if MACHINES.search(text)}
    assert found == {}


@pytest.mark.parametrize(
    "text", ["in /home/" + "ann/x", "cd /Users/" + "ann/x", "'/root" + "/x'", "C:\\" + "Users\\ann"]
)
def test_a_machine_would_be_seen(text: str) -> None:
    assert MACHINES.search(text)


def test_the_words_are_looked_for_everywhere() -> None:
    looked_at = {path for path, _ in texts()}
    assert {"pyproject.toml", "README.md", "aicache/registry.py", ".ci/run", "tests/repo/test_package.py"} <= looked_at
