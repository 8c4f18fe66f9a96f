"""A tier in this process, which keeps live entries and is never away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from aicache._async.primitives import at_once
from aicache._kernel.counters import TierCounters
from aicache._kernel.described import options_in_words
from aicache._kernel.events import Events
from aicache._kernel.fence import Pass
from aicache._kernel.immutable import size_in_memory
from aicache._kernel.item import Item
from aicache._kernel.lifetime import ended, lives
from aicache._kernel.tags import TagIndex
from aicache.codecs import Codec
from aicache.errors import ClosedError, ConfigurationError
from aicache.options import UNSET, Breaker, Tier
from aicache.protocols import Entry, HoldsEntries, KeepsStale, SupportsClear, SupportsScan, supports

__all__ = ["EntryTier", "Kept", "item_of"]

Kept: TypeAlias = tuple[Any, Callable[[bytes], Any] | None, int, float, float | None, bool, float | None, float]
"""What is kept of an item: value, thaw, size, created, ttl, compressed, cost, stale; see `HoldsEntries.put`."""


class EntryTier:
    """A tier that keeps live entries in this process."""

    in_process: Final = True
    lags: Final = False

    def __init__(self, backend: HoldsEntries, options: Tier, name: str, codec: Codec) -> None:
        if options.timeout is not UNSET:
            raise ConfigurationError(f"tier {name!r} answers from this process, at once; leave its timeout out")
        if options.breaker not in (None, Breaker()):
            raise ConfigurationError(f"tier {name!r} is in this process and never away; leave its breaker out")
        self.backend = backend
        self.options = options
        self.counters = TierCounters(name)
        self.counters.source = backend
        self._max_ttl = options.max_ttl
        self.needs_raw = bool(options.min_bytes or options.max_bytes is not None)
        self._isolates = backend.isolates
        self.can_clear = supports(backend, SupportsClear)
        self.can_scan = supports(backend, SupportsScan)
        self._codec = codec
        self._stale: Any = backend if supports(backend, KeepsStale) else None
        self.is_current = True  # else it keeps nothing: see `hearing`
        self._tags = TagIndex(self._has)

    def listen(self, events: Events) -> None:
        """Have evictions told, where the backend tells them."""
        backend: Any = self.backend
        if hasattr(backend, "on_evict"):
            backend.on_evict = partial(events.tell, "evict", tier=self.counters.name)

    async def read(self, key: str, *, with_life: bool) -> Item | str:  # noqa: ARG002 it knows the life of all it has
        """The item, which may be stale, or the reason why there is none."""
        entry = self.backend.peek(key)
        if entry is not None:
            self.counters.hits += 1
            return item_of(entry, self._codec, self.backend.clock())
        self.counters.misses += 1
        if self._stale is not None and (entry := self._stale.peek_stale(key)) is not None:
            return item_of(entry, self._codec, self._stale.clock())
        return "absent"

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones."""
        read = {key: await self.read(key, with_life=with_life) for key in keys}
        return {key: item for key, item in read.items() if isinstance(item, Item)}

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:  # noqa: ARG002 nothing overtakes it
        """Keep those whose pass holds and that fit; returns how many."""
        return sum([passes[key].store(self.put, key, item) for key, item in items.items()])

    def put(self, key: str, item: Item) -> bool:
        """Keep one item at once, whatever was there; False, with nothing left under the key, where it does not fit."""
        raw, value, thaw = item.raw, item.value, None
        size = size_in_memory(value) if raw is None else len(raw)
        if raw is not None and self._isolates and not item.immutable:
            value, thaw = raw, item.thaw
        kept = (value, thaw, size, item.created, item.ttl, item.compressed, item.cost, item.stale_for)
        fits = self.keep(key, kept)
        if fits and item.tags:
            self._tags.add(key, item.tags)
        return fits

    def keep(self, key: str, kept: Kept) -> bool:
        """The same for what has no tags."""
        if not self.is_current:
            return False
        value, thaw, size, created, ttl, compressed, cost, stale = kept
        if self.needs_raw and not self._is_within_bounds(size):
            fits = False
        else:
            if stale or self._max_ttl is not None:
                ttl, stale = lives(ttl, stale, self._max_ttl)
            put: Any = partial(self._stale.put, stale=stale) if stale and self._stale is not None else self.backend.put
            fits = put(key, value, thaw=thaw, size=size, created=created, ttl=ttl, compressed=compressed, cost=cost)
        if fits:
            self.counters.writes += 1
        else:
            self.counters.skip([key], "size")
            self.backend.drop(key)
        return fits

    def _is_within_bounds(self, size: int) -> bool:
        most = self.options.max_bytes
        return size >= self.options.min_bytes and (most is None or size <= most)

    def describe(self) -> str:
        """What this tier really does, in one line."""
        kept = "mutable values apart" if self._isolates else "the very objects stored"
        stale = "" if self._stale is not None else ", nothing past its ttl"
        kind = f"{self.counters.name}: {type(self.backend).__name__}"
        return f"{kind} in this process, keeps {kept}{stale}{options_in_words(self.options)}"

    async def look(self, key: str) -> Item | str:
        """The item, which may be stale, without counting it as a look-up."""
        return self._at_hand(key)

    def _at_hand(self, key: str) -> Item | str:
        entry = self.backend.peek(key)
        if entry is None and self._stale is not None:
            entry = self._stale.peek_stale(key)
        return "absent" if entry is None else item_of(entry, self._codec, self.backend.clock())

    def end(self, key: str, stale_for: float) -> bool:
        """End a key's freshness at once; returns whether it was fresh. See `renewal.expire`."""
        item = self._at_hand(key)
        if not isinstance(item, Item) or not item.is_fresh:
            return False
        over = ended(item, stale_for) if self._stale is not None and self.options.write else None
        if over is None:
            return bool(self.backend.drop(key))
        if self.put(key, over):
            self.counters.writes -= 1  # it was there before
        return True

    async def expire(self, key: str, passes: Mapping[str, Pass], stale_for: float) -> bool:  # noqa: ARG002 nothing overtakes it
        """End a key's freshness; returns whether it was fresh."""
        return self.end(key, stale_for)

    def drop(self, keys: Sequence[str]) -> int:
        """Forget keys at once; returns how many were there."""
        return sum([self.backend.drop(key) for key in keys])

    def drop_tagged(self, tags: Sequence[str]) -> None:
        """Forget the keys that have one of these tags, at once."""
        if tags:
            self.drop(self._tags.take(tags))

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Forget the keys that have one of these tags."""
        self.drop_tagged(tags)

    def _has(self, key: str) -> bool:
        return self.backend.peek(key) is not None

    def empty(self) -> None:
        """Forget everything, at once."""
        self._tags.clear()
        backend: Any = self.backend
        if self.can_clear:
            with suppress(ClosedError):
                at_once(backend.clear())

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        return self.drop(keys)

    async def scan(self, prefix: str, matches: Callable[[str], bool]) -> AsyncIterator[str]:  # noqa: ARG002 it misses none
        """The keys that begin with `prefix`."""
        backend: Any = self.backend
        async for key in backend.scan(prefix):
            yield key

    async def answers(self, key: str) -> bool:  # noqa: ARG002 it needs no trial
        """True: it is in this process."""
        return True

    async def clear(self) -> None:
        """Forget everything."""
        backend: Any = self.backend
        await backend.clear()

    async def aclose(self) -> None:
        """Close the backend."""
        backend: Any = self.backend
        await backend.aclose()


def item_of(entry: Entry, codec: Codec, now: float) -> Item:
    """The item that an in-process backend keeps as `entry`, at the time `now` of its clock."""
    expires, ends = entry.expires, getattr(entry, "ends", None)
    ttl = None if expires is None else expires - now
    stale_for = 0.0 if expires is None or ends is None else ends - expires
    thaw = entry.thaw
    value, raw = (entry.value, None) if thaw is None else (thaw(entry.value), entry.value)
    return Item(value, raw, thaw or codec.loads, entry.created, ttl, compressed=entry.compressed, stale_for=stale_for)
