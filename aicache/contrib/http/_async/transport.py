"""The transport: what is kept is answered at once, what is not is sent on, read along, and kept after a good end."""

from __future__ import annotations

import asyncio  # async-only

# sync: import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from time import monotonic
from typing import Any, ClassVar, Final, Protocol, Self, cast

from aicache._async.tiered import TieredCache
from aicache._kernel.recording import Pacing, Recording, checked_bytes, checked_pacing, microseconds, recording_in
from aicache.ai.ledger import SavingsLedger
from aicache.ai.prices import PriceList
from aicache.ai.savings import Savings
from aicache.contrib.http.answers import FailedError, absent, failed, labelled
from aicache.contrib.http.cassettes import Cassette, Take
from aicache.contrib.http.desk import Desk, Plan, TransportStats
from aicache.contrib.http.exchange import Exchange
from aicache.contrib.http.heads import Head, RawHeader, body_of, head_in, usage_in
from aicache.contrib.http.keys import sent
from aicache.contrib.http.libraries import Library
from aicache.contrib.http.providers import PROVIDERS
from aicache.contrib.http.rules import Rule
from aicache.contrib.http.storing import StorePolicy
from aicache.errors import InvalidTypeError, SerializationError
from aicache.options import UNSET, Policy, Ttl

__all__ = ["Inner", "Transport"]

# async-only: begin
_GRACE: Final = 0.1  # seconds that the end of a stream may come after its last event
# async-only: end
_DEFAULT: Final = StorePolicy()


class Inner(Protocol):
    """What sends requests."""

    async def handle_async_request(self, request: Any, /) -> Any:
        """Send one."""

    async def aclose(self) -> None:
        """Close it."""


class Transport:
    """What the public classes have in common; see there."""

    _library: ClassVar[Library]

    def __init__(
        self,
        cache: TieredCache,
        inner: Inner | None = None,
        *,
        rules: Sequence[Rule] = PROVIDERS,
        store: StorePolicy = _DEFAULT,
        scope: str | None = None,
        namespace: str = "ai",
        ttl: Ttl = UNSET,
        pacing: Pacing = "instant",
        max_bytes: int = 8 * 2**20,
        ledger: SavingsLedger | None = None,
    ) -> None:
        if not isinstance(cast(object, cache), TieredCache):
            raise InvalidTypeError(
                f"cache must be a TieredCache, got {cache!r}; caches of the other flavour have a transport of their own"
            )
        self._cache = cache
        self._inner: Any = self._library.inner() if inner is None else inner
        self._desk = Desk(rules, store, scope, namespace, ttl, ledger)
        self._pacing: Pacing = checked_pacing(pacing)
        self._max_bytes = checked_bytes(max_bytes)

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request, from the cache or from the provider."""
        plan = self._desk.plan(request)
        controls, inside = plan.controls, plan.inside
        if plan.bypassed is not None:
            return await self._passed(plan, plan.bypassed)
        if inside is not None and inside.plays is not None:
            take = inside.plays.takes.get(plan.keys[0])
            if take is not None:
                self._desk.hits += 1
                return self._kept(plan, take.head, Recording(list(take.chunks), []), "hit", "cassette")
            if controls.asks:
                return await self._alone(plan, inside.records)
        elif controls.reads and controls.asks and controls.stores:
            return await self._shared(plan)
        elif controls.reads:
            found = await self._found(plan)
            if found is not None:
                return found
        elif controls.asks:
            return await self._alone(plan, None)
        return await self._passed(plan, self._desk.bypass("no_store") if controls.asks else "")

    def stats(self) -> TransportStats:
        """The counts so far."""
        return self._desk.stats()

    def savings(self, *, prices: PriceList | None = None) -> Savings:
        """What answers from the cache saved in this process so far: of the transport's scope, or without one, of all in
        its ledger. Requests that were bypassed are not among them.

        `prices`: instead of the list prices that the extra `prices` brings; see `SavingsLedger.savings`.
        """
        return self._desk.savings(prices)

    async def aclose(self) -> None:
        """Close the transport that sends; the cache is closed by whoever opened it."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._inner.__aexit__(*error)

    # -- the ways to an answer

    async def _passed(self, plan: Plan, reason: str) -> Any:
        """The provider's answer as it is, if it may be asked."""
        request = plan.request
        if plan.controls.asks:
            response = await self._inner.handle_async_request(request)
            return response if plan.rule is None else labelled(response, reason)
        if plan.inside is not None:
            plan.inside.missed.append(f"{request.method} {request.url.copy_with(query=None)}")
        return absent(self._library, request.method, str(request.url.copy_with(query=None)))

    async def _found(self, plan: Plan) -> Any:
        """The kept answer, or None."""
        for key in plan.keys:
            found = await self._cache.lookup(key)
            held = recording_in(found.value) if found.found else None
            head = None if held is None else self._usable(held, plan)
            if held is not None and head is not None:
                return self._kept(plan, head, held.rest(), "hit", found.tier)
        return None

    async def _shared(self, plan: Plan) -> Any:
        """The kept answer, or that of the one call of the provider, whoever made it."""
        cache, key = self._cache, plan.keys[0]
        held = cache._at_hand(key) if self._pacing == "instant" else None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] of this house
        if held is None:
            return await self._streamed(plan)
        head = self._usable(held, plan)
        if head is None:
            return await self._alone(plan, None)
        return self._kept(plan, head, held.rest(), "hit", cache._front.name)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    async def _streamed(self, plan: Plan) -> Any:
        """The same where it is not at hand."""
        desk, key = self._desk, plan.keys[0]
        exchange, under_way = desk.exchange(plan), desk.asking.get(key)
        tier: str | None = None

        def asked() -> AsyncGenerator[Any, None]:
            desk.asking[key] = exchange
            return self._asked(plan, exchange)

        def kept_by(name: str) -> None:
            nonlocal tier
            tier = name

        chunks = self._cache.stream(
            key,
            asked,
            ttl=plan.controls.ttl,
            policy=self._policy(plan),
            keep=lambda chunks: desk.judged(exchange, chunks),
            max_bytes=self._max_bytes,
            pacing=self._pacing,
            on_hit=kept_by,
        )
        try:
            begins = await anext(chunks, None)
        except FailedError as error:
            return failed(self._library, error, "miss" if exchange.has_failed else "join")
        if exchange.response is not None:
            return self._asked_by_us(plan, exchange, chunks)
        head = head_in(begins)
        running = None if tier is not None else desk.asking.get(key) or under_way  # which may have ended by now
        if head is None or (running is None and self._is_too_old(head, plan)):
            await chunks.aclose()
            return await self._alone(plan, None)
        if running is not None:
            desk.joins += 1
            body = self._library.body(chunks, running, desk.receipt(plan, "join"))
            return self._response(head, body, (b"x-aicache", b"join"))
        label = "stale" if exchange.has_failed else "hit"
        if self._pacing == "instant":
            return self._kept(plan, head, Recording([chunk async for chunk in chunks], []), label, tier)
        return self._paced(plan, head, chunks, label, tier)

    async def _alone(self, plan: Plan, cassette: Cassette | None) -> Any:
        """The provider's answer to this very request, which takes the place of what is kept."""
        exchange = self._desk.exchange(plan)
        chunks = self._recorded(plan, exchange, cassette)
        try:
            await anext(chunks)
        except FailedError as error:
            return failed(self._library, error, "miss")
        return self._asked_by_us(plan, exchange, chunks)

    # -- responses

    def _kept(self, plan: Plan, head: Head, rest: Recording, label: str, tier: str | None) -> Any:
        """A kept answer; `rest`: without its head."""
        if self._pacing != "instant":
            return self._paced(plan, head, self._played(rest), label, tier)
        chunks = rest.chunks
        self._desk.enter_hit(plan, usage_in(chunks[-1]) if chunks else None, tier)
        return self._labelled(head, self._library.kept(body_of(chunks)), label)

    def _paced(self, plan: Plan, head: Head, chunks: AsyncGenerator[Any, None], label: str, tier: str | None) -> Any:
        """One that comes with the pauses of the original, and so may be left before its end."""
        exchange = self._desk.exchange(plan)
        exchange.play(head)
        receipt = self._desk.receipt(plan, "hit", tier)
        body = self._library.body(_followed(chunks, exchange), exchange, receipt)
        return self._labelled(head, body, label)

    def _labelled(self, head: Head, body: Any, label: str) -> Any:
        self._desk.hits += 1
        age = max(0, int(self._desk.wall_clock() - head.asked))
        return self._response(head, body, (b"age", b"%d" % age), (b"x-aicache", label.encode()))

    def _response(self, head: Head, body: Any, *more: RawHeader) -> Any:
        return self._library.response(head.status, headers=[*head.headers, *more], stream=body)

    def _asked_by_us(self, plan: Plan, exchange: Exchange, chunks: AsyncGenerator[Any, None]) -> Any:
        self._desk.misses += 1
        response = exchange.response
        passed = self._library.response(
            response.status_code,
            headers=exchange.passed if exchange.is_encoded else response.headers,
            stream=self._library.body(chunks, exchange, self._desk.receipt(plan, "miss")),
            extensions=response.extensions,
        )
        passed.headers["x-aicache"] = "miss"
        return passed

    def _usable(self, held: Recording, plan: Plan) -> Head | None:
        """The head of a kept answer; None where it has none, or is too old."""
        head = head_in(held.chunks[0]) if held.chunks else None
        return None if head is None or self._is_too_old(head, plan) else head

    def _is_too_old(self, head: Head, plan: Plan) -> bool:
        oldest = plan.controls.max_age
        return oldest is not None and self._desk.wall_clock() - head.asked > oldest

    def _policy(self, plan: Plan) -> Policy | None:
        seconds = plan.controls.stale_if_error
        if seconds is None:
            return None
        return replace(self._cache._policy, stale_if_error=seconds)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] of this house

    # -- chunks: the head, those of the body, and the usage

    async def _asked(self, plan: Plan, exchange: Exchange) -> AsyncGenerator[Any, None]:
        """Ask the provider, and read along."""
        desk, key = self._desk, plan.keys[0]
        created, begun, first = desk.wall_clock(), monotonic(), None
        try:
            response = await self._inner.handle_async_request(plan.request)
            try:
                exchange.begin(response, created)
                if exchange.is_error:
                    body = [chunk async for chunk in response.aiter_bytes()]
                    raise FailedError(response.status_code, exchange.passed, b"".join(body))
                yield exchange.head.chunk()
                chunks: AsyncIterator[bytes] = response.aiter_bytes() if exchange.is_encoded else aiter(response.stream)
                async for chunk in chunks:
                    if first is None:
                        first = monotonic() - begun
                    exchange.feed(chunk)
                    yield chunk
                    if exchange.has_ended or exchange.is_left:
                        break
                while exchange.has_ended and not exchange.is_left and (late := await _late(chunks)) is not None:
                    exchange.feed(late)
                    yield late
            finally:
                await response.stream.aclose()
            last = exchange.end(first, monotonic() - begun)
        except BaseException as error:
            exchange.has_failed, exchange.response = True, None
            is_status = isinstance(error, FailedError)
            desk.skip("status" if is_status else "aborted" if isinstance(error, Exception) else "abandoned")
            raise
        finally:
            if desk.asking.get(key) is exchange:
                del desk.asking[key]
        yield last

    async def _recorded(self, plan: Plan, exchange: Exchange, cassette: Cassette | None) -> AsyncGenerator[Any, None]:
        """The same, kept after a good end: in the cassette, or in the cache."""
        chunks, at, size, begun = list[Any](), list[int](), 0, monotonic()
        async with aclosing(self._asked(plan, exchange)) as asked:
            async for chunk in asked:
                size += len(chunk)
                if size <= self._max_bytes:
                    chunks.append(chunk)
                    at.append(microseconds(monotonic() - begun))
                yield chunk
        verdict = self._desk.verdict(exchange, is_too_large=size > self._max_bytes)
        if verdict.kind == "skip":
            return
        if cassette is not None:
            cassette.takes[plan.keys[0]] = Take(_told(plan), exchange.head, body_of(chunks))
            return
        ttl = plan.controls.ttl if verdict.ttl is UNSET else verdict.ttl
        value = Recording(chunks, [*at, microseconds(monotonic() - begun)]).value()
        try:
            await self._cache.set(plan.keys[0], value, ttl=ttl)
        except SerializationError:
            self._desk.skip("unserializable")

    async def _played(self, held: Recording) -> AsyncGenerator[Any, None]:
        """What was recorded, at its pace where that is known."""
        begun = monotonic()
        for number, chunk in enumerate(held.chunks):
            if held.at:
                early = (held.at[number] - held.at[0]) / 1e6 - (monotonic() - begun)
                await asyncio.sleep(max(0.0, early))  # async-only
                # sync: time.sleep(max(0.0, early))
            yield chunk


async def _late(chunks: AsyncIterator[bytes]) -> bytes | None:
    """A chunk after the last event, where nothing is missing any more; None where there is none, or it is late or
    bad.
    """
    try:
        # async-only: begin
        async with asyncio.timeout(_GRACE):
            return await anext(chunks, None)
        # async-only: end
        # sync: return next(chunks, None)
    except Exception:
        return None


async def _followed(chunks: AsyncGenerator[Any, None], exchange: Exchange) -> AsyncGenerator[Any, None]:
    """The chunks of a kept answer, of which `exchange` learns whether the last event has passed."""
    async with aclosing(chunks):
        async for chunk in chunks:
            if type(chunk) is bytes:
                exchange.feed(chunk)
            yield chunk


def _told(plan: Plan) -> dict[str, Any]:
    """The request as a cassette shows it."""
    told = sent(plan.original)
    return {"method": told.method, "url": told.origin + told.path, "body": told.body}
