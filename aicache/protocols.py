"""What a plug-in must be, and what it may be: every contract of the library, async and sync side by side.

A backend is four verbs. Keys are text, values are bytes, a `ttl` is in seconds (None: no expiry), a miss is None. What
only some stores can do is a small protocol of its own below; a cache asks for it once, when it is built (`supports`),
never per call.

The rules that no signature shows, all of them checked by `aicache.testing`:

* Bytes that were stored come back equal, the empty ones too. The caller's buffer is never kept: copy what is not
  `bytes`.
* A `ttl` that is 0, negative or NaN is an `InvalidArgumentError`, and leaves what is stored untouched.
* `delete` says whether there was something to delete. `aclose` may be called twice; any other call after it is a
  `ClosedError`.
* A store that fails raises; it never returns a wrong or a partial value. The cache above turns that into a counted
  miss.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

__all__ = [
    "CacheBackend",
    "Compressor",
    "Entry",
    "HasDeadline",
    "Heard",
    "HoldsEntries",
    "KeepsStale",
    "Leased",
    "Serializer",
    "SharesEntries",
    "SupportsClear",
    "SupportsFeed",
    "SupportsInfo",
    "SupportsLeases",
    "SupportsMany",
    "SupportsScan",
    "SupportsTTL",
    "SupportsTags",
    "SyncCacheBackend",
    "SyncSupportsClear",
    "SyncSupportsFeed",
    "SyncSupportsInfo",
    "SyncSupportsLeases",
    "SyncSupportsMany",
    "SyncSupportsScan",
    "SyncSupportsTTL",
    "SyncSupportsTags",
    "supports",
]


# ---------------------------------------------------------------------------------------------------------------------
# What a backend must be


@runtime_checkable
class CacheBackend(Protocol):
    """All that a backend must be, to be used in a `TieredCache`."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    async def delete(self, key: str) -> bool: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class SyncCacheBackend(Protocol):
    """All that a backend must be, to be used in a `SyncTieredCache`, from any number of threads."""

    def get(self, key: str) -> bytes | None: ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None: ...

    def delete(self, key: str) -> bool: ...

    def close(self) -> None: ...


# ---------------------------------------------------------------------------------------------------------------------
# What a backend may be


@runtime_checkable
class SupportsMany(Protocol):
    """Many keys in one round trip. Where it is missing, the cache calls the single verbs one after the other."""

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The found ones only; a key given twice is one key."""
        ...

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store each value with its own ttl in seconds (None: no expiry)."""
        ...

    async def delete_many(self, keys: Sequence[str]) -> int:
        """How many of the keys were there."""
        ...


@runtime_checkable
class SyncSupportsMany(Protocol):
    """`SupportsMany` for a `SyncCacheBackend`."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]: ...

    def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None: ...

    def delete_many(self, keys: Sequence[str]) -> int: ...


@runtime_checkable
class SupportsTTL(Protocol):
    """The store can say how long an entry still lives, by its own clock.

    Without it, a tier goes by the times inside the envelope, and so by the writer's and the reader's clocks agreeing.
    """

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        """The found ones with their remaining life in seconds (None: no expiry), in one round trip."""
        ...


@runtime_checkable
class SyncSupportsTTL(Protocol):
    """`SupportsTTL` for a `SyncCacheBackend`."""

    def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]: ...


@runtime_checkable
class SupportsScan(Protocol):
    """The store can list its keys, in slices that block nobody else."""

    def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """Each live key that begins with `prefix`, at least once, in any order.

        A key that is set or deleted meanwhile may be there or not. `prefix` is text, never a pattern.
        """
        ...


@runtime_checkable
class SyncSupportsScan(Protocol):
    """`SupportsScan` for a `SyncCacheBackend`."""

    def scan(self, prefix: str = "") -> Iterator[str]: ...


@runtime_checkable
class SupportsClear(Protocol):
    """The store can forget everything that was stored through this backend, and nothing else."""

    async def clear(self) -> None: ...


@runtime_checkable
class SyncSupportsClear(Protocol):
    """`SupportsClear` for a `SyncCacheBackend`."""

    def clear(self) -> None: ...


@runtime_checkable
class SupportsInfo(Protocol):
    """The store can describe itself for statistics."""

    async def info(self) -> Mapping[str, object]:
        """Names and figures for people to read, such as `entries` and `bytes`; what a name means is the backend's to
        document.
        """
        ...


@runtime_checkable
class SyncSupportsInfo(Protocol):
    """`SupportsInfo` for a `SyncCacheBackend`."""

    def info(self) -> Mapping[str, object]: ...


@runtime_checkable
class HasDeadline(Protocol):
    """The backend bounds each call itself, waiting and connecting included, by raising `BackendTimeoutError`.

    A tier then sets no timer of its own, which saves some microseconds a call.
    """

    @property
    def deadline(self) -> float | None:
        """The longest that one call takes, in seconds; None: the backend answers from this process, at once."""
        ...


class Entry(Protocol):
    """One live entry of an in-process backend, as `HoldsEntries.peek` hands it out; nobody but its backend changes
    it.
    """

    @property
    def value(self) -> Any:
        """The value itself where `thaw` is None, else what `thaw` makes a fresh value from."""
        ...

    @property
    def thaw(self) -> Callable[[Any], Any] | None:
        """None: share `value` as it is. Else call it with `value`, once for each caller."""
        ...

    @property
    def created(self) -> float:
        """When the value was made, in seconds since the epoch (information only: expiry never depends on it)."""
        ...

    @property
    def expires(self) -> float | None:
        """When it ends, on the backend's own `clock`; None: never."""
        ...

    @property
    def compressed(self) -> bool:
        """Whether the value is compressed in the tiers below (information only)."""
        ...


@runtime_checkable
class HoldsEntries(Protocol):
    """An in-process backend that keeps live entries and answers at once: a hit needs no decode and no extra coroutine.

    The three verbs are plain functions in both flavours, are safe to call from any thread and never wait for a store.
    They share the key space of `get` and `set`: those see only what `set` stored, and `peek` only what `put` did.
    """

    clock: Callable[[], float]

    @property
    def isolates(self) -> bool:
        """True: callers can never change what is kept. False: its owner chose to share live objects."""
        ...

    def peek(self, key: str) -> Entry | None:
        """The live entry, counted as a use of it; None where there is none or it has expired."""
        ...

    def put(
        self,
        key: str,
        value: Any,
        *,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        ttl: float | None,
        compressed: bool,
        cost: float | None,
    ) -> bool:
        """Keep an entry of `size` bytes for `ttl` seconds (None: no expiry); False where it does not fit the bounds.

        `cost`: what making it again costs, in the unit of the cache's owner; None: not known. For who must go first.

        Either way nothing older is left under the key.
        """
        ...

    def drop(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        ...


@runtime_checkable
class KeepsStale(Protocol):
    """A backend that `HoldsEntries` and keeps them for a while after their ttl, for when no fresh value can be had."""

    def peek_stale(self, key: str) -> Entry | None:
        """The entry, though its ttl may be over; None once the `stale` seconds that `put` was given are over, too."""
        ...

    def put(
        self,
        key: str,
        value: Any,
        *,
        thaw: Callable[[Any], Any] | None,
        size: int,
        created: float,
        ttl: float | None,
        compressed: bool,
        cost: float | None,
        stale: float,
    ) -> bool:
        """`HoldsEntries.put`, and keep the entry for `stale` seconds after its ttl; `peek` no longer has it then."""
        ...


@runtime_checkable
class SharesEntries(Protocol):
    """A backend that `HoldsEntries` in a table that its callers may look into themselves, which saves them a call.

    What `lookup` gives is None or a tuple: `(value, form, expires, place, more)`. Whoever takes the value from it

    - sees first that `expires` is None, or that the backend's `clock` has not come to it (what `set` stored is in the
      table, too, and always over); else there is nothing to be had here, and `peek` is asked;
    - adds one to `hits[place]` where that is below 7;
    - shares `value` as it is where `form` is 0, else takes `thaws[form](value)`, once for each caller.

    `more` is the backend's own. A tuple never changes: an entry that is put anew is another one.
    """

    @property
    def lookup(self) -> Callable[[str], tuple[Any, int, float | None, int, Any] | None]:
        """The look-up, which stays the same for the backend's life: what is in the table, whatever its age, or None."""
        ...

    @property
    def hits(self) -> list[int]:
        """By place, how often an entry was used lately; the same list for the backend's life, never shortened."""
        ...

    @property
    def thaws(self) -> Sequence[Callable[[Any], Any]]:
        """By form, what makes a fresh value; what a number means never changes."""
        ...


# ---------------------------------------------------------------------------------------------------------------------
# What only a store that several processes share can do


class Leased(NamedTuple):
    """What a store says of one key to who would load it.

    `value`, `left`: the bytes and their remaining life in seconds (None: no expiry), where there are any.
    `token`: what a fill has to show, where there are none; None where there is a value.
    `holds`: whether the caller is the one who is to load. Always True where no lock was asked for.
    """

    value: bytes | None
    left: float | None
    token: bytes | None
    holds: bool


@runtime_checkable
class SupportsLeases(Protocol):
    """The store lets a loaded value in only if its key has not been written or invalidated since the load began.

    This is the lease of Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013). A token stands beside each key
    that is being loaded; those who load at once share it. `set`, `delete` and `clear` take it away, and without it
    nothing is let in: so a restart, an eviction and a failover that lose it are safe.
    """

    async def lease(
        self, keys: Sequence[str], *, seconds: float, holder: str | None = None, lock: float = 0.0
    ) -> dict[str, Leased]:
        """Each key's value or else its token, in one round trip.

        `seconds`: how long the token stands if nobody takes it away. `holder`: also lock the key for `lock` seconds
        for this holder, unless another has it.
        """
        ...

    async def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> set[str]:
        """Store each value for its ttl while its token stands (and no other than `holder` has the lock, which is given
        back); returns the keys that were stored.
        """
        ...

    async def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> set[str]:
        """Lock for `lock` seconds from now what this holder has; returns the keys that it still has."""
        ...

    async def release(self, keys: Sequence[str], *, holder: str) -> None:
        """Give back the locks that this holder has."""
        ...


@runtime_checkable
class SyncSupportsLeases(Protocol):
    """`SupportsLeases` for a `SyncCacheBackend`."""

    def lease(
        self, keys: Sequence[str], *, seconds: float, holder: str | None = None, lock: float = 0.0
    ) -> dict[str, Leased]: ...

    def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> set[str]: ...

    def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> set[str]: ...

    def release(self, keys: Sequence[str], *, holder: str) -> None: ...


class Heard(NamedTuple):
    """What a feed says.

    `position`: where to go on. `keys`, `tags`: what was written or forgotten since the position that was given.
    `is_whole`: False where some may be missing, or everything was forgotten.
    """

    position: str
    keys: list[str]
    tags: list[str]
    is_whole: bool


@runtime_checkable
class SupportsFeed(Protocol):
    """The store tells every process of what any of them sets, deletes, clears or invalidates; what `fill` stores it
    does not tell.

    A notice is there before the call that caused it returns.
    """

    async def follow(self, position: str | None, wait: float, *, own: bool = False) -> Heard:
        """What happened after `position`, as soon as anything does, or after `wait` seconds. None: from now on, and it
        is not whole. `own`: what this very backend did is told too.
        """
        ...


@runtime_checkable
class SyncSupportsFeed(Protocol):
    """`SupportsFeed` for a `SyncCacheBackend`."""

    def follow(self, position: str | None, wait: float, *, own: bool = False) -> Heard: ...


@runtime_checkable
class SupportsTags(Protocol):
    """The store keeps a version for each tag; an entry with an older one, or of a tag that has none, is not valid."""

    async def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]:
        """The versions of those that have one; `create`: give one to the others. One round trip."""
        ...

    async def get_tagged(
        self, keys: Sequence[str], tags: Sequence[str]
    ) -> tuple[dict[str, tuple[bytes, float | None]], dict[str, bytes]]:
        """What `SupportsTTL.get_with_ttl` says of the keys, and `tag_versions` of the tags, in one round trip."""
        ...

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Take their versions away: no entry with one of them is valid from now on, in any process."""
        ...


@runtime_checkable
class SyncSupportsTags(Protocol):
    """`SupportsTags` for a `SyncCacheBackend`."""

    def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]: ...

    def get_tagged(
        self, keys: Sequence[str], tags: Sequence[str]
    ) -> tuple[dict[str, tuple[bytes, float | None]], dict[str, bytes]]: ...

    def invalidate_tags(self, tags: Sequence[str]) -> None: ...


# ---------------------------------------------------------------------------------------------------------------------
# What a codec is made of


@runtime_checkable
class Serializer(Protocol):
    """Turns values into bytes and back, exactly: `loads(dumps(x))` equals `x` and has the same types, all the way down.

    What it cannot keep so, `dumps` refuses with a `SerializationError` that names the path. `loads` may raise anything
    at all on bytes that `dumps` did not make, and must not run code that those bytes choose.
    """

    @property
    def id(self) -> int:
        """1 to 255, written into each envelope. 1 to 127 are ours; a plug-in takes one from 128 up and keeps it for
        ever.
        """
        ...

    def dumps(self, value: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


@runtime_checkable
class Compressor(Protocol):
    """Makes bytes smaller and back, exactly."""

    @property
    def id(self) -> int:
        """1 to 255 as for `Serializer`; 0 is "not compressed" and belongs to `NullCompressor`."""
        ...

    def compress(self, data: bytes) -> bytes | None:
        """The compressed bytes, or None where it is not worth it (too small, not smaller)."""
        ...

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The original bytes; raises, having made at most `max_size` bytes, where there would be more."""
        ...


# ---------------------------------------------------------------------------------------------------------------------
# Asking for a capability


def supports(backend: object, capability: type) -> bool:
    """Say whether `backend` has a capability; for constructors, as it is slow.

    A wrapper that has every verb but an inside that has not reports the inside's answer in a `capabilities` attribute,
    a collection of the protocols above; where there is one, it alone counts.
    """
    reported = getattr(backend, "capabilities", None)
    if reported is not None:
        return capability in reported
    return isinstance(backend, capability)
