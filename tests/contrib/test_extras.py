"""An adapter whose library is not there says which extra brings it, and none is imported by aicache itself."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ADAPTERS = {
    "fastapi": ("fastapi", "fastapi"),
    "key_value": ("key_value", "key-value"),
    "langchain": ("langchain_core", "langchain"),
    "langgraph": ("langgraph", "langgraph"),
    "litellm": ("litellm", "litellm"),
    "pydantic_ai": ("pydantic_ai", "pydantic-ai"),
}
USES = {"litellm": "; aicache.contrib.litellm.litellm_cache(None)"}


def test_these_are_all_the_adapters() -> None:
    modules = {path.stem for path in (ROOT / "aicache" / "contrib").glob("[a-z]*.py")}
    assert ADAPTERS.keys() <= modules
    assert {extra for _, extra in ADAPTERS.values()} <= EXTRAS.keys()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_without_its_library_it_names_the_extra(adapter: str) -> None:
    library, extra = ADAPTERS[adapter]
    code = f"import sys; sys.modules['{library}'] = None; import aicache.contrib.{adapter}{USES.get(adapter, '')}"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert "MissingExtraError" in done.stderr
    assert f"pip install 'aicache[{extra}]'" in done.stderr


def test_aicache_itself_imports_no_library() -> None:
    libraries = [library for library, _ in ADAPTERS.values()] + ["genai_prices", "httpx", "httpx2"]
    code = f"import sys; from aicache import *; import aicache.contrib; print(*(set({libraries}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == []
