"""The verb `stream` of a cache, and what it is given."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar

from aicache._async.recordings import Wanted
from aicache._async.streams import Streams
from aicache._kernel.checks import Cost, check_factory
from aicache._kernel.outcomes import Call
from aicache._kernel.recording import Pacing, Recording, checked_bytes, checked_pacing
from aicache.options import UNSET, Policy, Ttl, check_key, check_ttl, checked_tags

__all__ = ["Streaming"]

T = TypeVar("T")


class Streaming:
    """The part of a `TieredCache` that speaks of streams."""

    _policy: Policy
    _call: Call
    _streams: Streams

    def stream(
        self,
        key: str,
        # async-only: begin
        factory: Callable[[], AsyncIterable[T]]
        | Callable[[], Iterable[T]]
        | Callable[[], Awaitable[AsyncIterable[T] | Iterable[T]]],
        # async-only: end
        # sync: factory: Callable[[], Iterable[T]],
        *,
        ttl: Ttl = UNSET,
        tags: Iterable[str] = (),
        cost: Cost = None,
        policy: Policy | None = None,
        keep: Callable[[list[T]], list[T] | None] | None = None,
        max_bytes: int = 8 * 2**20,
        pacing: Pacing = "instant",
        on_hit: Callable[[str], object] | None = None,
    ) -> AsyncGenerator[T, None]:
        """The chunks of a stream, as they were recorded, or as they come from `factory` while they are recorded.

        `factory`: called without arguments on a miss; returns an iterator, or an awaitable of one. It is pulled once,
        however many callers read meanwhile, each at its own pace and from the first chunk on. It is stored whole, after
        it has ended without an exception, or not at all. `keep`: called with all chunks after such an end; returns None
        to have them stored, `Store(chunks, ttl=…)`, or `Skip(chunks, reason)`. `max_bytes`: the most memory that it may
        take; beyond it the stream passes through and is not stored, and then it waits for its slowest reader.
        `pacing`: what was recorded comes at once ("instant"), or with the pauses of the original ("recorded").
        `on_hit`: called with the name of the tier that had the recording, before the first of its chunks, and not where
        the chunks come from `factory`; what it raises reaches the caller.
        `ttl`, `tags`, `cost`, `policy`: as for `get_or_set`.

        A caller that stops reading closes what this returns; when the last one has, so is the upstream, unless the
        policy says otherwise. What the upstream raises reaches every reader, where it was raised. Under the key is then
        a recording, a dict whose "chunks" are the chunks; a key that holds anything else is a miss.
        """
        self._streams.check_open()
        check_key(key)
        check_factory(factory)
        asked = self._asked(policy, ttl, cost, tags)
        wanted = Wanted(key, factory, asked, keep, checked_bytes(max_bytes), checked_pacing(pacing), on_hit)
        return self._streams.read(wanted)

    def _at_hand(self, key: str) -> Recording | None:
        """The recording that the first tier has in this process, counted as a hit; None where `stream` is to look."""
        self._streams.check_open()
        return self._streams.at_hand(key)

    def _asked(self, policy: Policy | None, ttl: Ttl, cost: Cost, tags: Iterable[str]) -> Call:
        if policy is None and cost is None and tags == ():
            return self._call if ttl is UNSET else Call(self._policy, check_ttl(ttl), None, self._policy.tags)
        policy = policy or self._policy
        of_all = checked_tags((*policy.tags, *checked_tags(tags)))
        return Call(policy, ttl if ttl is UNSET else check_ttl(ttl), cost, of_all)
