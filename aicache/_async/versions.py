"""The versions of tags in the tier that several processes share: asked for, remembered for as long as is known that
they hold, and taken away.

An invalidation that did not reach the tier is kept, and its tags have no version here until it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from aicache._kernel.item import Item
from aicache._kernel.tags import are_valid
from aicache.protocols import SupportsTags, supports

if TYPE_CHECKING:
    from aicache._async.tiers import ByteTier

__all__ = ["Versions"]

_MOST: Final = 10_000


class Versions:
    """Those of one tier. `is_heard`: what other processes invalidate is told here, so what is known stays right."""

    def __init__(self, tier: ByteTier) -> None:
        self._tier = tier
        self.are_kept = supports(tier.backend, SupportsTags)
        self.is_heard = False
        self._known: dict[str, bytes] = {}
        self._missed: dict[str, None] = {}
        self._forgotten = 0

    async def of(self, tags: Sequence[str], *, create: bool = False) -> dict[str, bytes]:
        """The versions of those that have one; `create`: of all, unless the tier does not answer."""
        if not self.are_kept:
            return {}
        if self._missed and not await self._made_up_for():
            tags = [tag for tag in tags if tag not in self._missed]
        known = {tag: self._known[tag] for tag in tags if tag in self._known} if self.is_heard else {}
        missing = [tag for tag in tags if tag not in known]
        if not missing:
            return known
        before = self._forgotten
        found: dict[str, bytes] = await self._tier.tried(
            partial(self._tier.backend.tag_versions, create=create), missing
        )
        if self.is_heard and before == self._forgotten:  # else one of them may have been invalidated meanwhile
            if len(self._known) > _MOST:
                self._known.clear()
            self._known |= found
        return known | found

    async def made_since(self, tags: Sequence[str], seconds: float) -> set[str]:
        """Those of the tags that may have been invalidated in the last so many seconds."""
        ages: dict[str, float] = await self._tier.tried(self._tier.backend.tag_ages, tags)
        return {tag for tag in tags if ages.get(tag, 0.0) <= seconds}

    async def outdated(self, items: Mapping[str, Item]) -> list[str]:
        """The keys of those that have a tag which was invalidated since, or of which that cannot be told."""
        tagged = {key: item.tags for key, item in items.items() if item.tags}
        if not tagged:
            return []
        now = await self.of(list(dict.fromkeys(tag for tags in tagged.values() for tag in tags)))
        return [key for key, tags in tagged.items() if not are_valid(tags, now)]

    async def invalidate(self, tags: Sequence[str]) -> None:
        """Take the versions away, now or as soon as the tier answers again."""
        self.forget(tags)
        if self.are_kept:
            for tag in tags:
                self._missed[tag] = None
            await self._made_up_for()
            self.forget(tags)

    async def _made_up_for(self) -> bool:
        missed = list(self._missed)
        done = await self._tier.tried(self._tier.backend.invalidate_tags, missed, none=False)
        if done is not False:
            for tag in missed:
                self._missed.pop(tag, None)
        return not self._missed

    def forget(self, tags: Sequence[str] | None) -> None:
        """Somebody has invalidated these; None: perhaps any."""
        self._forgotten += 1
        if tags is None:
            self._known.clear()
        else:
            for tag in tags:
                self._known.pop(tag, None)
