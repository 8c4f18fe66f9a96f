"""Builds the tiers of a cache, or says what is wrong with them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

from aicache._async.chain import AnyTier, Chain
from aicache._async.entries import EntryTier
from aicache._async.hearing import Hearing
from aicache._async.lagging import LaggingTier
from aicache._async.leasing import LeasingTier
from aicache._async.nested import NestedTier
from aicache._async.primitives import IS_ASYNC
from aicache._async.tiers import ByteTier
from aicache._kernel.wiring import check_backend, tier_names
from aicache.codecs import Codec
from aicache.errors import ConfigurationError
from aicache.options import Tier
from aicache.protocols import HoldsEntries, ReadsReplicas, SupportsFeed, SupportsLeases, supports

__all__ = ["hearing_of", "wired"]

_caches_of: Final[weakref.WeakKeyDictionary[Any, int]] = weakref.WeakKeyDictionary()


def wired(
    options: Sequence[Tier],
    codec: Codec,
    wall_clock: Callable[[], float],
    cache: str,
    clock: Callable[[], float],
    random: Callable[[], float],
) -> list[AnyTier]:
    """The tiers, in order; raises `ConfigurationError` on wrong wiring. `cache`: the name of its class."""
    if not any(option.read for option in options):
        raise ConfigurationError("tiers has none that reads; give at least one backend, such as NullBackend()")
    built: list[AnyTier] = []
    seen: list[object] = []
    for option, name in zip(options, tier_names(options), strict=True):
        backend = option.backend
        if any(backend is other for other in seen):
            raise ConfigurationError(f"tier {name!r}: {type(backend).__name__} is there twice; give it one place")
        seen.append(backend)
        chain = getattr(backend, "_chain", None)
        if isinstance(chain, Chain):  # a cache of this flavour
            tier: AnyTier = NestedTier(chain, option, name)
        else:
            check_backend(backend, wants_async=IS_ASYNC, cache=cache)
            if supports(backend, HoldsEntries):
                tier = EntryTier(backend, option, name, codec)
            else:
                kind: type[ByteTier] = LeasingTier if supports(backend, SupportsLeases) else ByteTier
                if supports(backend, ReadsReplicas) and backend.reads_replicas:
                    kind = LaggingTier
                tier = kind(backend, option, name, codec, wall_clock, clock, random)
        if tier.in_process and built and not built[-1].in_process:
            raise ConfigurationError(
                f"tier {name!r} is in this process and stands behind {built[-1].counters.name!r}, which is not: "
                "it would never be faster; put it first"
            )
        built.append(tier)
    return built


def hearing_of(chain: Chain, clock: Callable[[], float]) -> Hearing | None:
    """What has the tiers in this process hear of what other processes do; None where there is nothing to be heard."""
    last = chain.tiers[-1]
    memory = [tier for tier in chain.tiers if isinstance(tier, EntryTier)]
    if not (isinstance(last, ByteTier) and supports(last.backend, SupportsFeed)):
        return None
    backend = last.backend
    _caches_of[backend] = _caches_of.get(backend, 0) + 1
    return Hearing(chain.fence, memory, last, clock, lambda: _caches_of[backend] > 1) if memory else None
