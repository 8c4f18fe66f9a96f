"""Refuses caches that are wired wrongly, before their first call."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

from aicache.errors import ConfigurationError
from aicache.options import Policy, Tier

__all__ = ["check_backend", "check_ttl_holds", "tier_names"]

_VERBS = ("get", "set", "delete")


def check_backend(backend: object, *, wants_async: bool, cache: str) -> None:
    """Raise `ConfigurationError` unless `backend` is a backend of the right flavour for `cache`."""
    kind = type(backend).__name__
    if isinstance(backend, str):
        raise ConfigurationError(
            f"{cache} takes backends, got the text {backend!r}; open it first: open_backend({backend!r})"
        )
    if isinstance(backend, type):
        raise ConfigurationError(
            f"{cache} takes backend objects, got the class {backend.__name__}; call it: {backend.__name__}()"
        )
    closer, other = ("aclose", "close") if wants_async else ("close", "aclose")
    missing = [verb for verb in (*_VERBS, closer) if not callable(getattr(backend, verb, None))]
    is_other = bool(missing) and callable(getattr(backend, other, None))
    if not wants_async:
        is_other = is_other or any(inspect.iscoroutinefunction(getattr(backend, verb, None)) for verb in _VERBS)
    if is_other:
        have, want = ("a sync", "an async") if wants_async else ("an async", "a sync")
        twin = "SyncTieredCache" if wants_async else "TieredCache"
        raise ConfigurationError(f"{kind} is {have} backend and {cache} needs {want} one; use its twin, or {twin}")
    if missing:
        raise ConfigurationError(
            f"{kind} is no backend: it has no {', '.join(missing)}(); see aicache.protocols.CacheBackend"
        )


def tier_names(options: Sequence[Tier]) -> list[str]:
    """A name for each tier: its own, else the backend's kind, numbered where it would be there twice."""
    names: list[str] = []
    for option in options:
        name = option.name
        if name is not None and name in names:
            raise ConfigurationError(f"two tiers are named {name!r}; give each a name of its own")
        if name is None:
            kind = type(option.backend).__name__.removeprefix("Sync").removesuffix("Backend").lower() or "tier"
            name, number = kind, 1
            while name in names:
                number += 1
                name = f"{kind}-{number}"
        names.append(name)
    return names


def check_ttl_holds(policy: Policy, options: Iterable[Tier]) -> None:
    """Raise where no tier keeps a value for as long as the policy says."""
    caps = [option.max_ttl for option in options if option.write]
    if not caps:
        raise ConfigurationError("no tier has write=True, so nothing would ever be stored; let one write")
    if None in caps or policy.ttl is None:
        return
    longest = max(cap for cap in caps if cap is not None)
    if policy.ttl <= longest < policy.ttl + policy.stale_for:
        raise ConfigurationError(
            f"a value is to be fresh for {policy.ttl:g} s and stale for {policy.stale_for:g} s more, and no tier keeps "
            f"one longer than max_ttl={longest:g} s; shorten the stale time, or raise the max_ttl of one tier"
        )
    if longest < policy.ttl:
        raise ConfigurationError(
            f"policy.ttl is {policy.ttl:g} s and no tier keeps a value longer than max_ttl={longest:g} s; "
            "shorten the ttl, or raise the max_ttl of one tier"
        )
