"""What `RedisBackend` can do for several processes at once: leases, a feed, and versions of tags."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from aicache.errors import BackendError
from aicache.protocols import Heard, Leased
from aicache_redis import _leases as leases
from aicache_redis._async.ways import Way
from aicache_redis._commands import CUT, Command, Commands
from aicache_redis._leases import Step

__all__ = ["Sharing"]

_TAG_LIFE: Final = 30 * 86_400_000
"""Milliseconds that a tag keeps its version; entries that have it end with it. So no tag is kept for ever."""


class Sharing:
    """The verbs of `SupportsLeases`, `SupportsFeed`, `SupportsTags` and `ReadsReplicas`."""

    _commands: Commands
    _links: Way
    _readers: Way
    _has_scripts = True  # until the server says that EVAL is denied
    _writer: tuple[int, bytes] = (0, b"")

    # -- leases

    async def lease(
        self,
        keys: Sequence[str],
        *,
        seconds: float,
        holder: str | None = None,
        lock: float = 0.0,
        renewing: bool = False,
    ) -> dict[str, Leased]:
        """Each key's value, or else the token that a fill has to show, in one round trip.

        Where the server denies EVAL it takes three for what is not there.
        """
        names, most = self._commands.names, self._commands.max_value_bytes
        token, owner = os.urandom(16), leases.holder_of(holder)
        steps = [leases.lease(names, key, most, token, seconds, owner, lock, renewing=renewing) for key in keys]
        replies = await self._run(steps)
        if replies is None:
            return await self._leased_in_steps(keys, token, seconds, owner, lock, renewing)
        return {key: self._leased(reply) for key, reply in zip(keys, replies, strict=True)}

    async def _leased_in_steps(
        self, keys: Sequence[str], token: bytes, seconds: float, owner: bytes, lock: float, renewing: bool
    ) -> dict[str, Leased]:
        # A token is taken before the value is looked for once more, and the load begins after that: so an invalidation
        # that comes in between takes the token away, and one that came before has taken the value.
        found = {} if renewing else await self.get_with_ttl(keys, from_master=True)
        leased = {key: Leased(value, left, None, False) for key, (value, left) in found.items()}
        missing = [key for key in keys if key not in found]
        if missing:
            names = self._commands.names
            asked = [leases.lease_in_steps(names, key, token, seconds, owner, lock) for key in missing]
            replies = await self._links.write([command for commands in asked for command in commands])
            per_key = len(replies) // len(missing)
            again = await self.get_with_ttl(missing, from_master=True)
            for at, key in enumerate(missing):
                own = replies[at * per_key : (at + 1) * per_key]
                value, left = again.get(key, (None, None))
                needed = value is None or renewing
                leased[key] = Leased(value, left, own[1] if needed else None, needed and own[-1] in (owner, 0, 1))
        return leased

    def _leased(self, reply: Sequence[Any]) -> Leased:
        found = leases.leased(reply)
        if found.value is None:
            return found
        return found._replace(value=self._commands.value(found.value, is_whole=True))

    async def fill(
        self, entries: Mapping[str, tuple[bytes, float | None, bytes]], *, holder: str | None = None
    ) -> set[str]:
        """Store each value for its ttl while its token stands; returns the keys that were stored."""
        commands, names, owner = self._commands, self._commands.names, leases.holder_of(holder)
        sets = [(token, commands.set(key, value, ttl)) for key, (value, ttl, token) in entries.items()]
        told = self._said(filled=entries) if owner else []  # somebody may be waiting
        replies = await self._run([leases.fill(names, token, owner, store) for token, store in sets], told)
        if replies is None:
            replies = [
                await self._links.guarded(*leases.fill_in_steps(names, token, owner, store)) for token, store in sets
            ]
            await self._links.write(told)
        return {key for key, stored in zip(entries, replies, strict=True) if stored}

    async def renew(self, keys: Sequence[str], *, holder: str, lock: float) -> set[str]:
        """Lock for `lock` seconds from now what this holder has; returns the keys that it still has."""
        owner, names = leases.holder_of(holder), self._commands.names
        kept = await self._owned([leases.renew(names, key, owner, lock) for key in keys])
        return {key for key, still in zip(keys, kept, strict=True) if still}

    async def release(self, keys: Sequence[str], *, holder: str) -> None:
        """Give back the locks that this holder has."""
        owner, names = leases.holder_of(holder), self._commands.names
        await self._owned([leases.release(names, key, owner) for key in keys], self._said(filled=keys))

    async def leased(self, prefix: str = "") -> AsyncIterator[str]:
        """Each key that begins with `prefix` and has a token, at least once."""
        names = self._commands.names
        async for found in self._links.slices(lambda cursor: self._commands.names_from(cursor, names.tokens)):
            for key in map(names.loading, found):
                if key is not None and key.startswith(prefix):
                    yield key

    async def _owned(self, steps: Sequence[Step], told: Sequence[Command] = ()) -> list[Any]:
        replies = await self._run(steps, told)
        if replies is None:
            replies = [await self._links.guarded(*leases.owned_in_steps(step)) for step in steps]
            await self._links.write(told)
        return replies

    async def _run(self, steps: Sequence[Step], told: Sequence[Command] = ()) -> list[Any] | None:
        """The replies of scripts, after which is `told` what they did; None where the server denies them."""
        if not self._has_scripts or not steps:
            return None if steps else []
        try:
            return (await self._links.write([*(step.by_digest() for step in steps), *told]))[: len(steps)]
        except BackendError as error:
            if leases.is_unknown(error.__cause__):
                return (await self._links.write([*(step.whole() for step in steps), *told]))[: len(steps)]
            if not leases.is_denied(error.__cause__):
                raise
            self._has_scripts = False
            return None

    # -- the feed

    async def follow(self, position: str | None, wait: float, *, own: bool = False) -> Heard:
        """What happened after `position`, as soon as anything does, or after `wait` seconds."""
        names, links = self._commands.names, self._links
        if position is None:
            origin = await links.origin(names.feed)
            (entry,) = await links.follow([leases.begin_following(names)])
            return Heard(leases.position(entry.decode(), origin), [], [], False)
        entry, origin = leases.entry_and_origin(position)
        replies = await links.follow(leases.follow(names, entry, wait))
        heard = leases.heard(entry, replies, None if own else self._writer_now())
        if not replies[1]:  # it is not there any more, and would not be whole again before somebody tells something
            return heard._replace(position=(await self.follow(None, wait)).position)
        now = await links.origin(names.feed)
        # What a master was told last, a replica that took its place may never have heard.
        return heard._replace(position=leases.position(heard.position, now), is_whole=heard.is_whole and now == origin)

    def _writer_now(self) -> bytes:
        """Who writes: this object in this process."""
        pid, writer = self._writer
        if pid != os.getpid():
            pid, writer = self._writer = os.getpid(), os.urandom(8)
        return writer

    def _said(
        self,
        *,
        keys: Iterable[str] = (),
        tags: Iterable[str] = (),
        filled: Iterable[str] = (),
        is_clear: bool = False,
    ) -> list[Command]:
        names, writer = self._commands.names, self._writer_now()
        return leases.notices(names, writer, keys=keys, tags=tags, filled=filled, is_clear=is_clear)

    # -- what is written and forgotten, with what goes with it

    async def _store(self, keys: Sequence[str], stores: Sequence[Command]) -> None:
        """Carry out the SETs of some keys, whatever is being loaded: the tokens go first, and everybody is told."""
        await self._links.write([*self._untaken([store[1] for store in stores]), *stores, *self._said(keys=keys)])

    async def _unlinked(self, keys: Sequence[str]) -> int:
        """Forget keys, with their tokens, and tell; returns how many there were."""
        values = list(dict.fromkeys(map(self._commands.name, keys)))
        before, gone = self._untaken(values), self._commands.unlinks_of(values)
        replies = await self._links.write([*before, *gone, *self._said(keys=keys)])
        return sum(replies[len(before) : len(before) + len(gone)])

    def _untaken(self, values: Iterable[bytes]) -> list[Command]:
        """Take the tokens and the locks of values away, by their names."""
        names = self._commands.names
        return self._commands.unlinks_of(
            [beside for value in values for beside in (names.token(value), names.lock(value))]
        )

    # -- tags

    async def tag_versions(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]:
        """The versions of those that have one; `create`: give one to the others."""
        asked: list[Command] = []
        for name in map(self._commands.names.tag, tags):
            if create:
                asked.append(("SET", name, os.urandom(8), "NX", "PX", _TAG_LIFE))
            asked.append(("GET", name))
        replies = await self._links.read(asked)
        versions = replies[1::2] if create else replies
        return {tag: version for tag, version in zip(tags, versions, strict=True) if version is not None}

    async def tag_ages(self, tags: Sequence[str]) -> dict[str, float]:
        """Seconds since each of those that have a version was given it, by the server's clock."""
        replies = await self._links.read([("PTTL", self._commands.names.tag(tag)) for tag in tags])
        return {tag: (_TAG_LIFE - left) / 1000 for tag, left in zip(tags, replies, strict=True) if left >= 0}

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Take their versions away, and tell every process."""
        if tags:
            gone = self._commands.unlinks_of([self._commands.names.tag(tag) for tag in tags])
            await self._links.write([*gone, *self._said(tags=tags)])

    async def get_with_ttl(
        self, keys: Sequence[str], *, from_master: bool = False
    ) -> dict[str, tuple[bytes, float | None]]:
        """The found ones with their remaining seconds (None: no expiry), by the server's clock.

        `from_master`: no replica is asked.
        """
        links = self._links if from_master else self._readers
        found = self._commands.lives(keys, await links.read(self._commands.pairs(keys)))
        cut = [key for key, (value, _) in found.items() if value is CUT]
        if cut:
            replies = await links.write(self._commands.pairs(cut, is_whole=True))
            found |= self._commands.lives(cut, replies, is_whole=True)
        return {key: pair for key, pair in found.items() if pair[0] is not None}
