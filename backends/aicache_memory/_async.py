"""`MemoryBackend`: the four verbs and the optional ones over the shared store. Its twin is generated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from aicache_memory._entry import RAW
from aicache_memory._memory import Memory

__all__ = ["MemoryBackend"]


class MemoryBackend(Memory):
    __doc__ = Memory.__doc__

    async def get(self, key: str) -> bytes | None:
        """The bytes that `set` stored, or None."""
        look, clock = self._look, self.clock  # a call of an attribute takes longer than one of a name
        try:
            kept = look(key)
        except TypeError:  # a key that is none, and is refused below
            kept = None
        if kept is not None:
            value, form, _, place, expires = kept
            if form == RAW and (expires is None or clock() < expires):
                hits = self._hits
                if hits[place] < 7:
                    hits[place] += 1
                return value  # type: ignore[no-any-return]  # what is `RAW` is bytes
        self._take_out(key)
        return None

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a copy of `value`; where it is larger than `max_bytes`, only the old value goes."""
        self._set(key, value, ttl)

    async def delete(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        return self._delete(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The found ones."""
        return {key: value for key, (value, _) in self._get_with_ttl(keys).items()}

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store each value with its own ttl in seconds; all keys and ttls are checked before the first is stored."""
        self._set_many(entries)

    async def delete_many(self, keys: Sequence[str]) -> int:
        """How many of the keys were there."""
        return self._delete_many(keys)

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """The found ones with their remaining seconds (None: no expiry)."""
        return self._get_with_ttl(keys)

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """Every live key that begins with `prefix`, of both kinds of entry."""
        for key in self._scan(prefix):
            yield key

    async def clear(self) -> None:
        """Forget everything."""
        self._store.empty()

    async def info(self) -> Mapping[str, object]:
        """`entries`, `bytes`, `max_entries`, `max_bytes`, `evictions`."""
        return self._info()

    async def aclose(self) -> None:
        """Let go of every entry; may be called twice."""
        self._close()
