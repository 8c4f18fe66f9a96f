"""What both flavours of the memory backend share: the options, and the verbs of `HoldsEntries`, which never wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from aicache.errors import ConfigurationError
from aicache.options import check_key, check_ttl, check_value
from aicache_memory._entry import RAW, Entry, Kept, ends_of
from aicache_memory._store import Store
from aicache_memory._thaws import as_it_is

__all__ = ["Memory"]


class Memory:
    """Entries in this process, bounded by number and by bytes.

    `max_entries`: entries at most; None: no such bound.
    `max_bytes`: bytes of serialized values and keys at most (256 MiB); None: no such bound. One bound must be given.
    `copy`: "isolate": callers can never change what is cached. Immutable values are shared, others are kept as bytes
    and made anew for each caller. "live": every caller gets the very object that was stored; the fastest, for values
    nobody changes.
    `clock`: seconds from any start, never going back.

    Raises `ConfigurationError` on bounds that make no sense.
    """

    def __init__(
        self,
        max_entries: int | None = 100_000,
        max_bytes: int | None = 256 * 2**20,
        *,
        copy: Literal["isolate", "live"] = "isolate",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if copy not in ("isolate", "live"):
            raise ConfigurationError(f'copy must be "isolate" or "live", got {copy!r}')
        self._store = Store(max_entries, max_bytes, clock)
        self._look = self._store.tables.look
        self._hits = self._store.hits
        self._thaws = self._store.thaws.by_number
        self.put = self._store.put  # type: ignore[method-assign]  # the call in between took a tenth of the time
        self._copy = copy
        self.clock = clock

    @property
    def on_evict(self) -> Callable[[str], None] | None:
        """Called with each key that had to go to make room, by the thread that needed it; None: nobody asks."""
        return self._store.on_evict

    @on_evict.setter
    def on_evict(self, call: Callable[[str], None] | None) -> None:
        self._store.on_evict = call

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Build one from `memory://`, with `max_entries`, `max_bytes` and `copy` as its query:
        `memory://?max_entries=1000`.
        """
        from urllib.parse import parse_qsl, urlsplit  # seldom wanted, and its import takes longer than all of ours

        query: dict[str, Any] = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        for name, text in query.items():
            if name in ("max_entries", "max_bytes"):
                if not text.isdecimal():
                    raise ConfigurationError(f"{name} must be a whole number, got {text!r} in {url!r}")
                query[name] = int(text)
            elif name != "copy":
                raise ConfigurationError(
                    f"unknown option {name!r} in {url!r}; there are max_entries, max_bytes and copy"
                )
        return cls(**{**query, **options})

    @property
    def deadline(self) -> None:
        """None: it answers at once."""

    @property
    def isolates(self) -> bool:
        """False where `copy="live"` shares mutable values with every caller."""
        return self._copy == "isolate"

    @property
    def evictions(self) -> int:
        """Live entries that had to go to make room, since the start."""
        return self._store.evictions

    def __len__(self) -> int:
        """Entries held; those that expired a moment ago may still be counted."""
        return len(self._store)

    @property
    def lookup(self) -> Callable[[str], Kept | None]:
        """What finds an entry, whatever its age, at the cost of a look into a dict; see `SharesEntries`."""
        return self._store.tables.lookup

    @property
    def hits(self) -> list[int]:
        """How often an entry was hit lately, by its place; see `SharesEntries`."""
        return self._hits

    @property
    def thaws(self) -> Sequence[Callable[[Any], Any]]:
        """What makes fresh values, by number; see `SharesEntries`."""
        return self._thaws

    def peek(self, key: str) -> Entry | None:
        """The live entry that `put` kept, marked as used; None where there is none. Takes no lock on a hit."""
        look = self._look  # a call of an attribute takes longer than one of a name
        kept = look(key)
        if kept is None:
            return None
        _, form, expires, place, _ = kept
        if form == RAW:
            return None
        if expires is not None and (now := self.clock()) >= expires:
            ends = ends_of(kept)
            if ends is None or now >= ends:
                self._store.remove(key, kept)
            return None
        hits = self._hits
        if hits[place] < 7:
            hits[place] += 1
        return Entry(kept, self._thaws)

    def peek_stale(self, key: str) -> Entry | None:
        """The live entry, though it may have expired, as long as it may be served stale. It is no use of it."""
        kept = self._look(key)
        if kept is None or kept[1] == RAW:
            return None
        ends = ends_of(kept)
        return None if ends is not None and self.clock() >= ends else Entry(kept, self._thaws)

    def put(
        self,
        key: str,
        value: Any,
        *,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        ttl: float | None,
        compressed: bool = False,
        cost: float | None = None,
        stale: float = 0.0,
    ) -> bool:
        """Keep a live entry; False, with nothing left under the key, where it is larger than `max_bytes`.

        `stale`: seconds after its ttl for which `peek_stale` still has it.
        """
        return self._store.put(
            key,
            value,
            thaw=thaw,
            size=size,
            created=created,
            ttl=ttl,
            compressed=compressed,
            cost=cost,
            stale=stale,
        )

    def drop(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        return self._store.pop(key)

    def purge(self) -> int:
        """Reclaim every expired entry and say how many; for a timer, in a process that reads but seldom writes."""
        return self._store.purge()

    def _take_out(self, key: object) -> None:
        """Take out what is over, where `get` found nothing; raises where the key is none."""
        checked = check_key(key)
        kept = self._look(checked)
        if kept is not None and kept[1] == RAW and kept[4] is not None and self.clock() >= kept[4]:
            self._store.remove(checked, kept)

    def _get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        found: dict[str, tuple[bytes, float | None]] = {}
        hits = self._hits
        for key in keys:
            kept = self._look(check_key(key))
            if kept is None or kept[1] != RAW:
                continue
            value, _, _, place, expires = kept
            left = None if expires is None else expires - self.clock()
            if left is None or left > 0:
                if hits[place] < 7:
                    hits[place] += 1
                found[key] = (value, left)
            else:
                self._store.remove(key, kept)
        return found

    def _set(self, key: str, value: object, ttl: float | None) -> None:
        data, ttl = _checked(key, value, ttl)
        self._store.put(key, data, thaw=as_it_is, size=len(data), created=0.0, ttl=ttl)

    def _delete(self, key: str) -> bool:
        return self._store.pop(check_key(key))

    def _delete_many(self, keys: Sequence[str]) -> int:
        for key in keys:  # all are checked before the first goes
            check_key(key)
        return sum([self._store.pop(key) for key in keys])

    def _set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        for key, (value, ttl) in entries.items():  # all are checked before the first is stored
            _checked(key, value, ttl)
        for key, (value, ttl) in entries.items():
            self._set(key, value, ttl)

    def _scan(self, prefix: str) -> Iterator[str]:
        now = self.clock()
        for key, kept in self._store.snapshot():
            if key.startswith(prefix):
                ends = ends_of(kept)
                if ends is None or now < ends:
                    yield key

    def _close(self) -> None:
        self._store.close()
        self._look = self._store.tables.look

    def _info(self) -> dict[str, object]:
        store = self._store
        return {
            "entries": len(store),
            "bytes": store.bytes,
            "max_entries": store.max_entries,
            "max_bytes": store.max_bytes,
            "evictions": store.evictions,
        }


def _checked(key: str, value: object, ttl: float | None) -> tuple[bytes, float | None]:
    check_key(key)
    return check_value(value), check_ttl(ttl)
