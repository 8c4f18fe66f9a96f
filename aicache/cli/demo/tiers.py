"""Opens the tiers that the command line names, puts them on virtual time, and takes out again what was stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aicache import Tier, open_backend
from aicache.cli.demo.clock import VirtualClock
from aicache.errors import BackendError, ConfigurationError
from aicache.protocols import HasDeadline, HoldsEntries, SupportsMany, SupportsTTL, supports

__all__ = ["SMALL_MEMORY", "OnVirtualTime", "OpenTier", "memory_bounds", "open_tiers", "parse_tiers"]

# Should the demo be killed outright, what it left in a store ends by itself after so many real seconds.
_LAST_RESORT_TTL: Final = 3600.0
_BATCH: Final = 1000

# Bytes of a memory tier that nobody gave a bound: so small that a tier below it has something to do.
SMALL_MEMORY: Final = 8 * 2**20

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "valkey", "valkeys")


class OnVirtualTime:
    """Lets the entries of a store end by a virtual clock, as the store's own cannot be told what time it is.

    It has the four verbs and what else of `inner` makes a difference to a hit, and knows every key that was ever
    written.
    """

    def __init__(self, inner: Any, clock: VirtualClock) -> None:
        self.inner = inner
        self._clock = clock
        self._ends: dict[str, float | None] = {}
        self.capabilities: Collection[type] = {
            capability for capability in (HasDeadline, SupportsTTL) if supports(inner, capability)
        }

    @property
    def deadline(self) -> float | None:
        deadline: float | None = self.inner.deadline
        return deadline

    async def get(self, key: str) -> bytes | None:
        if self._ended(key):
            return None
        data: bytes | None = await self.inner.get(key)
        return data

    async def get_with_ttl(self, keys: Sequence[str]) -> dict[str, tuple[bytes, float | None]]:
        living = [key for key in keys if not self._ended(key)]
        found: Mapping[str, tuple[bytes, float | None]] = await self.inner.get_with_ttl(living) if living else {}
        return {key: (data, self._left(key)) for key, (data, _) in found.items()}

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        self._ends[key] = (
            None if ttl is None else self._clock() + ttl
        )  # noted first: a write that fails may have landed
        await self.inner.set(key, value, ttl=_LAST_RESORT_TTL)

    async def delete(self, key: str) -> bool:
        ended = self._ended(key)
        removed: bool = await self.inner.delete(key)
        return removed and not ended

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def remove_all(self) -> None:
        """Remove every key that was ever written; raises what the store raises."""
        keys = list(self._ends)
        if not supports(self.inner, SupportsMany):
            for key in keys:
                await self.inner.delete(key)
            return
        for at in range(0, len(keys), _BATCH):
            await self.inner.delete_many(keys[at : at + _BATCH])

    def _left(self, key: str) -> float | None:
        ends = self._ends.get(key)
        return None if ends is None else ends - self._clock()

    def _ended(self, key: str) -> bool:
        left = self._left(key)
        return left is not None and left <= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTier:
    """One tier: `opened_with` is the name or URL it was opened with, and safe to show."""

    name: str
    opened_with: str
    backend: Any

    def options(self) -> Tier:
        return Tier(backend=self.backend, name=self.name)

    async def reach(self, key: str) -> None:
        """Raise `BackendError` where its store does not answer."""
        if not isinstance(self.backend, OnVirtualTime):
            return
        try:
            async with asyncio.timeout(5):
                await self.backend.get(key)
        except Exception as error:
            raise BackendError(
                f"tier {self.name!r} ({self.opened_with}) does not answer: {error!r}; "
                "see that its store is running and the URL is right, or leave the tier out: --tiers memory"
            ) from error

    async def empty(self, complain: Callable[[str], None]) -> None:
        """Remove what was stored, or say what went wrong."""
        if not isinstance(self.backend, OnVirtualTime):
            return  # what is in this process ends with it
        try:
            await self.backend.remove_all()
        except Exception as error:
            complain(
                f"tier {self.name!r} ({self.opened_with}) could not be emptied: {error!r}; "
                f"what is left there ends by itself within {_LAST_RESORT_TTL / 60:g} minutes"
            )


def parse_tiers(text: str, redis: str | None) -> list[tuple[str, str]]:
    """Each tier's name and what to open it with, from `memory,redis` and the URL that stands for `redis`.

    Raises `ConfigurationError`.
    """
    parsed: dict[str, str] = {}
    for part in [part.strip() for part in text.split(",")]:
        if not part:
            raise ConfigurationError(f"--tiers has an empty name in {text!r}; write it as memory,redis")
        name = part.partition("://")[0]
        if name in parsed:
            raise ConfigurationError(f"--tiers names {name!r} twice in {without_password(text)!r}; once is enough")
        parsed[name] = part
    if redis is not None:
        if redis.partition("://")[0].partition("+")[0] not in _REDIS_SCHEMES or "://" not in redis:
            raise ConfigurationError(
                f"--redis takes a URL such as redis://localhost:6379/0, got {without_password(redis)!r}"
            )
        if "redis" not in parsed:
            raise ConfigurationError(f"--redis is given and --tiers is {text!r}; write --tiers memory,redis")
        parsed["redis"] = redis
    return list(parsed.items())


def memory_bounds(named: Sequence[tuple[str, str]], max_entries: int | None, max_bytes: int | None) -> dict[str, int]:
    """The bounds to open the memory tier with: those given, or a small one; none where its URL is to say it all.

    Raises `ConfigurationError` where there is no memory tier to bound.
    """
    bounds = {name: n for name, n in (("max_entries", max_entries), ("max_bytes", max_bytes)) if n is not None}
    if not bounds:
        return {"max_bytes": SMALL_MEMORY} if ("memory", "memory") in named else {}
    if "memory" not in dict(named):
        given = " and ".join(["--" + name.replace("_", "-") for name in bounds])
        raise ConfigurationError(f"{given} bounds the memory tier and there is none; add memory to --tiers")
    return bounds


def open_tiers(named: Sequence[tuple[str, str]], clock: VirtualClock, memory: Mapping[str, int]) -> Iterator[OpenTier]:
    """Open the tiers one after the other; `memory`: the bounds of the memory tier.

    Raises what `open_backend` raises.
    """
    for name, opened_with in named:
        if name == "memory":
            backend: Any = open_backend(opened_with, clock=clock, **memory)
        else:
            backend = open_backend(opened_with)
            if supports(backend, HoldsEntries):
                backend.clock = clock
            else:
                backend = OnVirtualTime(backend, clock)
        yield OpenTier(name=name, opened_with=without_password(opened_with), backend=backend)


def without_password(url: str) -> str:
    """The same URL without who logs in and without its options, either of which may hold a password."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    place = rest.partition("?")[0].partition("#")[0]
    who, at, where = place.rpartition("@")
    return f"{scheme}://***@{where}" if at and who else f"{scheme}://{where if at else place}"
