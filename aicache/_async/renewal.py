"""How long a stored value lives from now on: ended early, or begun anew.

Both go from the last tier to the first, under a pass (`aicache._kernel.fence`), so neither is overtaken by what was
read or loaded before it, and neither brings back what was written or forgotten since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aicache._kernel.item import Item
from aicache._kernel.lifetime import renewed

if TYPE_CHECKING:
    from aicache._async.chain import Chain

__all__ = ["expire", "look", "touch"]


async def expire(chain: Chain, key: str, stale_for: float) -> bool:
    """End the freshness of a key in every tier; returns whether one of them had it fresh.

    What was stored to be served stale is kept for so long from now. `stale_for`: the same for what has no expiry.
    """
    chain.told_to_forget([key], "expire")
    done = False
    with chain.fence.enter((key,), revoking=True) as granted:
        try:
            found = chain.end(key, stale_for)
            for tier in reversed(chain.tiers):
                found = await tier.expire(key, granted, stale_for) or found
                granted[key].renew()  # a read of this tier that began before is old news to the tiers above
            done = True
        finally:
            if done and granted[key].holds:
                chain.end(key, stale_for)
            else:
                chain.drop([key])
    return found


async def touch(chain: Chain, key: str, ttl: float | None, stale_for: float) -> bool:
    """Give a fresh value a new life in the tiers that have it; returns whether there was one, and nothing newer came
    meanwhile.

    The value is that of the last tier that has it: the tiers above only have copies.
    """
    await chain.hear()
    with chain.fence.enter((key,)) as granted:
        found: Item | None = None
        having: list[str] = []
        for tier in reversed(chain.tiers):
            item = await tier.look(key) if tier.options.read else "not read"
            if isinstance(item, Item) and item.is_fresh:
                found = found or item
                having.append(tier.counters.name)
            elif item == "not read":
                having.append(tier.counters.name)
        if found is None:
            return False
        await chain.renew(key, renewed(found, ttl, stale_for), granted, having)
        return granted[key].holds


async def look(chain: Chain, key: str) -> Item | str:
    """What the first tier has that has the key, uncounted; a fresh value before a stale one."""
    stale: Item | None = None
    for tier in chain.tiers:
        item = await tier.look(key) if tier.options.read else "not read"
        if isinstance(item, Item):
            if item.is_fresh:
                return item
            stale = stale or item
    return stale or "absent"
