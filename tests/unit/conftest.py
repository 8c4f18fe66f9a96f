"""The two flavours of everything under one set of test bodies: what is sync is awaited all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.testing import FakeClock
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_null import NullBackend, SyncNullBackend


class DictBackend:
    """A byte store that notes every call; `fail` is raised by each of them, once it is set."""

    def __init__(self, clock: FakeClock, log: list[tuple[Any, ...]] | None = None, name: str = "") -> None:
        self.data: dict[str, tuple[bytes, float | None]] = {}
        self.clock = clock
        self.log = [] if log is None else log
        self.name = name
        self.fail: Exception | None = None
        self.closed = 0

    def _note(self, verb: str, *what: Any) -> None:
        self.log.append((self.name, verb, *what) if self.name else (verb, *what))
        if self.fail is not None:
            raise self.fail

    def left(self, key: str) -> float | None:
        """Seconds the stored entry still lives."""
        expires = self.data[key][1]
        return None if expires is None else expires - self.clock()

    def _get(self, key: str) -> bytes | None:
        self._note("get", key)
        value, expires = self.data.get(key, (None, None))
        return None if expires is not None and self.clock() >= expires else value

    def _set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._note("set", key)
        self.data[key] = (value, None if ttl is None else self.clock() + ttl)

    def _delete(self, key: str) -> bool:
        self._note("delete", key)
        return self.data.pop(key, None) is not None

    async def get(self, key: str) -> bytes | None:
        return self._get(key)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self._set(key, value, ttl)

    async def delete(self, key: str) -> bool:
        return self._delete(key)

    async def aclose(self) -> None:
        self.closed += 1


class SyncDictBackend(DictBackend):
    """The same, sync."""

    aclose = None

    def get(self, key: str) -> bytes | None:
        return self._get(key)

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self._set(key, value, ttl)

    def delete(self, key: str) -> bool:
        return self._delete(key)

    def close(self) -> None:
        self.closed += 1


class ManyDictBackend(DictBackend):
    """A byte store with batches, remaining lives and clear."""

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: value for key, (value, _) in self._found(keys, "get_many").items()}

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        return self._found(keys, "get_with_ttl")

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        self._store(entries)

    async def delete_many(self, keys: Sequence[str]) -> int:
        return self._remove(keys)

    async def clear(self) -> None:
        self._clear()

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        for key in self._scan(prefix):
            yield key

    def _scan(self, prefix: str) -> list[str]:
        self._note("scan", prefix)
        return [key for key in self.data if key.startswith(prefix)]

    def _found(self, keys: Sequence[str], verb: str) -> dict[str, tuple[bytes, float | None]]:
        self._note(verb, *keys)
        now = self.clock()
        live = {key: self.data[key] for key in keys if key in self.data}
        return {k: (v, None if e is None else e - now) for k, (v, e) in live.items() if e is None or now < e}

    def _store(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        self._note("set_many", *entries)
        for key, (value, ttl) in entries.items():
            self.data[key] = (value, None if ttl is None else self.clock() + ttl)

    def _remove(self, keys: Sequence[str]) -> int:
        self._note("delete_many", *keys)
        return sum([self.data.pop(key, None) is not None for key in dict.fromkeys(keys)])

    def _clear(self) -> None:
        self._note("clear")
        self.data.clear()


class SyncManyDictBackend(ManyDictBackend, SyncDictBackend):
    """The same, sync."""

    get = SyncDictBackend.get
    set = SyncDictBackend.set
    delete = SyncDictBackend.delete
    aclose = None

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: value for key, (value, _) in self._found(keys, "get_many").items()}

    def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        return self._found(keys, "get_with_ttl")

    def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        self._store(entries)

    def delete_many(self, keys: Sequence[str]) -> int:
        return self._remove(keys)

    def clear(self) -> None:
        self._clear()

    def scan(self, prefix: str = "") -> Iterator[str]:
        yield from self._scan(prefix)


class Awaited:
    """A sync cache whose verbs can be awaited."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.inner, {"aclose": "close"}.get(name, name))
        if name in ("stats", "describe"):
            return verb

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return verb(*args, **kwargs)

        return awaited


@dataclass
class Flavour:
    """The classes of one flavour, over one clock."""

    is_async: bool
    clock: FakeClock

    def cache(self, *tiers: Any, **options: Any) -> Any:
        """A cache; other caches made here can be among its tiers."""
        inner = [tier.inner if isinstance(tier, Awaited) else tier for tier in tiers]
        options = {"wall_clock": self.clock, "clock": self.clock, **options}
        return TieredCache(inner, **options) if self.is_async else Awaited(SyncTieredCache(inner, **options))

    def part(self, cache: Any, *tiers: str) -> Any:
        """A cache over some of another's tiers."""
        return cache.only(*tiers) if self.is_async else Awaited(cache.inner.only(*tiers))

    def memory(self, **options: Any) -> Any:
        return (MemoryBackend if self.is_async else SyncMemoryBackend)(clock=self.clock, **options)

    def null(self) -> Any:
        return NullBackend() if self.is_async else SyncNullBackend()

    def store(self, log: list[tuple[Any, ...]] | None = None, name: str = "") -> Any:
        """A byte store with nothing but the four verbs."""
        return (DictBackend if self.is_async else SyncDictBackend)(self.clock, log, name)

    def big_store(self, log: list[tuple[Any, ...]] | None = None, name: str = "") -> Any:
        """A byte store with every optional verb that a cache uses."""
        return (ManyDictBackend if self.is_async else SyncManyDictBackend)(self.clock, log, name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["async", "sync"])
def flavour(request: pytest.FixtureRequest, clock: FakeClock) -> Flavour:
    return Flavour(request.param == "async", clock)
