"""A tier that is a cache of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from aicache._async.chain import Chain
from aicache._async.renewal import expire, look
from aicache._kernel.counters import TierCounters
from aicache._kernel.described import options_in_words
from aicache._kernel.fence import Pass
from aicache._kernel.item import Item
from aicache._kernel.lifetime import lives
from aicache.errors import ConfigurationError, SerializationError
from aicache.options import UNSET, Tier

__all__ = ["NestedTier"]


class NestedTier:
    """A tier that is a cache of its own, with its own codec, counts and fence."""

    def __init__(self, chain: Chain, options: Tier, name: str) -> None:
        if options.timeout is not UNSET:
            raise ConfigurationError(
                f"tier {name!r} is a cache; set the timeout on its own tiers and leave it out here"
            )
        self.chain = chain
        self.options = options
        self.counters = TierCounters(name)
        self.lags: bool = any(tier.lags for tier in chain.tiers)
        self.in_process: bool = chain.tiers[0].in_process
        self.can_clear: bool = all(tier.can_clear for tier in chain.tiers)
        self.can_scan: bool = all(tier.can_scan for tier in chain.tiers)
        self.needs_raw: bool = bool(options.min_bytes or options.max_bytes is not None)

    async def read(self, key: str, *, with_life: bool) -> Item | str:
        """The item, or the reasons why there is none."""
        stale: list[Item] = []
        found = await self.chain.look(key, with_life=with_life, stale=stale)
        if isinstance(found, str):
            self.counters.misses += 1
            return stale[0] if stale and not self.lags else f"({found})"  # what is served past its ttl must be true
        self.counters.hits += 1
        return found

    async def read_many(self, keys: Sequence[str], *, with_life: bool) -> dict[str, Item]:
        """The found ones."""
        if with_life:  # a batch does not ask for lives that its own tiers have no use for
            read = {key: await self.read(key, with_life=True) for key in keys}
            return {key: item for key, item in read.items() if isinstance(item, Item)}
        found = await self.chain.look_many(keys)
        self.counters.hits += len(found)
        self.counters.misses += len(keys) - len(found)
        return found

    async def store(self, items: Mapping[str, Item], passes: Mapping[str, Pass], *, is_fill: bool) -> int:
        """Store those whose pass holds and that fit; a fill whose pass was revoked on its way is taken out again."""
        own = {key: mine for key, item in items.items() if passes[key].holds and (mine := self._adopted(key, item))}
        if own:
            await self.chain.write(own)
            self.counters.writes += len(own)
            late = [key for key in own if is_fill and not passes[key].holds]
            if late:
                await self.chain.remove(late)
        return len(own)

    def _adopted(self, key: str, item: Item) -> Item | None:
        options, raw = self.options, item.raw
        if raw is not None and not options.min_bytes <= len(raw) <= (options.max_bytes or len(raw)):
            self.counters.skip([key], "size")
            return None
        try:
            ttl, stale_for = lives(item.ttl, item.stale_for, options.max_ttl)
            mine = self.chain.item(item.for_another(), item.created, ttl, item.cost, stale_for)
        except SerializationError:
            self.counters.skip([key], "unserializable")
            return None
        mine.tags = item.tags
        return mine

    def describe(self) -> str:
        """What this tier really does, in a line for itself and one for each of its own tiers."""
        inner = "".join(f"\n   - {tier.describe()}" for tier in self.chain.tiers)
        return f"{self.counters.name}: a cache of its own{options_in_words(self.options)}{inner}"

    def drop(self, keys: Sequence[str]) -> int:
        """Forget keys in the tiers of this process, at once; returns how many were there."""
        return self.chain.drop(keys)

    def drop_tagged(self, tags: Sequence[str]) -> None:
        """Forget the keys that have one of these tags in the tiers of this process, at once."""
        self.chain.drop_tagged(tags)

    async def invalidate_tags(self, tags: Sequence[str]) -> None:
        """Let no entry be valid any more that has one of these tags."""
        await self.chain.invalidate_tags(tags)

    async def remove(self, keys: Sequence[str]) -> int:
        """Forget keys; returns how many were there."""
        return await self.chain.remove(keys)

    async def look(self, key: str) -> Item | str:
        """The item, which may be stale, without counting it as a look-up."""
        return await look(self.chain, key)

    def end(self, key: str, stale_for: float) -> bool:
        """End a key's freshness in the tiers of this process, at once; returns whether it was fresh."""
        return self.chain.end(key, stale_for)

    async def expire(self, key: str, passes: Mapping[str, Pass], stale_for: float) -> bool:  # noqa: ARG002 it has a fence of its own
        """End a key's freshness; returns whether it was fresh."""
        return await expire(self.chain, key, stale_for)

    async def scan(self, prefix: str, matches: Callable[[str], bool]) -> AsyncIterator[str]:
        """The keys that begin with `prefix`; one that several of its tiers have comes several times."""
        for tier in self.chain.tiers:
            async for key in tier.scan(prefix, matches):
                yield key

    async def answers(self, key: str) -> bool:
        """Whether all its tiers answer now."""
        return all([await tier.answers(key) for tier in self.chain.tiers])

    async def clear(self) -> None:
        """Forget everything."""
        await self.chain.clear()

    async def aclose(self) -> None:
        """Close its tiers."""
        await self.chain.aclose()
