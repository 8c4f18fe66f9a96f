"""`AIResponseCache`: answers of AI operations by text, operation and options, on a `TieredCache`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from aicache._async.primitives import call
from aicache._async.tiered import TieredCache
from aicache._kernel.checks import check_factory
from aicache._kernel.checkup import Checkup
from aicache.ai._async.inspection import keys_in, memory_stats, shared_stats
from aicache.ai._async.opening import opened
from aicache.ai.answers import Answer, told
from aicache.ai.kept import UsageOf, check_usage, judging_responses, kept, kept_outcome, used
from aicache.ai.keys import CacheKeyGenerator
from aicache.ai.ledger import Kind, SavingsLedger
from aicache.ai.measuring import MeasuredCompressor, measuring
from aicache.ai.monitor import CachePerformanceMonitor
from aicache.ai.patterns import matcher
from aicache.ai.prices import PriceList
from aicache.ai.savings import Savings
from aicache.ai.settings import checked_count, from_environment, operation_ttls
from aicache.ai.sizes import SizeTiers
from aicache.ai.stats import AICacheStats
from aicache.codecs import default_compressor
from aicache.errors import ConfigurationError, InvalidArgumentError, SerializationError
from aicache.options import UNSET, Policy, Ttl, check_ttl
from aicache.protocols import Compressor, HoldsEntries, Serializer, SupportsInfo, SupportsTags, supports

__all__ = ["AIResponseCache"]

_LEASE = 3.0  # seconds that a process which dies while it loads costs the others


class AIResponseCache:
    """Keeps the answers of AI operations: small ones in memory and in a shared store, larger ones in the store only.

    `redis_url`: the shared store, by the URL of any installed backend; None or `memory://`: memory alone. Without the
    library redis, or with no server, memory goes on alone.
    `default_ttl`, `operation_ttls`: seconds that answers live, of all operations and of some by name (None: no expiry);
    summarize 7200, sentiment 86400, key_points 7200, questions 3600 and qa 1800 unless told otherwise.
    `text_hash_threshold`: texts of at most so many characters are shown in their key; 0: none is.
    `compression_threshold`: serialized answers of more bytes are compressed where that makes them smaller.
    `text_size_tiers`: names of size tiers and the lengths of text below which they end, ascending; small 500, medium
    5000, large 50000, and `xlarge` above. `placement`: which tiers of the cache hold which size tier, by names; the
    first size tier is held by all, the others by those that are not in this process, unless told otherwise.
    `memory_cache_size`: entries in memory; 0: no memory tier.
    `performance_monitor`: a `CachePerformanceMonitor` of one's own, or a `NullPerformanceMonitor` to record nothing.
    `tiers`: backends or `Tier`s in order, instead of memory and `redis_url`.
    `scope`: the tenant or user whose answers these are; others have theirs, in keys, invalidation and statistics.
    `require_scope`: refuse to be used without one: take `cache.scoped(tenant)`.
    `namespace`: what all keys begin with. `policy`: jitter, staleness and the like; by default that one process loads
    an answer and the others wait for it (`Policy(lease=3)`), and that the store's ttl is the operation's.
    `ledger`: where it is counted what answers saved; one of its own unless caches are to share one.

    No failure of a tier reaches the caller. Raises `ConfigurationError` on wrong wiring.
    """

    def __init__(
        self,
        redis_url: str | None = "redis://localhost:6379",
        default_ttl: float | None = 3600,
        text_hash_threshold: int = 0,
        compression_threshold: int = 1000,
        text_size_tiers: Mapping[str, int] | None = None,
        memory_cache_size: int = 100,
        operation_ttls: Mapping[str, float | None] | None = None,
        performance_monitor: CachePerformanceMonitor | None = None,
        *,
        tiers: Sequence[Any] | None = None,
        placement: Mapping[str, Sequence[str]] | None = None,
        serializer: Serializer | None = None,
        compressor: Compressor | None = None,
        scope: str | None = None,
        require_scope: bool = False,
        namespace: str = "ai_cache",
        policy: Policy | None = None,
        ledger: SavingsLedger | None = None,
    ) -> None:
        if policy is not None and policy.ttl is not None:
            raise ConfigurationError(
                f"policy.ttl is {policy.ttl:g} s, and an operation's ttl is set by default_ttl and operation_ttls; "
                "leave it out of the policy"
            )
        if compressor is None:
            compressor = default_compressor(min_size=checked_count(compression_threshold, "compression_threshold") + 1)
        self._default_ttl = check_ttl(default_ttl, "default_ttl")
        self._ttls = _operation_ttls(operation_ttls)
        self._sizes = SizeTiers(text_size_tiers)
        self._require_scope = require_scope
        self._monitor = CachePerformanceMonitor() if performance_monitor is None else performance_monitor
        self._keys = CacheKeyGenerator(
            text_hash_threshold, performance_monitor=self._monitor, namespace=namespace, scope=scope
        )
        count = checked_count(memory_cache_size, "memory_cache_size")
        wired, self._lost = opened(redis_url, count) if tiers is None else (list(tiers), False)
        self._ledger = SavingsLedger() if ledger is None else ledger
        self._cache = TieredCache(
            wired,
            policy=judging_responses(policy or Policy(lease=_LEASE)),
            serializer=serializer,
            compressor=MeasuredCompressor(compressor),
        )
        backends = self._cache.backends()
        own = {name: supports(backend, HoldsEntries) for name, backend in backends.items()}
        self._memories = [backends[name] for name in own if own[name]]
        self._memory = next(iter(self._memories), None)
        self._shared = next((backends[name] for name in reversed(own) if not own[name]), None)
        placed = self._sizes.placed(placement, list(own), list(own.values()))
        self._caches = {name: self._cache.only(*[list(own)[at] for at in held]) for name, held in placed.items()}
        self._has_tags = self._shared is None or supports(self._shared, SupportsTags)
        self._can_weigh = supports(self._memory, SupportsInfo)
        self._is_view = False

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Build one from `memory://`, `redis://host:6379/0` or the URL of any installed backend."""
        return cls(url, **options)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Build one from the environment; `options` come before it.

        The variables are `AICACHE_URL`, `AICACHE_DEFAULT_TTL`, `AICACHE_TEXT_HASH_THRESHOLD`,
        `AICACHE_COMPRESSION_THRESHOLD`, `AICACHE_MEMORY_CACHE_SIZE`, `AICACHE_NAMESPACE`, `AICACHE_SCOPE` and
        `AICACHE_REQUIRE_SCOPE`. Raises `ConfigurationError` for one that cannot be read.
        """
        return cls(**{**from_environment(os.environ if environment is None else environment), **options})

    def scoped(self, scope: str) -> Self:
        """The same cache for one tenant or user, with a monitor of its own; close the cache, not this.

        Building one costs some microseconds and holds no connection.
        """
        view = copy(self)
        view._stand_for(scope)  # noqa: SLF001 its own kind
        return view

    def _stand_for(self, scope: str) -> None:
        self._is_view = True
        self._monitor = self._monitor.blank()
        self._keys = self._keys.scoped(scope, self._monitor)

    # -- opening and closing

    async def connect(self) -> bool:
        """Whether every tier answers. May be called at any time, or never: a store that was away is found by itself.

        Never raises; a store that is away costs its own deadline, 0.25 s for Redis, and one line in the log.
        """
        health = await self._cache.health(f"{self._keys.prefix}health")
        return all(health.values()) and not self._lost

    async def check(self) -> Checkup:
        """Try the shared tier end to end; see `TieredCache.check`. What it finds `describe()` says from then on."""
        return await self._cache.check(f"{self._keys.prefix}check")

    async def aclose(self) -> None:
        """Close every tier; may be called twice."""
        if not self._is_view:
            await self._cache.aclose()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- answers

    async def cache_response(
        self,
        text: str,
        operation: str,
        options: Mapping[str, Any] | None,
        response: Any,
        question: str | None = None,
        *,
        ttl: Ttl = UNSET,
        cost: float | None = None,
        usage: UsageOf = None,
    ) -> None:
        """Keep `response`, any value, for the operation's ttl or for `ttl` seconds (None: no expiry).

        `cost`: what making it again costs, in seconds as `get_or_compute` measures them; None: not known. `usage`: what
        making it used, or a function of the response that says so; left out: what the response says itself, where it
        is a provider's. Raises `SerializationError`, with nothing changed, where the response cannot be kept exactly.
        """
        check_usage(usage)
        start = perf_counter()
        key = self._key(text, operation, options, question)
        made = used(usage, response, None)
        value, lives = kept(response, made), self._ttl(operation, ttl)
        with measuring(self._monitor, operation):
            try:
                await self._cache_for(text).set(key, value, ttl=lives, tags=self._tags(operation), cost=cost)
            except SerializationError:
                if value is response:
                    raise
                # It says where in the response the trouble lies, or keeps what only just fits, without its usage.
                await self._cache_for(text).set(key, response, ttl=lives, tags=self._tags(operation), cost=cost)
        self._ledger.record("miss", made, operation, self._keys.scope)
        self._monitor.record_cache_operation_time("set", perf_counter() - start, None, None, len(text), operation)
        await self._weigh_memory()

    async def get_cached_response(
        self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None = None
    ) -> dict[str, Any] | None:
        """The kept response with `cached_at`, `cache_hit`, `text_length` and `compression_used`; None: there is none.

        How a response that has such a field itself, or is no dict, comes back, `Answer.to_dict` says.
        """
        answer = await self.lookup(text, operation, options, question)
        return None if answer is None else answer.to_dict()

    async def lookup(
        self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None = None
    ) -> Answer | None:
        """The kept response exactly as it was stored, and beside it what the cache knows of it; None: there is none."""
        start = perf_counter()
        found = await self._cache_for(text).lookup(self._key(text, operation, options, question))
        self._monitor.record_cache_operation_time(
            "get", perf_counter() - start, found.found, found.tier, len(text), operation
        )
        if not found.found:
            return None
        answer = told(found, len(text))
        self._ledger.record("hit", answer.usage, operation, self._keys.scope, found.tier, perf_counter() - start)
        return answer

    async def get_or_compute(
        self,
        text: str,
        operation: str,
        options: Mapping[str, Any] | None,
        factory: Callable[[], Awaitable[Any]] | Callable[[], Any],
        question: str | None = None,
        *,
        ttl: Ttl = UNSET,
        usage: UsageOf = None,
    ) -> dict[str, Any]:
        """As `get_cached_response`, and what is missing is made by `factory`, once, however many callers want it.

        `cache_hit` is False where it has just been made. What `factory` raises reaches every caller that waits for it,
        and nothing is stored. A caller that is cancelled harms no other. How long it took is what the answer costs:
        memory that is full keeps what took longest, for its size. `usage`: as for `cache_response`.
        """
        answer = await self.lookup_or_compute(text, operation, options, factory, question, ttl=ttl, usage=usage)
        return answer.to_dict()

    async def lookup_or_compute(
        self,
        text: str,
        operation: str,
        options: Mapping[str, Any] | None,
        factory: Callable[[], Awaitable[Any]] | Callable[[], Any],
        question: str | None = None,
        *,
        ttl: Ttl = UNSET,
        usage: UsageOf = None,
    ) -> Answer:
        """`get_or_compute`, with the response exactly as it was made, and beside it what the cache knows of it."""
        check_usage(usage)
        start = begun = perf_counter()

        async def timed() -> Any:
            nonlocal begun
            begun = perf_counter()
            outcome = await call(factory)
            return kept_outcome(outcome, usage, perf_counter() - begun)

        def seconds(_: object) -> float:
            return perf_counter() - begun

        check_factory(factory)
        key = self._key(text, operation, options, question)
        with measuring(self._monitor, operation):
            found = await self._cache_for(text).lookup_or_set(
                key, timed, ttl=self._ttl(operation, ttl), tags=self._tags(operation), cost=seconds
            )
        verb = "get" if found.found else "compute"
        self._monitor.record_cache_operation_time(
            verb, perf_counter() - start, found.found, found.tier, len(text), operation
        )
        if not found.found:
            await self._weigh_memory()
        answer = told(found, len(text))
        kind: Kind = "hit" if found.found else "join" if answer.joined else "miss"
        self._ledger.record(kind, answer.usage, operation, self._keys.scope, found.tier, perf_counter() - start)
        return answer

    # -- forgetting; each returns how many entries were forgotten

    async def invalidate_response(
        self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None = None
    ) -> int:
        """Forget one answer."""
        start = perf_counter()
        removed = int(await self._cache.delete(self._key(text, operation, options, question)))
        return self._forgotten(operation, removed, start, "response")

    async def invalidate_by_operation(self, operation: str) -> int:
        """Forget the answers of one operation; returns how many there were.

        They are over at once in every process (half a second later where they are in its memory), and then what they
        take is given back, in slices: that goes on when the caller is cancelled, or closes the cache a second later.
        """
        start = perf_counter()
        removed = await self._ended(self._scoped_keys().operation_prefix(operation))
        return self._forgotten(operation, removed, start, "operation")

    async def invalidate_pattern(self, pattern: str, *, glob: bool = False) -> int:
        """Forget the answers whose `op:<operation>` (and `|txt:<text>`, where texts are shown) contains `pattern`.

        `glob`: `pattern` is a glob with `*`, `?` and `[…]` that must match all of it, as in `op:summarize*`.
        """
        start = perf_counter()
        prefix = self._scoped_keys().prefix
        removed = await self._cache.delete_prefix(prefix, where=matcher(pattern, prefix, glob=glob))
        return self._forgotten(pattern, removed, start, "glob" if glob else "text")

    async def invalidate_all(self) -> int:
        """Forget every answer of this namespace and scope, and nobody else's: at once in every process, as
        `invalidate_by_operation`.
        """
        start = perf_counter()
        removed = await self._ended(self._scoped_keys().prefix)
        return self._forgotten("*", removed, start, "all")

    async def invalidate_memory_cache(self) -> int:
        """Forget what this process keeps in memory of this namespace and scope; the shared store keeps it."""
        start = perf_counter()
        removed = await self._cache.delete_prefix(self._scoped_keys().prefix, in_process=True)
        return self._forgotten("*", removed, start, "memory")

    # -- what happened

    @property
    def performance_monitor(self) -> CachePerformanceMonitor:
        """What records how this cache and scope do."""
        return self._monitor

    @property
    def key_generator(self) -> CacheKeyGenerator:
        """What makes the keys of this cache and scope."""
        return self._keys

    def savings(self, *, prices: PriceList | None = None) -> Savings:
        """What answers from this cache saved in this process so far: of a `scoped` view its scope's, else of all.

        `prices`: instead of the list prices that the extra `prices` brings; see `SavingsLedger.savings`.
        """
        return self._ledger.savings(scope=self._keys.scope if self._is_view else UNSET, prices=prices)

    async def get_cache_stats(self) -> AICacheStats:
        """What the tiers hold of this namespace and scope, and how they did. Never raises for a store that is away."""
        await self._weigh_memory()
        return AICacheStats(
            redis=await shared_stats(self._shared, self._keys.prefix),
            memory=await memory_stats(self._memory, self._keys.prefix),
            performance=self._monitor.get_performance_stats(),
        )

    def get_cache_hit_ratio(self) -> float:
        """Hits as a percentage of look-ups; 0.0 before the first. Storing is no look-up."""
        return self._monitor.get_cache_hit_ratio()

    def get_performance_summary(self) -> dict[str, Any]:
        """`CachePerformanceMonitor.get_performance_stats`."""
        return self._monitor.get_performance_stats()

    def get_memory_usage_stats(self) -> dict[str, Any]:
        """`CachePerformanceMonitor.get_memory_usage_stats`."""
        return self._monitor.get_memory_usage_stats()

    def get_memory_warnings(self) -> list[dict[str, Any]]:
        """`CachePerformanceMonitor.get_memory_warnings`."""
        return self._monitor.get_memory_warnings()

    def get_invalidation_frequency_stats(self) -> dict[str, Any]:
        """`CachePerformanceMonitor.get_invalidation_frequency_stats`."""
        return self._monitor.get_invalidation_frequency_stats()

    def get_invalidation_recommendations(self) -> list[dict[str, Any]]:
        """`CachePerformanceMonitor.get_invalidation_recommendations`."""
        return self._monitor.get_invalidation_recommendations()

    def reset_performance_stats(self) -> None:
        """Forget what was recorded; the cache keeps its answers."""
        self._monitor.reset_stats()

    def describe(self) -> str:
        """What will really happen, tier by tier."""
        return self._cache.describe()

    # -- parts

    def _scoped_keys(self) -> CacheKeyGenerator:
        if self._require_scope and self._keys.scope is None:
            raise InvalidArgumentError("scope is None and require_scope=True; use cache.scoped(tenant) instead")
        return self._keys

    def _key(self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None) -> str:
        return self._scoped_keys().generate_cache_key(text, operation, options, question)

    def _tags(self, operation: str) -> tuple[str, ...]:
        keys = self._scoped_keys()
        return (keys.operation_prefix(operation), keys.prefix) if self._has_tags else ()

    async def _ended(self, prefix: str) -> int:
        """End what begins with a prefix that is a tag of all of it, and reclaim it; returns how many there were."""
        if not self._has_tags:
            return await self._cache.delete_prefix(prefix)
        here = await keys_in(self._memories, prefix)
        await self._cache.invalidate_tags(prefix)
        await self._cache.delete_many(here)  # from the shared tier too, so that none is counted twice
        return len(here) + await self._cache.reclaim(prefix)

    def _cache_for(self, text: str) -> TieredCache:
        return self._caches[self._sizes.name(len(text))]

    def _ttl(self, operation: str, ttl: Ttl) -> float | None:
        return self._ttls.get(operation, self._default_ttl) if ttl is UNSET else check_ttl(ttl)

    def _forgotten(self, pattern: str, removed: int, start: float, kind: str) -> int:
        self._monitor.record_invalidation_event(pattern, removed, perf_counter() - start, kind)
        return removed

    async def _weigh_memory(self) -> None:
        if self._memory is not None and self._can_weigh:
            info = await self._memory.info()
            self._monitor.record_memory_usage(info["bytes"], info["entries"])


_operation_ttls = operation_ttls  # the constructor's argument has the same name
