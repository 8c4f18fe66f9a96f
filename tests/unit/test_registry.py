"""Backends by name and by URL: what is found, how it is built, and what each mistake is told."""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aicache import registry
from aicache.errors import (
    ConfigurationError,
    InvalidArgumentError,
    InvalidTypeError,
    MissingExtraError,
    UnknownBackendError,
)
from aicache.registry import available_backends, open_backend, open_sync_backend
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend, SyncNullBackend

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution on the path: its metadata, its entry points, one module."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules: list[str] = []

    def install(distribution: str, module: str, source: str, *, backends: str = "", sync_backends: str = "") -> None:
        site = tmp_path / distribution
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[aicache.backends]\n{backends}\n[aicache.sync_backends]\n{sync_backends}\n"
        )
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        modules.append(module)
        sys.path.append(str(site))

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    registry._installed.cache_clear()


ASYNC_BACKEND = """
class Backend:
    def __init__(self, size=0):
        self.size = size
    async def get(self, key): return None
    async def set(self, key, value, *, ttl=None): return None
    async def delete(self, key): return False
    async def aclose(self): return None
"""
SYNC_BACKEND = ASYNC_BACKEND.replace("async def aclose", "def close").replace("async ", "")


def refused(error: type[Exception], message: str) -> Any:
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("name_or_url", "kind", "sync_kind"),
    [
        ("memory", MemoryBackend, SyncMemoryBackend),
        ("memory://", MemoryBackend, SyncMemoryBackend),
        ("memory://?max_entries=10", MemoryBackend, SyncMemoryBackend),
        ("MEMORY://", MemoryBackend, SyncMemoryBackend),  # a scheme has no case (RFC 3986, 3.1)
        ("null", NullBackend, SyncNullBackend),
        ("null://", NullBackend, SyncNullBackend),
    ],
)
def test_opens_the_shipped_backends(name_or_url: str, kind: type[Any], sync_kind: type[Any]) -> None:
    assert type(open_backend(name_or_url)) is kind
    assert type(open_sync_backend(name_or_url)) is sync_kind


def test_options_go_to_the_constructor() -> None:
    backend: Any = open_backend("memory", max_entries=7)
    assert asyncio.run(backend.info())["max_entries"] == 7


def test_options_go_to_from_url() -> None:
    backend: Any = open_sync_backend("memory://?max_entries=7", max_bytes=700)
    assert (backend.info()["max_entries"], backend.info()["max_bytes"]) == (7, 700)


def test_from_url_gets_the_url_as_it_was_written(install: Install) -> None:
    source = ASYNC_BACKEND + "    @classmethod\n    def from_url(cls, url): return cls(url)\n"
    install("one", "one_module", source, backends="one = one_module:Backend")
    backend: Any = open_backend("One://Host:1/Path?a=B")
    assert backend.size == "One://Host:1/Path?a=B"


def test_lists_what_is_installed_without_importing_it(install: Install) -> None:
    install("bad", "bad_module", "raise SystemExit", backends="zz = bad_module:Backend")
    listed = available_backends()
    assert listed["memory"] == "aicache_memory:MemoryBackend"
    assert listed["zz"] == "bad_module:Backend"
    assert list(listed) == sorted(listed)
    assert "zz" not in available_backends(sync=True)
    assert available_backends(sync=True)["redis"] == "aicache_redis:SyncRedisBackend"


def test_finds_what_was_installed_after_the_first_look(install: Install) -> None:
    with pytest.raises(UnknownBackendError):
        open_backend("late")
    install("late", "late_module", ASYNC_BACKEND, backends="late = late_module:Backend")
    assert type(open_backend("late")).__module__ == "late_module"


class TestUnknown:
    def test_lists_what_is_installed_and_what_may_have_been_meant(self) -> None:
        with pytest.raises(UnknownBackendError) as error:
            open_backend("memroy://")
        message = str(error.value)
        assert message.startswith(
            "no async backend 'memroy' is installed; did you mean 'memory'?; installed are memory, "
        )
        assert "null" in message

    def test_never_repeats_a_password(self) -> None:
        with pytest.raises(UnknownBackendError) as error:
            open_backend("nowhere://user:hunter2@host/0")
        assert "hunter2" not in str(error.value)
        with pytest.raises(InvalidArgumentError) as unclear:
            open_backend("user:hunter2@host")
        assert "hunter2" not in str(unclear.value)

    def test_points_to_the_other_flavour(self, install: Install) -> None:
        install("one", "one_module", SYNC_BACKEND, sync_backends="one = one_module:Backend")
        with pytest.raises(UnknownBackendError, match=r"there is one of the other flavour: open_sync_backend\('one'\)"):
            open_backend("one")

    def test_says_how_to_install_a_well_known_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "entry_points", lambda **_: ())
        registry._installed.cache_clear()
        cure = "pip install 'aicache[redis]' brings it; none is; reinstall aicache"
        with refused(UnknownBackendError, f"no async backend 'redis' is installed; {cure}"):
            open_backend("redis://localhost")
        registry._installed.cache_clear()


class TestBadArguments:
    @pytest.mark.parametrize("bad", [None, 3, b"memory", MemoryBackend])
    def test_wrong_type(self, bad: Any) -> None:
        with pytest.raises(InvalidTypeError, match="name_or_url must be a str such as"):
            open_backend(bad)

    @pytest.mark.parametrize("bad", ["", " ", "://", "a b", "redis:/localhost", "host:6379"])
    def test_neither_name_nor_url(self, bad: str) -> None:
        with pytest.raises(InvalidArgumentError, match=r'must be a name such as "memory" or a URL such as "redis://'):
            open_sync_backend(bad)

    def test_unknown_option(self) -> None:
        message = (
            "backend 'memory' cannot be built with these options: got an unexpected keyword argument 'size'; "
            "aicache_memory:MemoryBackend takes max_entries, max_bytes, copy, clock"
        )
        with refused(ConfigurationError, message):
            open_backend("memory", size=1)

    def test_what_the_constructor_raises_comes_through(self) -> None:
        with pytest.raises(ConfigurationError, match='copy must be "isolate" or "live"'):
            open_backend("memory", copy="deep")


class TestWrongPackages:
    def test_no_from_url(self, install: Install) -> None:
        install("one", "one_module", ASYNC_BACKEND, backends="one = one_module:Backend")
        message = (
            "backend 'one' (one_module:Backend) cannot be opened by URL, as it has no from_url(); "
            "open it by its name: open_backend('one', ...)"
        )
        with refused(ConfigurationError, message):
            open_backend("one://host")

    def test_fails_to_import(self, install: Install) -> None:
        install("one", "one_module", "import no_such_driver", backends="one = one_module:Backend")
        message = (
            "backend 'one' of one cannot be imported from 'one_module:Backend' "
            "(ModuleNotFoundError: No module named 'no_such_driver'); reinstall one or tell its authors"
        )
        with refused(ConfigurationError, message) as error:
            open_backend("one")
        assert isinstance(error.value.__cause__, ModuleNotFoundError)

    def test_fails_to_import_for_want_of_an_extra(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        install("one", "one_module", "import no_such_driver", backends="one = one_module:Backend")
        monkeypatch.setitem(registry._EXTRAS, "one", "extra")
        with pytest.raises(ConfigurationError, match=r"; pip install 'aicache\[extra\]' brings it$"):
            open_backend("one")

    def test_says_itself_what_is_missing(self, install: Install) -> None:
        source = "from aicache.errors import MissingExtraError\nraise MissingExtraError('pip install it')"
        install("one", "one_module", source, backends="one = one_module:Backend")
        with refused(MissingExtraError, "pip install it"):
            open_backend("one")

    def test_names_no_class(self, install: Install) -> None:
        install("one", "one_module", "Backend = 3", backends="one = one_module:Backend")
        message = "backend 'one' of one is 3, not a class; its entry point 'one_module:Backend' must name the class"
        with refused(ConfigurationError, message):
            open_backend("one")

    def test_sync_class_among_the_async_ones(self, install: Install) -> None:
        install("one", "one_module", SYNC_BACKEND, backends="one = one_module:Backend")
        message = (
            "backend 'one' of one (one_module:Backend) is a sync one in the group 'aicache.backends'; "
            "its place is 'aicache.sync_backends'"
        )
        with refused(ConfigurationError, message):
            open_backend("one")

    def test_async_class_among_the_sync_ones(self, install: Install) -> None:
        install("one", "one_module", ASYNC_BACKEND, sync_backends="one = one_module:Backend")
        message = (
            "backend 'one' of one (one_module:Backend) is an async one in the group 'aicache.sync_backends'; "
            "its place is 'aicache.backends'"
        )
        with refused(ConfigurationError, message):
            open_sync_backend("one")

    def test_not_a_backend(self, install: Install) -> None:
        source = "class Backend:\n    async def get(self, key): return None\n"
        install("one", "one_module", source, backends="one = one_module:Backend")
        message = "backend 'one' of one (one_module:Backend) is no backend: it has no set, delete, aclose(); "
        with refused(ConfigurationError, message + "see aicache.protocols"):
            open_backend("one")

    def test_one_name_of_two_packages(self, install: Install) -> None:
        install("one", "one_module", ASYNC_BACKEND, backends="same = one_module:Backend")
        install("two", "two_module", ASYNC_BACKEND, backends="same = two_module:Backend")
        message = (
            "backend 'same' is offered by one (one_module:Backend) and two (two_module:Backend); "
            "uninstall all but one of them"
        )
        with refused(ConfigurationError, message):
            open_backend("same")
        assert available_backends()["same"] == "one_module:Backend or two_module:Backend"
        assert type(open_backend("memory")) is MemoryBackend

    def test_one_class_seen_twice_is_no_conflict(self, install: Install) -> None:
        install("one", "one_module", ASYNC_BACKEND, backends="same = one_module:Backend")
        install("again", "other_module", ASYNC_BACKEND, backends="same = one_module:Backend")
        assert type(open_backend("same")).__module__ == "one_module"
