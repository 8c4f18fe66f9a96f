"""`RedisBackend`: the verbs, over the commands and the link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Self

from aicache.errors import UnsupportedError
from aicache_redis._async.patience import patiently, rest
from aicache_redis._async.sharing import Sharing
from aicache_redis._async.ways import reading_way, way_of
from aicache_redis._commands import CUT, LOOK, ClusterCommands, Commands
from aicache_redis._lanes.gathering import Gathering  # async-only
from aicache_redis._settings import ReadFrom, Settings
from aicache_redis._url import DEFAULT_URL

__all__ = ["RedisBackend"]


class RedisBackend(Sharing):
    """Bytes in Redis or Valkey, under a prefix.

    `url`: `redis://[user:password@]host:port/db`, `rediss://` for TLS, `unix:///path?db=0`; `valkey://` and
    `valkeys://` are the same; left out, `redis://localhost:6379/0`. `redis+sentinel://host:26379,host:26379/name/db` is
    the master that sentinels know by a name, `redis+cluster://host:6379,host:6379` a cluster. Its options may be `db`,
    `username`, `password`, `client_name`, with TLS `ssl_*`, and with sentinels `sentinel_username` and
    `sentinel_password`.
    `client`: a client of the library redis, of this flavour, instead of a URL. It is used as it is, with its own ideas
    of waiting, and not closed here.
    `prefix`: stands before every key on the server; `clear` forgets what stands under it.
    `timeout`: seconds one call takes at most, waiting for a connection and connecting included; a batch of more than
    512 commands or a MiB of values takes several round trips, and each of them that long at most. In a cluster, so do
    writes, as the feed is told after the keys, and what one node sends on to another.
    `max_value_bytes`: larger values are refused in writing, and never cross the wire in reading: they are a miss.
    `max_connections`: sync: for all threads. Async: for each event loop one or two, the second from when more than 64
    KiB are written at once, or a value is larger, so that no read waits behind them; or the pipelines that a `client`
    runs at once.
    `read_from`: "prefer_replica", with sentinels or a cluster: `get`, `get_many` and `get_with_ttl` ask a replica, and
    the master where none answers within half of the `timeout`. They may give what has been written over or deleted
    since; a cache above keeps no copies of it. All else goes to the masters.

    A server that is away or late is a `BackendError` or a `BackendTimeoutError`; it is found again by itself. Safe
    across event loops, threads and forks. Raises `MissingExtraError` without the library redis.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        client: Any = None,
        prefix: str = "aicache:",
        timeout: float = 0.25,
        max_value_bytes: int = 8 * 2**20,
        max_connections: int = 2,  # async-only
        # sync: max_connections: int = 32,
        read_from: ReadFrom = "master",
    ) -> None:
        settings = Settings(url, timeout, max_connections, client, read_from)
        kind = ClusterCommands if settings.is_clustered else Commands
        self._commands = kind(prefix, max_value_bytes, LOOK)  # async-only
        # sync: self._commands = kind(prefix, max_value_bytes)
        self._links = way_of(settings)
        self._readers = reading_way(settings, self._links)
        self._gathering = Gathering(self._store)  # async-only
        self.reclaimed = 0
        """How many entries, and what stood beside them, `clear` and `reclaim` have removed so far."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Build one from its URL."""
        return cls(url, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._links.settings.place!r}, prefix={self._commands.prefix!r})"

    @property
    def deadline(self) -> float:
        """The `timeout`."""
        return self._links.settings.timeout

    @property
    def reads_replicas(self) -> bool:
        """Whether plain reads may be answered by replicas."""
        return self._readers is not self._links

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        commands = self._commands
        value: Any = commands.value(await self._readers.look(commands.look, commands.name(key)))
        found: bytes | None = value if value is not CUT else (await self._whole([key]))[0]
        return found

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for `ttl` seconds, rounded up to a millisecond."""
        await self._gathering.set(key, self._commands.set(key, value, ttl))  # async-only
        # sync: self._store([key], [self._commands.set(key, value, ttl)])

    async def delete(self, key: str) -> bool:
        """Forget the key; say whether it was there."""
        return bool(await self.delete_many([key]))

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The found ones."""
        commands = self._commands
        replies = await self._readers.look_many(commands.look, list(map(commands.name, keys)))
        values = dict(zip(keys, map(commands.value, replies), strict=True))
        cut = [key for key, value in values.items() if value is CUT]
        if cut:
            values |= zip(cut, await self._whole(cut), strict=True)
        return {key: value for key, value in values.items() if value is not None}

    async def _whole(self, keys: Sequence[str]) -> list[Any]:
        commands = self._commands
        replies = await self._readers.write([commands.whole.command(commands.name(key)) for key in keys])
        return [commands.value(reply, is_whole=True) for reply in replies]

    async def set_many(self, entries: Mapping[str, tuple[bytes, float | None]]) -> None:
        """Store each value with its own ttl; all are checked before the first is sent."""
        await self._store(list(entries), self._commands.sets(entries))

    async def delete_many(self, keys: Sequence[str]) -> int:
        """How many of the keys were there."""
        return await self._unlinked(keys)

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """Every key that begins with `prefix`, at least once."""
        commands = self._commands
        async for names in self._links.slices(lambda cursor: commands.scan(cursor, prefix)):
            for key in map(commands.names.key, names):
                if key is not None:
                    yield key

    async def clear(self) -> None:
        """Forget everything under the prefix, a slice at a time; raises `UnsupportedError` where there is no prefix."""
        if not self._commands.prefix:
            raise UnsupportedError(
                "clear() without a prefix would take every key of the database; give the backend a prefix="
            )
        # A load that began before must not be stored after: all tokens go before the first value does.
        for start in (self._commands.names.tokens, self._commands.names.prefix):
            await self._unlink_from(start)
        await self._links.write(self._said(is_clear=True))

    async def reclaim(self, prefix: str = "") -> int:
        """Remove what begins with `prefix`, a slice at a time, and tell nobody; returns how many entries there were."""
        names = self._commands.names
        before = self.reclaimed
        await self._unlink_from(names.value(prefix) if prefix else names.prefix, spares_the_rest=True)
        return self.reclaimed - before

    async def _unlink_from(self, start: bytes, *, spares_the_rest: bool = False) -> None:
        """`spares_the_rest`: remove values only, and not what stands beside them."""
        commands, key_of, feed = self._commands, self._commands.names.key, self._commands.names.feed
        took, began = 0.0, monotonic()
        async for names in self._links.slices(lambda cursor: commands.names_from(cursor, start)):
            found = monotonic() - began
            if took:  # not after the last one, when nobody would be kept waiting
                await rest(took)
            began = monotonic()
            doomed = [name for name in names if (key_of(name) is not None if spares_the_rest else name != feed)]
            if doomed:  # a slice of SCAN may be longer than it should be
                self.reclaimed += sum(await patiently(partial(self._links.write, commands.unlinks_of(doomed))))
            took, began = found + monotonic() - began, monotonic()

    async def info(self) -> Mapping[str, object]:
        """What the server says of itself, or the masters of a cluster together; how many values were too
        large to be read here (`oversized`) and how many keys held something else than a value (`foreign`).
        """
        return self._commands.info([await node.ask(("INFO",)) for node in await self._links.masters()])

    async def aclose(self) -> None:
        """End the calls under way and close the connections; a client that was passed in stays open."""
        await self._links.aclose()
        await self._readers.aclose()
