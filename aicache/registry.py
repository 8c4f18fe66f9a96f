"""Backends by name or by URL, found through entry points: the framework knows none of them by itself.

A package offers a backend in its own `pyproject.toml`, one group for each flavour; the shipped ones do the same:

    [project.entry-points."aicache.backends"]
    mystore = "my_package:MyBackend"

    [project.entry-points."aicache.sync_backends"]
    mystore = "my_package:SyncMyBackend"

`open_backend("mystore", size=1)` is then `MyBackend(size=1)`, and `open_backend("mystore://host/0")`, where the name is
the scheme of a URL, is `MyBackend.from_url("mystore://host/0")`: a class method that a backend may have. Its package is
imported when it is opened, not before.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, cast

from aicache.errors import (
    AICacheError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidTypeError,
    UnknownBackendError,
)
from aicache.protocols import CacheBackend, SyncCacheBackend

__all__ = ["available_backends", "open_backend", "open_sync_backend"]

_ASYNC: Final = "aicache.backends"
_SYNC: Final = "aicache.sync_backends"

# Well-known stores and the extra that brings their driver.
_PLAIN: Final = ("redis", "rediss", "valkey", "valkeys")
_EXTRAS: Final[dict[str, str]] = dict.fromkeys(
    ("unix", *_PLAIN, *(f"{name}+{kind}" for kind in ("sentinel", "cluster") for name in _PLAIN)), "redis"
)

_NAME: Final = re.compile(r"[\w.+-]+")


def open_backend(name_or_url: str, /, **options: Any) -> CacheBackend:
    """Build the async backend that is installed under a name (`"memory"`) or a URL's scheme (`"redis://host:6379/0"`).

    `options` go to its constructor, or with the URL to its `from_url`.

    Raises `UnknownBackendError` where no installed package offers it; `ConfigurationError` where its package cannot be
    imported, takes no such option or no URL, or is of the other flavour, and where two packages offer the same name;
    and whatever the backend's own constructor raises.
    """
    return cast("CacheBackend", _open(_ASYNC, name_or_url, options))


def open_sync_backend(name_or_url: str, /, **options: Any) -> SyncCacheBackend:
    """Build the sync backend of that name or scheme; in everything else `open_backend`."""
    return cast("SyncCacheBackend", _open(_SYNC, name_or_url, options))


def available_backends(*, sync: bool = False) -> dict[str, str]:
    """The names that `open_backend` knows (`sync=True`: `open_sync_backend`), each with the class behind it.

    The class is written as its package declares it, `"aicache_memory:MemoryBackend"`; nothing is imported. Where two
    packages claim a name, both classes are there, joined by `" or "`.
    """
    _installed.cache_clear()
    installed = _installed(_SYNC if sync else _ASYNC)
    return {name: " or ".join(claims) for name, claims in sorted(installed.items())}


def _open(group: str, name_or_url: str, options: dict[str, Any]) -> object:
    name, is_url = _name_of(name_or_url)
    entry = _entry(group, name)
    backend_class = _load(entry)
    _check_flavour(backend_class, entry)
    if not is_url:
        return _call(backend_class, entry, (), options)
    from_url = getattr(backend_class, "from_url", None)
    if not callable(from_url):
        raise ConfigurationError(
            f"backend {name!r} ({entry.value}) cannot be opened by URL, as it has no from_url(); "
            f"open it by its name: {_verb(group)}({name!r}, ...)"
        )
    return _call(from_url, entry, (name_or_url,), options)


def _name_of(name_or_url: object) -> tuple[str, bool]:
    """The name under which to look, and whether a URL was given. What may hold a password is never repeated."""
    if not isinstance(name_or_url, str):
        raise InvalidTypeError(
            f'name_or_url must be a str such as "memory" or "redis://localhost:6379/0", got {name_or_url!r}; '
            "a backend that is built already is used as it is"
        )
    scheme, separator, _ = name_or_url.partition("://")
    name = scheme.lower() if separator else name_or_url
    if not _NAME.fullmatch(name):
        shown = "a text that is neither (kept out of here: it may hold a password)" if name_or_url.strip() else "none"
        raise InvalidArgumentError(
            f'name_or_url must be a name such as "memory" or a URL such as "redis://localhost:6379/0", got {shown}'
        )
    return name, bool(separator)


@cache
def _installed(group: str) -> dict[str, dict[str, EntryPoint]]:
    """The entry points of a group, by name and by value: a distribution seen twice on the path is no conflict."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, {}).setdefault(entry.value, entry)
    return found


def _entry(group: str, name: str) -> EntryPoint:
    if name not in _installed(group):
        _installed.cache_clear()  # it may have been installed since the last look
    claims = _installed(group).get(name)
    if claims is None:
        raise UnknownBackendError(_unknown(group, name))
    if len(claims) > 1:
        named = " and ".join(f"{_distribution(entry)} ({value})" for value, entry in claims.items())
        raise ConfigurationError(f"backend {name!r} is offered by {named}; uninstall all but one of them")
    (entry,) = claims.values()
    return entry


def _unknown(group: str, name: str) -> str:
    flavour, other = ("async", _SYNC) if group == _ASYNC else ("sync", _ASYNC)
    installed = sorted(_installed(group))
    parts = [f"no {flavour} backend {name!r} is installed"]
    if name in _installed(other):
        parts.append(f"there is one of the other flavour: {_verb(other)}({name!r})")
    elif near := get_close_matches(name, installed, n=1):
        parts.append(f"did you mean {near[0]!r}?")
    if name in _EXTRAS:
        parts.append(_cure(name))
    parts.append(f"installed are {', '.join(installed)}" if installed else "none is; reinstall aicache")
    return "; ".join(parts)


def _load(entry: EntryPoint) -> type[Any]:
    try:
        loaded = entry.load()
    except AICacheError:
        raise  # it says itself what is missing
    except Exception as error:
        cure = _cure(entry.name) if entry.name in _EXTRAS else f"reinstall {_distribution(entry)} or tell its authors"
        raise ConfigurationError(
            f"backend {entry.name!r} of {_distribution(entry)} cannot be imported from {entry.value!r} "
            f"({type(error).__name__}: {error}); {cure}"
        ) from error
    if not isinstance(loaded, type):
        raise ConfigurationError(
            f"backend {entry.name!r} of {_distribution(entry)} is {loaded!r}, not a class; "
            f"its entry point {entry.value!r} must name the class"
        )
    return loaded


def _check_flavour(backend_class: type[Any], entry: EntryPoint) -> None:
    """Refuse what cannot work before it is built and connects to something."""
    wants_async = entry.group == _ASYNC
    verbs = ("get", "set", "delete")
    awaited = any(inspect.iscoroutinefunction(getattr(backend_class, verb, None)) for verb in verbs)
    closers = {name for name in ("aclose", "close") if callable(getattr(backend_class, name, None))}
    missing = [verb for verb in verbs if not callable(getattr(backend_class, verb, None))]
    who = f"backend {entry.name!r} of {_distribution(entry)} ({entry.value})"
    if wants_async and not awaited and closers == {"close"}:
        raise ConfigurationError(f"{who} is a sync one in the group {_ASYNC!r}; its place is {_SYNC!r}")
    if not wants_async and awaited:
        raise ConfigurationError(f"{who} is an async one in the group {_SYNC!r}; its place is {_ASYNC!r}")
    closer = "aclose" if wants_async else "close"
    if closer not in closers:
        missing.append(closer)
    if missing:
        raise ConfigurationError(f"{who} is no backend: it has no {', '.join(missing)}(); see aicache.protocols")


def _call(build: Callable[..., Any], entry: EntryPoint, arguments: tuple[str, ...], options: dict[str, Any]) -> object:
    try:
        inspect.signature(build).bind(*arguments, **options)
    except TypeError as error:
        takes = list(inspect.signature(build).parameters)[len(arguments) :]
        raise ConfigurationError(
            f"backend {entry.name!r} cannot be built with these options: {error}; "
            f"{entry.value} takes {', '.join(takes) or 'none'}"
        ) from None
    except ValueError:
        pass  # built in C, without a signature to ask
    return build(*arguments, **options)


def _verb(group: str) -> str:
    return "open_backend" if group == _ASYNC else "open_sync_backend"


def _cure(name: str) -> str:
    return f"pip install 'aicache[{_EXTRAS[name]}]' brings it"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unnamed distribution"
