"""What only a store that several processes share can do: leases, a feed, versions of tags, and removing in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = [
    "Heard",
    "Leased",
    "ReadsReplicas",
    "SupportsFeed",
    "SupportsLeases",
    "SupportsReclaim",
    "SupportsTags",
    "SyncReadsReplicas",
    "SyncSupportsFeed",
    "SyncSupportsLeases",
    "SyncSupportsReclaim",
    "SyncSupportsTags",
]


class Leased(NamedTuple):
    """What a store says of one key to who would load it.

    `value`, `left`: the bytes and their remaining life in seconds (None: no expiry), where there are any.
    `token`: what a fill has to show; None where there is a value and it was not to be renewed.
    `holds`: whether the caller, who has a token, is the one who is to load. True where no lock was asked for.
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
        self,
        keys: Sequence[str],
        *,
        seconds: float,
        holder: str | None = None,
        lock: float = 0.0,
        renewing: bool = False,
    ) -> dict[str, Leased]:
        """Each key's value or else its token, in one round trip.

        `seconds`: how long the token stands if nobody takes it away. `holder`: also lock the key for `lock` seconds
        for this holder, unless another has it. `renewing`: a token where there is a value, too.
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

    def leased(self, prefix: str = "") -> AsyncIterator[str]:
        """Each key that begins with `prefix` and has a token, at least once, in any order."""
        ...


@runtime_checkable
class SyncSupportsLeases(Protocol):
    """`SupportsLeases` for a `SyncCacheBackend`."""

    def lease(
        self,
        keys: Sequence[str],
        *,
        seconds: float,
        holder: str | None = None,
        lock: float = 0.0,
        renewing: bool = False,
    ) -> dict[str, Leased]: ...

    def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> set[str]: ...

    def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> set[str]: ...

    def release(self, keys: Sequence[str], *, holder: str) -> None: ...

    def leased(self, prefix: str = "") -> Iterator[str]: ...


@runtime_checkable
class ReadsReplicas(SupportsLeases, Protocol):
    """The store may answer plain reads (`get`, `get_many`, `get_with_ttl`) from copies that are behind.

    Where it does, no tier above keeps what such a read has found: it may have been invalidated, and nobody would be
    told again. What leases, versions of tags and the feed say is never behind.
    """

    @property
    def reads_replicas(self) -> bool:
        """Whether it does; the same for the store's life."""
        ...

    async def get_with_ttl(
        self, keys: Sequence[str], *, from_master: bool = False
    ) -> dict[str, tuple[bytes, float | None]]:
        """As in `SupportsTTL`; `from_master`: and not behind."""
        ...


@runtime_checkable
class SyncReadsReplicas(SyncSupportsLeases, Protocol):
    """`ReadsReplicas` for a `SyncCacheBackend`."""

    @property
    def reads_replicas(self) -> bool: ...

    def get_with_ttl(
        self, keys: Sequence[str], *, from_master: bool = False
    ) -> dict[str, tuple[bytes, float | None]]: ...


class Heard(NamedTuple):
    """What a feed says.

    `position`: where to go on. `keys`, `tags`: what was written or forgotten since the position that was given.
    `is_whole`: False where some may be missing, or everything was forgotten. `filled`: what a holder of a lock has
    stored, or given up, for those who wait for it; a store need not tell.
    """

    position: str
    keys: list[str]
    tags: list[str]
    is_whole: bool
    filled: Sequence[str] = ()


@runtime_checkable
class SupportsFeed(Protocol):
    """The store tells every process of what any of them sets, deletes, clears or invalidates. What `fill` stores is no
    news to memory; where a holder was given, who waits may be told (`Heard.filled`).

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

    async def tag_ages(self, tags: Sequence[str]) -> dict[str, float]:
        """Seconds since each of those that have a version was given it."""
        ...

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Take their versions away: no entry with one of them is valid from now on, in any process."""
        ...


@runtime_checkable
class SyncSupportsTags(Protocol):
    """`SupportsTags` for a `SyncCacheBackend`."""

    def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]: ...

    def tag_ages(self, tags: Sequence[str]) -> dict[str, float]: ...

    def invalidate_tags(self, tags: Sequence[str]) -> None: ...


@runtime_checkable
class SupportsReclaim(Protocol):
    """The store can give back what entries take that no reader believes any more, since their tags were invalidated."""

    @property
    def reclaimed(self) -> int:
        """How much `reclaim` and `clear` have removed so far, in entries; it grows while they go on."""
        ...

    async def reclaim(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`, in slices that block nobody else, and tell nobody; returns
        how many there were. `prefix` is text, never a pattern.
        """
        ...


@runtime_checkable
class SyncSupportsReclaim(Protocol):
    """`SupportsReclaim` for a `SyncCacheBackend`."""

    @property
    def reclaimed(self) -> int: ...

    def reclaim(self, prefix: str = "") -> int: ...
