"""`litellm_cache` with the real library, in an environment of its own: it is large, and at odds with newer SDKs."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What the page of peers' wrong answers says of the adapters here; what it says of theirs is for them to change.
NOT_KEPT = {
    "cut off (finish_reason=length)", "cut off (stop_reason=max_tokens)", "filtered", "empty", "calls a tool",
    "a caller changes what it got",
}  # fmt: skip
APART = {
    "top_k 1 and 2",
    "extra_body top_k 1 and 2",
    "a field of the provider's, unknown here",
    "temperature 0 and 1",
}
ALIKE = {"the same, by another user", "the same, fields in another order", "the same, six messages"}


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_with_the_real_library(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}[litellm,langchain]"]
    subprocess.run([*install, "fastapi", "orjson", "soundfile"], check=True, cwd=tmp_path)
    checks = Path(__file__).with_name("litellm_checks.py")
    done = subprocess.run([python, checks], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all hold"

    script = ROOT / "benchmarks/peers/wrong_answers.py"
    shown = subprocess.run([python, script, "--here"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    ours = {line[:44].strip(): line[66:].strip() for line in shown.stdout.splitlines() if len(line) > 66}
    assert ours.pop("") == "aicache"
    assert {case for case, verdict in ours.items() if verdict in ("not kept", "nobody sees it")} == NOT_KEPT
    assert {case for case, verdict in ours.items() if verdict == "apart"} == APART
    assert {case for case, verdict in ours.items() if verdict == "shared"} == ALIKE
