"""What is public is there, documented and listed once; and importing it costs nothing that is not used."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from types import ModuleType

import pytest

PACKAGES = ("aicache", "aicache_memory", "aicache_null", "aicache_redis")
BASE_DEPENDENCIES = {"lz4", "msgpack"}


def public_modules() -> list[str]:
    """Every module that a user may import: no part of its name begins with an underscore, and it is not the command."""
    found = list(PACKAGES)
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found += [module.name for module in pkgutil.walk_packages(path, f"{package}.") if "._" not in module.name]
    return sorted(name for name in found if not name.startswith("aicache.cli"))


MODULES = public_modules()


def order(name: str) -> tuple[int, str]:
    """Constants, classes, the rest: as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


def test_the_list_is_whole() -> None:
    assert {*PACKAGES, "aicache.errors", "aicache.options", "aicache.protocols", "aicache.registry"} <= set(MODULES)


def test_all_names_what_is_there(module: ModuleType) -> None:
    names: list[str] = module.__all__
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)


def test_all_is_sorted(module: ModuleType) -> None:
    names = [name for name in module.__all__ if not name.startswith("__")]
    assert names in (sorted(names), sorted(names, key=order))


def test_all_hides_nothing_public(module: ModuleType) -> None:
    """A class or function that is defined here and has a public name is listed, or it would be public by accident."""
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }
    assert defined - set(module.__all__) == set()


def test_what_is_public_is_documented(module: ModuleType) -> None:
    assert module.__doc__
    public = [getattr(module, name) for name in module.__all__]
    undocumented = [
        value.__qualname__
        for value in public
        if (inspect.isclass(value) or inspect.isfunction(value)) and not (value.__doc__ or "").strip()
    ]
    assert undocumented == []


def modules_of(code: str) -> set[str]:
    """The modules that `code` imports in a fresh interpreter."""
    script = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, encoding="utf-8", check=True)
    return set(done.stdout.split())


def imported_by(code: str) -> set[str]:
    """The installed packages of others among them."""
    return {name.partition(".")[0] for name in modules_of(code)} & packages_distributions().keys() - {*PACKAGES}


def test_import_aicache_is_light() -> None:
    assert imported_by("import aicache") == set()


def test_a_cache_in_memory_waits_for_no_module_that_it_may_never_need() -> None:
    built = "from aicache import TieredCache; from aicache_memory import MemoryBackend; TieredCache([MemoryBackend()])"
    imported = modules_of(built)
    assert "aicache._async.tiered" in imported
    assert imported.isdisjoint({"uuid", "platform", "decimal", "urllib.parse", "lz4.frame", "msgspec"})


def test_the_caches_need_the_base_dependencies_only() -> None:
    imported = imported_by("from aicache import *; import aicache_memory, aicache_null")
    assert "msgpack" in imported
    assert imported <= BASE_DEPENDENCIES


def test_the_lightness_test_can_see_a_library() -> None:
    assert "numpy" in imported_by("import numpy")
