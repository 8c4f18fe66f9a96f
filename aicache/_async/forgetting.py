"""The verbs of a cache by which values end before their time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aicache._async.chain import Chain
from aicache._async.flights import Flights
from aicache._async.reclaiming import Reclaims
from aicache._async.renewal import expire, touch
from aicache._kernel.checks import checked_keys
from aicache._kernel.lifetime import jittered
from aicache.errors import ClosedError, InvalidTypeError
from aicache.options import UNSET, Policy, Ttl, check_key, check_ttl, checked_tags

__all__ = ["Forgetting"]


class Forgetting:
    """The part of a `TieredCache` that forgets."""

    _chain: Chain
    _flights: Flights
    _policy: Policy
    _reclaims: Reclaims
    _random: Callable[[], float]

    async def delete(self, key: str) -> bool:
        """Forget the key in every tier; say whether any of them had it."""
        return bool(await self.delete_many([key]))

    async def expire(self, key: str) -> bool:
        """End the key's freshness in every tier; say whether any of them had it fresh.

        From now on it is a miss. Unlike after `delete`, its value may still be served stale where the policy says so,
        counted from now. What was stored without time to be stale is forgotten.
        """
        self._check_open()
        return await expire(self._chain, check_key(key), self._policy.stale_for)

    async def touch(self, key: str, ttl: Ttl = UNSET) -> bool:
        """Give the key's value a new life from now, in every tier that has it; say whether there was one.

        `ttl`: as for `set`. A stale value stays stale: False. So it is, too, where the key was written or forgotten
        meanwhile.
        """
        self._check_open()
        ttl = self._policy.ttl if ttl is UNSET else check_ttl(ttl)
        life = jittered(ttl, self._policy.jitter, self._random())
        return await touch(self._chain, check_key(key), life, self._policy.stale_for)

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Forget keys in every tier; returns how many there were, in the tier that had most of them."""
        self._check_open()
        wanted = checked_keys(keys)
        return await self._chain.remove(wanted) if wanted else 0

    async def delete_prefix(
        self, prefix: str, *, where: Callable[[str], bool] | None = None, in_process: bool = False
    ) -> int:
        """Forget every key that begins with `prefix` in every tier; returns how many different ones there were.

        `prefix`: text, never a pattern. `where`: forgets only those keys of them for which it is true. `in_process`:
        only in the tiers of this process. The keys are listed and deleted in slices, so it takes as long as there are
        keys, and blocks nobody; loads under way under such keys are not stored. A tier that fails is counted, and keeps
        what it has. Raises `UnsupportedError`, with nothing changed, where a tier cannot list its keys.
        """
        self._check_open()
        _checked_prefix(prefix)
        forget = self._chain.drop_prefix if in_process else self._chain.remove_prefix
        return await forget(prefix, where or _any)

    async def invalidate_tags(self, *tags: str) -> None:
        """Let no value be returned any more that was stored with one of these tags, in any process that shares the last
        tier: from now on here and where there is no memory above that tier, else within half a second.

        It takes one step, however many values there are; what they take is given back when they end or are evicted.
        Where the last tier does not answer, it is done when it does, and no value with these tags is believed here
        until then.
        """
        self._check_open()
        if wanted := checked_tags(tags):
            await self._chain.invalidate_tags(wanted)

    async def reclaim(self, prefix: str) -> int:
        """Give back now what the entries take whose keys begin with `prefix`, after `invalidate_tags` has ended them
        all; returns how many there were, in the tier that had most of them.

        `prefix`: text, never a pattern. Whatever is there goes, entries that were stored since among it, and no other
        process is told: so it is for keys of which every entry has a tag that was invalidated. It goes on when its
        caller is cancelled; `stats().tiers[-1].reclaimed` shows how far it has come, and closing waits for it for a
        second. A tier that fails is counted, and what is left there ends with its ttl. Raises `UnsupportedError`, with
        nothing changed, where a tier can neither reclaim nor list its keys.
        """
        self._check_open()
        return await self._reclaims.run(self._chain, _checked_prefix(prefix))

    async def clear(self) -> None:
        """Forget everything in every tier; raises `UnsupportedError`, with nothing changed, where a tier cannot.

        When it returns nothing of it is left in the tiers, and half a second later nothing in the memory of any other
        process. What is out of this process is removed in slices, so it takes as long as there are keys, and blocks
        nobody; `stats().tiers[-1].reclaimed` shows how far it has come. Tags end as much at once.
        """
        self._check_open()
        await self._chain.clear()

    def _check_open(self) -> None:
        if self._flights.closed:
            raise ClosedError("this cache is closed; build a new one")


def _checked_prefix(prefix: object) -> str:
    if not isinstance(prefix, str):
        raise InvalidTypeError(f"prefix must be a str, got {prefix!r}")
    return prefix


def _any(_key: str) -> bool:
    return True
