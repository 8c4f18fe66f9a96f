"""The rules of `tests/conftest.py` bite: CI cannot pass by skipping, and the profiles are what they are said to be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SKIPS = """
import pytest

@pytest.mark.redis
@pytest.mark.skip(reason="no server")
def test_marked(): ...

@pytest.mark.redis
def test_in_the_body():
    pytest.skip("no server")

@pytest.mark.redis
@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail():
    assert False

@pytest.mark.skip(reason="of another kind")
def test_unmarked(): ...

@pytest.mark.nightly
def test_at_night():
    assert False
"""

SKIPPED_MODULE = """
import pytest

pytest.skip("no server", allow_module_level=True)
"""

PROFILE = """
from hypothesis import settings

def test_profile():
    now = settings()
    print(f"profile: {now.derandomize} {now.max_examples} {now.deadline}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project with this project's pytest configuration and root conftest."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests")
    return tmp_path


def run(project: Path, source: str, *arguments: str, **variables: str) -> tuple[int, str]:
    (project / "tests/test_it.py").write_text(source)
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "HYPOTHESIS_PROFILE")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=project, env={**env, **variables}, capture_output=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout


def test_a_skipped_redis_test_fails_in_ci(project: Path) -> None:
    code, output = run(project, SKIPS, CI="true")
    assert code == 1
    assert "1 failed, 1 skipped, 1 deselected, 1 xfailed, 1 error" in output
    assert "a redis test was skipped in CI" in output


def test_it_is_a_skip_elsewhere(project: Path) -> None:
    code, output = run(project, SKIPS)
    assert code == 0
    assert "3 skipped, 1 deselected, 1 xfailed" in output


def test_a_module_that_skips_itself_fails_in_ci(project: Path) -> None:
    code, output = run(project, SKIPPED_MODULE, CI="true")
    assert code == 2
    assert "a whole module was skipped in CI" in output


def test_nightly_runs_when_asked_for(project: Path) -> None:
    code, output = run(project, SKIPS, "-m", "nightly")
    assert code == 1
    assert "1 failed, 4 deselected" in output


@pytest.mark.parametrize(
    ("variables", "profile"),
    [
        ({}, "False 100 None"),
        ({"CI": "true"}, "True 100 None"),
        ({"HYPOTHESIS_PROFILE": "nightly"}, "False 5000 None"),
        ({"CI": "true", "HYPOTHESIS_PROFILE": "default"}, "False 100 None"),
    ],
)
def test_profiles(variables: dict[str, str], profile: str, project: Path) -> None:
    code, output = run(project, PROFILE, "-s", **variables)
    assert code == 0
    assert f"profile: {profile}" in output
