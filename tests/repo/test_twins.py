"""The sync twins are what their sources generate, and the check sees every way in which they could cease to be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from aicache._tools import twins

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "aicache/_async/tiers.py"
TWIN = "aicache/_sync/tiers.py"
GENERATE = twins.twin_of


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """The check as one runs it by hand, with no installed package in reach."""
    command = [sys.executable, "-I", "-S", str(root / "aicache/_tools/twins.py"), "--check"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("aicache", "backends"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@cache
def twin_and_used(source: str) -> tuple[str, set[str]]:
    """What a source generates, and which names were needed for it."""
    used: set[str] = set()
    return GENERATE(source, used), used


def generated_once(source: str, used: set[str]) -> str:
    """In place of `twin_of`: what is the same in each tree of these tests is generated for the first."""
    twin, names = twin_and_used(source)
    used |= names
    return twin


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_each_twin_is_what_its_source_generates() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stdout) == (0, "each twin is what its source generates\n")


def test_the_check_passes_on_a_copy_in_which_nothing_is_planted(tree: Path) -> None:
    assert check(tree).returncode == 0


def test_the_check_fails_where_anything_is_planted(tree: Path) -> None:
    message = edited(tree)
    done = check(tree)
    assert (done.returncode, done.stdout) == (1, message)


def stale(tree: Path) -> str:
    with (tree / SOURCE).open("a", encoding="utf-8") as source:
        source.write("\n\nasync def new() -> None:\n    return None\n")
    return f"{TWIN} is stale: its source has changed; run twins.py\n"


def stale_by_a_comment(tree: Path) -> str:
    with (tree / SOURCE).open("a", encoding="utf-8") as source:
        source.write("# one more word\n")
    return f"{TWIN} is stale: its source has changed; run twins.py\n"


def edited(tree: Path) -> str:
    with (tree / TWIN).open("a", encoding="utf-8") as twin:
        twin.write("# a quick fix\n")
    return f"{TWIN} was edited; edit {SOURCE} and run twins.py\n"


def edited_backend(tree: Path) -> str:
    with (tree / "backends/aicache_null/_sync.py").open("a", encoding="utf-8") as twin:
        twin.write("# a quick fix\n")
    return "backends/aicache_null/_sync.py was edited; edit backends/aicache_null/_async.py and run twins.py\n"


def missing(tree: Path) -> str:
    (tree / TWIN).unlink()
    return f"{TWIN} is missing; run twins.py\n"


def orphaned(tree: Path) -> str:
    shutil.copy(tree / TWIN, tree / "aicache/_sync/left_over.py")
    return "aicache/_sync/left_over.py is an orphan: it has no source; remove it\n"


def written_by_hand(tree: Path) -> str:
    (tree / TWIN).write_text("value = 1\n", encoding="utf-8")
    return f"{TWIN} was not generated; name {SOURCE} in BY_HAND, or remove the twin and run twins.py\n"


def one_side_of_a_pair(tree: Path) -> str:
    (tree / "aicache/_sync/primitives.py").unlink()
    return "aicache/_sync/primitives.py is missing, and BY_HAND names the pair\n"


def other_side_of_a_pair(tree: Path) -> str:
    (tree / "aicache/_async/primitives.py").unlink()
    return "aicache/_async/primitives.py is missing, and BY_HAND names the pair\n"


def unused_rename(tree: Path) -> str:
    edit(tree / "aicache/_tools/twins.py", '    "_async": "_sync",\n', '    "_async": "_sync",\n    "nowhere": "x",\n')
    return "twins.py renames 'nowhere', which is in no source\n"


def changed_rename(tree: Path) -> str:
    edit(tree / "aicache/_tools/twins.py", '"aclose": "close"', '"aclose": "shut"')
    return f"{TWIN} is stale: its source has changed; run twins.py\n"


def unfinished_source(tree: Path) -> str:
    edit(tree / SOURCE, "import", "import (")
    return f"{SOURCE}: "


@pytest.mark.parametrize(
    "plant",
    [
        stale,
        stale_by_a_comment,
        edited,
        edited_backend,
        missing,
        orphaned,
        written_by_hand,
        one_side_of_a_pair,
        other_side_of_a_pair,
        unfinished_source,
    ],
)
def test_it_is_a_fault(plant: Callable[[Path], str], tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = plant(tree)
    monkeypatch.setattr(twins, "twin_of", generated_once)
    assert message in "\n".join([*twins.faults_of(tree), ""])


@pytest.mark.parametrize("plant", [unused_rename, changed_rename])
def test_the_check_fails_on_a_table_that_is_wrong(plant: Callable[[Path], str], tree: Path) -> None:
    message = plant(tree)
    done = check(tree)
    assert done.returncode == 1
    assert message in done.stdout


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("async def f():\n    return await g()\n", "def f():\n    return g()\n"),
        ("x = [y async for y in z]\n", "x = [y for y in z]\n"),
        ("async with a as b, c:\n    pass\n", "with a as b, c:\n    pass\n"),
        ("from aicache._async.chain import Chain\n", "from aicache._sync.chain import Chain\n"),
        ("call: Callable[[], Awaitable[list[int]]]\n", "call: Callable[[], list[int]]\n"),
        ("from typing import Awaitable\n", "from typing import Awaitable\n"),
        ("await self.aclose()  # aclose it\n", "self.close()  # close it\n"),
        ('__all__ = ["TieredCache"]\n', '__all__ = ["SyncTieredCache"]\n'),
        ("SyncTieredCache, MyTieredCache\n", "SyncTieredCache, MyTieredCache\n"),
        (
            '"""An async cache: `await cache.get(key)`, to await is to wait."""\n',
            '"""A sync cache: `cache.get(key)`, to await is to wait."""\n',
        ),
        (
            'f"{x!r} of {TieredCache:{width}} \u2028 {{}}" + await y\n',
            'f"{x!r} of {SyncTieredCache:{width}} \u2028 {{}}" + y\n',
        ),
        ("x = 1  # async-only\ny = 2\n", "y = 2\n"),
        ("a\n# async-only: begin\nb\nc\n# async-only: end\nd\n", "a\nd\n"),
        ("if x:\n    y()  # async-only\n    # sync: await z()\n", "if x:\n    z()\n"),
        ('"# async-only"\n', '"# async-only"\n'),
    ],
)
def test_rewrites(source: str, twin: str) -> None:
    assert twins.twin_of(source, set()) == twin


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('x\ny = f"{await z}"\n', "line 2: an f-string awaits; give the value a name before it"),
        ("# async-only: end\n", "line 1: async-only ends without a begin"),
        ("# async-only: begin\n", "line 1: async-only begins and has no end"),
        ("# async-only: begin\n# async-only: begin\n", "line 2: async-only has begun in line 1 already; end it first"),
        ("x  # sync: y\n", "line 1: give '# sync:' a line of its own"),
        ("x  # async-only, here\n", "line 1: '# async-only, here' is no mark; the docstring of twins.py lists them"),
    ],
)
def test_refuses(source: str, message: str) -> None:
    with pytest.raises(twins.UnsuitableError) as refused:
        twins.twin_of(source, set())
    assert str(refused.value) == message


def test_reports_the_names_it_met() -> None:
    used: set[str] = set()
    twins.twin_of('x.aclose()\n"""TieredCache"""\ny: Awaitable[int]\n', used)
    assert used == {"aclose", "TieredCache", "Awaitable"}
