"""What a backend may be: a small protocol for each thing that only some stores can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = [
    "Entry",
    "HasDeadline",
    "HoldsEntries",
    "KeepsStale",
    "SharesEntries",
    "SupportsClear",
    "SupportsInfo",
    "SupportsMany",
    "SupportsScan",
    "SupportsTTL",
    "SyncSupportsClear",
    "SyncSupportsInfo",
    "SyncSupportsMany",
    "SyncSupportsScan",
    "SyncSupportsTTL",
]


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
