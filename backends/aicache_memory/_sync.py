"""`SyncMemoryBackend`: the four verbs and the optional ones over the shared store. Its twin is generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aicache_memory._memory import Memory

__all__ = ["SyncMemoryBackend"]


class SyncMemoryBackend(Memory):
    __doc__ = Memory.__doc__

    def get(self, key: str) -> bytes | None:
        """The bytes that `set` stored, or None."""
        return self._get(key)

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a copy of `value`; where it is larger than `max_bytes`, only the old value goes."""
        self._set(key, value, ttl)

    def delete(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        return self._delete(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The found ones."""
        return {key: value for key, (value, _) in self._get_with_ttl(keys).items()}

    def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store each value with its own ttl in seconds; all keys and ttls are checked before the first is stored."""
        self._set_many(entries)

    def delete_many(self, keys: Sequence[str]) -> int:
        """How many of the keys were there."""
        return sum([self._delete(key) for key in keys])

    def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """The found ones with their remaining seconds (None: no expiry)."""
        return self._get_with_ttl(keys)

    def scan(self, prefix: str = "") -> Iterator[str]:
        """Every live key that begins with `prefix`, of both kinds of entry."""
        for key in self._scan(prefix):
            yield key

    def clear(self) -> None:
        """Forget everything."""
        self._store.empty()

    def info(self) -> Mapping[str, object]:
        """`entries`, `bytes`, `max_entries`, `max_bytes`, `evictions`."""
        return self._info()

    def close(self) -> None:
        """Let go of every entry; may be called twice."""
        self._store.close()
