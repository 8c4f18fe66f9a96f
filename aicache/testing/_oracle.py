"""A plain dict with ends of life: what a store must agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Oracle"]


class Oracle:
    """Values by key, each with the time at which it ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[str, tuple[Any, float | None]] = {}

    def live(self) -> dict[str, Any]:
        """All that has not ended."""
        now = self._clock()
        return {key: value for key, (value, ends) in self._entries.items() if ends is None or now < ends}

    def get(self, key: str) -> Any:
        """The value, or None."""
        return self.live().get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The found ones."""
        live = self.live()
        return {key: live[key] for key in keys if key in live}

    def left(self, key: str) -> float | None:
        """Seconds until it ends; None: never."""
        ends = self._entries[key][1]
        return None if ends is None else ends - self._clock()

    def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Keep a value for `ttl` seconds; None: for ever."""
        self._entries[key] = value, None if ttl is None else self._clock() + ttl

    def delete(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        return self.delete_many([key]) == 1

    def delete_many(self, keys: Iterable[str]) -> int:
        """Forget keys; say how many were there."""
        there = self.get_many(keys)
        for key in there:
            del self._entries[key]
        return len(there)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
