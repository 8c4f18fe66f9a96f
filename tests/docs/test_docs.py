"""Every block of the documents runs, in order, as a reader would type it.

The python blocks of one file share one namespace and one process of their own, which may await at the top level as in
`python -m asyncio`; a server that a block names is the one of the tests. Test classes that a file defines are run by
pytest, and toml is parsed.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from aicache.testing.servers import RedisServer

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LANGUAGES = {"python", "toml", "console", "sh", "text", "json"}
SERVER = "redis://localhost:6379/0"

# Runs its argument as a module whose top level may await.
RUNNER = """
import ast, asyncio, inspect, pathlib, sys

path = sys.argv[1]
source = pathlib.Path(path).read_text(encoding="utf-8")
code = compile(source, path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
answer = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(answer):
    asyncio.run(answer)
"""


# Runs pytest with no plug-in on the file, and the machines in it with a tenth of the examples: what they are to find is
# in the tests of the machines, and here they are to run.
PYTEST = """
import sys, hypothesis, pytest

hypothesis.settings.register_profile("documents", max_examples=10)
hypothesis.settings.load_profile("documents")
sys.exit(pytest.main(["-q", "--disable-plugin-autoload", "-p", "no:cacheprovider", sys.argv[1]]))
"""


class Block(NamedTuple):
    language: str
    line: int
    text: str


def blocks(document: str) -> Iterator[Block]:
    """The fenced blocks of a document, each with the line its text begins in."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        yield Block(match[1].strip(), text.count("\n", 0, match.start(2)) + 1, match[2])


def source_of(document: str) -> str:
    """The python blocks as one module, each on the lines that it has in the document."""
    lines: list[str] = []
    for block in blocks(document):
        if block.language == "python":
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


WITH_PYTHON = [document for document in DOCUMENTS if source_of(document).strip()]
WITH_SERVER = [document for document in WITH_PYTHON if SERVER in source_of(document)]
WITH_TESTS = [document for document in WITH_PYTHON if re.search(r"^(class |)Test", source_of(document), re.MULTILINE)]


def run(source: str, folder: Path, *command: str) -> str:
    """Run a command over a source in a file of its own, every warning an error."""
    path = folder / "test_document.py"
    path.write_text(source, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command, str(path)],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def importable(source: str) -> str:
    """The source without the statements that await at the top level, for pytest to import."""
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        is_definition = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        awaits = any(isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor) for node in ast.walk(statement))
        if awaits and not is_definition:
            for at in range(statement.lineno - 1, statement.end_lineno):
                lines[at] = ""
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """The documents of the next test, begun with the first of them: as many at a time as there are processors."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = [test.callspec.params["document"] for test in tests if test.originalname == "test_the_python_runs"]
    pool = ThreadPoolExecutor(os.cpu_count())
    yield {
        document: pool.submit(run, source_of(document), tmp_path_factory.mktemp("document"), "-c", RUNNER)
        for document in wanted
    }
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("document", [document for document in WITH_PYTHON if document not in WITH_SERVER])
def test_the_python_runs(document: str, running: dict[str, Future[str]]) -> None:
    running[document].result()


@pytest.mark.parametrize("document", WITH_SERVER)
def test_the_python_runs_against_a_server(document: str, tmp_path: Path, redis_server: RedisServer) -> None:
    """On one of its own; and on another where it fails, since a busy machine may hold it up for longer than a call of
    the server may take.
    """
    for is_last in (False, True):
        with RedisServer() as server:
            try:
                run(source_of(document).replace(SERVER, server.url), tmp_path, "-c", RUNNER)
                return
            except AssertionError:
                if is_last:
                    raise


@pytest.mark.parametrize("document", WITH_TESTS)
def test_the_tests_that_are_shown_pass(document: str, tmp_path: Path) -> None:
    classes = len(re.findall(r"^(?:class )?Test\w+(?:\(| =)", source_of(document), flags=re.MULTILINE))
    output = run(importable(source_of(document)), tmp_path, "-c", PYTEST)
    passed = re.search(r"^(\d+) passed in", output, flags=re.MULTILINE)
    assert passed, output
    assert int(passed[1]) >= classes


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_of_a_kind_that_is_checked(document: str) -> None:
    """So "python notest" is refused, and so is python that is called something else."""
    assert {block.language for block in blocks(document)} - LANGUAGES == set()
    assert [block.line for block in blocks(document) if block.language == "text" and "import " in block.text] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_toml_and_json_are_well_formed(document: str) -> None:
    for block in blocks(document):
        if block.language == "toml":
            assert tomllib.loads(block.text)
        elif block.language == "json":
            json.loads(block.text)


def test_the_extras_that_are_named_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {
        extra
        for document in DOCUMENTS
        for match in re.findall(r"(?:aicache|\s'?\.)\[([\w,]+)\]", (ROOT / document).read_text(encoding="utf-8"))
        for extra in match.split(",")
    }
    assert {"demo", "test"} <= named <= extras.keys()


def test_there_is_something_to_run() -> None:
    assert {"README.md", "docs/how-to/wire-tiers.md", "docs/how-to/write-a-backend.md"} <= set(WITH_PYTHON)
    assert "docs/how-to/write-a-backend.md" in WITH_TESTS


def test_a_block_that_fails_would_be_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the block has failed"):
        run(
            "import asyncio\nawait asyncio.sleep(0)\nraise ValueError('the block has ' + 'failed')\n",
            tmp_path,
            "-c",
            RUNNER,
        )
