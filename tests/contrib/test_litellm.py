"""`litellm_cache` with the real library, in an environment of its own: it is large, and at odds with newer SDKs."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_with_the_real_library(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}[litellm]"]
    subprocess.run([*install, "fastapi", "orjson", "soundfile"], check=True, cwd=tmp_path)
    checks = Path(__file__).with_name("litellm_checks.py")
    done = subprocess.run([python, checks], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all hold"
