"""`SyncNullBackend`: the contract kept to the letter by a store that stores nothing. Its twin is generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from aicache.errors import ClosedError, ConfigurationError
from aicache.options import check_key, check_ttl

__all__ = ["SyncNullBackend"]


class SyncNullBackend:
    """Stores nothing and finds nothing: to switch caching off, or for tests, without a change of wiring.

    Arguments are checked as a real store would, so that a mistake shows here too.
    """

    def __init__(self) -> None:
        self._closed = False

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Build one from `null://`."""
        if url.removesuffix("/") != "null:/" and url != "null:":
            raise ConfigurationError(f"the null backend takes no options, got {url!r}; write null://")
        return cls(**options)

    @property
    def deadline(self) -> None:
        """None: it answers at once."""

    def get(self, key: str) -> bytes | None:
        """None, always."""
        self._check(key)
        return None

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:  # noqa: ARG002 the value is let go of
        """Do nothing."""
        self._check(key)
        check_ttl(ttl)

    def delete(self, key: str) -> bool:
        """False, always."""
        self._check(key)
        return False

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Nothing, always."""
        self._check(*keys)
        return {}

    def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Do nothing."""
        self._check(*entries)
        for _, ttl in entries.values():
            check_ttl(ttl)

    def delete_many(self, keys: Sequence[str]) -> int:
        """0, always."""
        self._check(*keys)
        return 0

    def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """Nothing, always."""
        self._check(*keys)
        return {}

    def scan(self, prefix: str = "") -> Iterator[str]:  # noqa: ARG002 there is nothing to match
        """Nothing, always."""
        self._check()
        nothing: tuple[str, ...] = ()
        for key in nothing:
            yield key

    def clear(self) -> None:
        """Do nothing."""
        self._check()

    def info(self) -> Mapping[str, object]:
        """`entries`: 0."""
        self._check()
        return {"entries": 0}

    def close(self) -> None:
        """From now on every other verb raises `ClosedError`; may be called twice."""
        self._closed = True

    def _check(self, *keys: str) -> None:
        if self._closed:
            raise ClosedError("this null backend is closed; build a new one")
        for key in keys:
            check_key(key)
