"""The recordings of one cache: how one is looked for before a stream begins, and stored when it has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final, NamedTuple, cast

from aicache._async.chain import Chain
from aicache._async.front import Front
from aicache._async.loading import Loads
from aicache._kernel.fence import Pass, Passes
from aicache._kernel.item import Item
from aicache._kernel.leases import Lease
from aicache._kernel.lifetime import freshest
from aicache._kernel.outcomes import Call, Made, made_of_stream
from aicache._kernel.recording import Pacing, Recording, Tape, recording_in
from aicache._kernel.tags import NO_TAGS
from aicache._kernel.throttle import Throttle
from aicache.errors import SerializationError
from aicache.protocols import Entry

__all__ = ["Looked", "Recordings", "Wanted"]

_log: Final = logging.getLogger("aicache")


class Wanted(NamedTuple):
    """What one call of `stream` asks for."""

    key: str
    factory: Callable[[], Any]
    asked: Call
    keep: Callable[[list[Any]], Any] | None
    max_bytes: int
    pacing: Pacing
    on_hit: Callable[[str], object] | None = None


class Looked(NamedTuple):
    """What there was before the factory is called. `found`: read this instead; `old`: a stale one that may stand in for
    a factory that fails. `lease`, `versions`: what the new one is stored under.
    """

    found: Item | None
    old: Item | None
    lease: Lease | None
    versions: Mapping[str, bytes]


class Recordings:
    """Looks for recordings and stores them. `first`: the tier that `at_hand` looks into."""

    def __init__(self, chain: Chain, loads: Loads, throttle: Throttle, front: Front) -> None:
        self._chain = chain
        self._loads = loads
        self._throttle = throttle
        self._front = front
        self.first = front.counters.name

    def at_hand(self, key: str) -> Recording | None:
        """The recording that the first tier has in this process, counted as a hit."""
        entry: Entry | None = self._front.peek(key)
        held = None if entry is None else recording_in(entry.value if entry.thaw is None else entry.thaw(entry.value))
        self._front.counters.hits += held is not None
        return held

    async def look(self, wanted: Wanted, granted: Mapping[str, Pass]) -> Looked:
        """Look in all tiers."""
        key, stale = wanted.key, list[Item]()
        lease = self._loads.fleet.lease(None)
        tags = wanted.asked.tags
        versions = await self._chain.versions(tags) if tags else NO_TAGS
        found = await self._chain.find(key, granted, stale=stale, lease=lease)
        if isinstance(found, Item):
            if recording_in(found.value) is not None:
                return Looked(found, None, lease, versions)
            self._chain.refuse(key, found, "not a stream")
        if stale or isinstance(found, Item):
            await self._loads.fleet.renewing([key], lease)
        if not stale:
            return Looked(None, None, lease, versions)
        recorded = [item for item in stale if recording_in(item.value) is not None]
        old = freshest(recorded, wanted.asked.policy.stale_if_error)
        return Looked(old if old is not None and self._throttle.holds(key) else None, old, lease, versions)

    async def store(self, tape: Tape, wanted: Wanted, granted: Passes, looked: Looked, seconds: float) -> None:
        """Store what is on the tape, that took so many seconds, unless something speaks against it."""
        if tape.refused is None and (kept := self._judged(tape, wanted)) is not None:
            try:
                item = self._loads.item(tape.recording(seconds).value(), kept.ttl, kept.cost, wanted.asked)
                items = {wanted.key: item}
                if kept.tags:
                    item.tags = dict.fromkeys(kept.tags, b"")
                    items = dict(await self._loads.tagged([*items.items()], looked.versions, monotonic() - seconds))
                else:
                    item.tags = looked.versions
                await self._chain.fill(items, granted, looked.lease)
            except SerializationError:
                tape.refuse("unserializable")
        if tape.refused is not None:
            self.skip(wanted.key, tape)

    def skip(self, key: str, tape: Tape) -> None:
        """Count that it is not stored, for the reason that the tape knows."""
        tape.refuse("abandoned")  # unless there was a reason before
        self._loads.skipped(key, cast("str", tape.refused))

    def _judged(self, tape: Tape, wanted: Wanted) -> Made | None:
        """How to keep it; None, and the tape knows why, where it is not to be kept."""
        try:
            chunks = tape.chunks()
            kept = made_of_stream(None if wanted.keep is None else wanted.keep(chunks), chunks, wanted.asked)
        except Exception as error:
            _log.warning("a stream could not be judged, so it is not stored", exc_info=True)
            tape.refuse(type(error).__name__)
            return None
        if kept.skipped is not None:
            tape.refuse(kept.skipped)
            return None
        return kept
