"""`NullBackend`: the contract kept to the letter by a store that stores nothing. Its twin is generated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from aicache.errors import ClosedError, ConfigurationError
from aicache.options import check_key, check_ttl, check_value

__all__ = ["NullBackend"]


class NullBackend:
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

    async def get(self, key: str) -> bytes | None:
        """None, always."""
        self._check(key)
        return None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Do nothing."""
        await self.set_many({key: (value, ttl)})

    async def delete(self, key: str) -> bool:
        """False, always."""
        self._check(key)
        return False

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Nothing, always."""
        self._check(*keys)
        return {}

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Do nothing."""
        self._check(*entries)
        for value, ttl in entries.values():
            check_ttl(ttl)
            check_value(value)

    async def delete_many(self, keys: Sequence[str]) -> int:
        """0, always."""
        self._check(*keys)
        return 0

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """Nothing, always."""
        self._check(*keys)
        return {}

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:  # noqa: ARG002 there is nothing to match
        """Nothing, always."""
        self._check()
        nothing: tuple[str, ...] = ()
        for key in nothing:
            yield key

    async def clear(self) -> None:
        """Do nothing."""
        self._check()

    async def info(self) -> Mapping[str, object]:
        """`entries`: 0."""
        self._check()
        return {"entries": 0}

    async def aclose(self) -> None:
        """From now on every other verb raises `ClosedError`; may be called twice."""
        self._closed = True

    def _check(self, *keys: str) -> None:
        if self._closed:
            raise ClosedError("this null backend is closed; build a new one")
        for key in keys:
            check_key(key)
