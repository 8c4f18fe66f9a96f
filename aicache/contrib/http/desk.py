"""What both flavours of the transport decide before they await anything: what a request may get, under which key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import monotonic
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from aicache._kernel.outcomes import Skip, Store
from aicache.ai.escaping import checked_namespace, checked_scope
from aicache.ai.ledger import Kind, SavingsLedger
from aicache.ai.prices import PriceList
from aicache.ai.savings import Savings
from aicache.ai.usage import Usage
from aicache.contrib.http.controls import HEADERS, LIVE, Controls, controls_in
from aicache.contrib.http.exchange import Exchange
from aicache.contrib.http.heads import Header
from aicache.contrib.http.keys import key_of, prefix_of, sent, target_of
from aicache.contrib.http.known import Known
from aicache.contrib.http.modes import Mode, mode
from aicache.contrib.http.receipts import Entered, Receipt
from aicache.contrib.http.rules import Asked, Rule, rule_for
from aicache.contrib.http.storing import StorePolicy, Verdict
from aicache.errors import InvalidTypeError, KeyEncodingError
from aicache.options import UNSET, Ttl, check_ttl

__all__ = ["Desk", "Plan", "TransportStats"]

_MOST_TURNS: Final = 10_000
_SMALL: Final = 4096  # bytes of a body that is remembered as it is: to look it up takes less than to digest it
_CONTROLS: Final = frozenset(name.encode() for name in HEADERS)
_NOTHING_ASKED: Final = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStats:
    """Counts of one transport since it was built; under threads they may fall short by a few.

    `hits`: answers from the cache; `joins`: from a call of the provider that was under way; `misses`: calls of the
    provider that may be stored. `bypassed`: requests that were passed on, by the reason. `skips`: answers that were
    not stored, by the reason.
    """

    hits: int = 0
    joins: int = 0
    misses: int = 0
    bypassed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    skips: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


class Plan(NamedTuple):
    """What is to be done about a request.

    `request`: to be sent, without what was meant for the cache; `original`: as it came. `bypassed`: why it is passed
    on; None: it is not. `keys`: where to look; the answer is kept under the first. `begun`: when it came, in monotonic
    seconds.
    """

    request: Any
    original: Any
    bypassed: str | None = None
    rule: Rule | None = None
    keys: tuple[str, ...] = ()
    asked: Asked = _NOTHING_ASKED
    controls: Controls = LIVE
    inside: Mode | None = None
    begun: float = 0.0


class _Read(NamedTuple):
    """What is read of a request's body."""

    tail: str
    asked: Asked


_UNREADABLE: Final = (
    KeyEncodingError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,  # the body is still to be made, or nests too deep
)


class Desk:
    """What a transport was told, and what it counts."""

    def __init__(
        self,
        rules: Sequence[Rule],
        store: StorePolicy,
        scope: str | None,
        namespace: str,
        ttl: Ttl,
        ledger: SavingsLedger | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        for rule in rules:
            if not isinstance(cast(object, rule), Rule):
                raise InvalidTypeError(f"rules must hold Rules only, got {rule!r}")
        if not isinstance(cast(object, store), StorePolicy):
            raise InvalidTypeError(f"store must be a StorePolicy, got {store!r}")
        if ledger is not None and not isinstance(cast(object, ledger), SavingsLedger):
            raise InvalidTypeError(f"ledger must be a SavingsLedger or None, got {ledger!r}")
        checked_scope(scope)
        checked_namespace(namespace)
        self.rules = tuple(rules)
        self.store = store
        self.scope = scope
        self.ttl = ttl if ttl is UNSET else check_ttl(ttl)
        self.wall_clock = wall_clock
        self._ledger = SavingsLedger() if ledger is None else ledger
        self.asking: dict[str, Exchange] = {}
        self._prefix = prefix_of(namespace, scope)
        self._recorded = prefix_of(f"{namespace}.recorded", scope)
        self._known: Known[_Read] = Known()
        self._turns: dict[str, int] = {}
        self.hits = self.joins = self.misses = 0
        self._bypassed: dict[str, int] = {}
        self._skips: dict[str, int] = {}

    def plan(self, request: Any) -> Plan:
        """What is to be done about a request of httpx or httpx2; raises `InvalidArgumentError` for what its headers
        ask wrongly.
        """
        begun, original, headers = monotonic(), request, request.headers
        target: bytes = request.url.raw_path
        rule = rule_for(self.rules, request.method, target_of(target)[0])
        inside = mode.get()
        controls = LIVE if inside is None else inside.controls
        named = [name.lower() for name, _ in headers.raw]  # no set: to make one takes longer than it saves
        if not _CONTROLS.isdisjoint(named):
            controls = controls_in([headers[name] for name in HEADERS if name in headers], controls)
            if rule is not None or b"x-aicache" in named:
                request = _without(request, HEADERS if rule is not None else HEADERS[1:])
        if rule is None:
            return Plan(request, original, self.bypass("endpoint"), controls=controls, inside=inside)
        if not (controls.reads or controls.stores):
            return Plan(request, original, self.bypass("asked"), rule, controls=controls, inside=inside)
        read = self._read(original, target, rule, named)
        if read is None:
            return Plan(request, original, self.bypass("body"), rule, controls=controls, inside=inside)
        tail, asked = read
        keeps_all = _keeps_all(inside)
        if not keeps_all and (reason := self.store.asked(asked)) is not None:
            return Plan(request, original, self.bypass(reason), rule, controls=controls, inside=inside)
        if self.store.samples > 1 and self.store.varies(asked):
            tail = f"{tail}#{self._turn(tail)}"
        keys = (self._recorded + tail, self._prefix + tail) if keeps_all else (self._prefix + tail,)
        if controls.ttl is UNSET and self.ttl is not UNSET:
            controls = replace(controls, ttl=self.ttl)
        return Plan(request, original, None, rule, keys, asked, controls, inside, begun)

    def _read(self, request: Any, target: bytes, rule: Rule, named: list[bytes]) -> _Read | None:
        """The key of a request after its prefix, and what it asks; None where there is no JSON object at hand.

        By its bytes, where the same ones came before: an SDK writes the same request the same way.
        """
        url = request.url
        told = [request.headers[name] if name.encode() in named else None for name in rule.headers]
        try:
            content: bytes = request.content
            of_it = content if len(content) <= _SMALL else sha256(content).hexdigest()  # a text: no body is equal to it
            place = (id(rule), url.scheme, url.netloc, target, *told, of_it)
            read = self._known.get(place)
            if read is None:
                named_here = {name: value for name, value in zip(rule.headers, told, strict=True) if value is not None}
                what = sent(request, named_here)
                read = _Read(key_of(what, rule, self.scope), rule.asks(what.body))
                self._known.put(place, read)
        except _UNREADABLE:
            return None
        return read

    def exchange(self, plan: Plan) -> Exchange:
        """A request that may be sent."""
        rule: Any = plan.rule
        return Exchange(rule, plan.asked, self.store, keeps_all=_keeps_all(plan.inside))

    def receipt(self, plan: Plan, kind: Kind, tier: str | None = None) -> Receipt:
        """Of the answer to a request that is given out from now on, for the ledger. `tier`: which one had it."""
        return Receipt(self._ledger, Entered(kind, _operation(plan), self.scope, tier), plan.begun)

    def enter_hit(self, plan: Plan, usage: Usage | None, tier: str | None) -> None:
        """Enter in the ledger an answer that is given out whole: it took until now, however slowly it is read."""
        self._ledger.record("hit", usage, _operation(plan), self.scope, tier, monotonic() - plan.begun)

    def savings(self, prices: PriceList | None) -> Savings:
        """What was saved: of the scope, or without one, of all that the ledger has."""
        return self._ledger.savings(scope=UNSET if self.scope is None else self.scope, prices=prices)

    def _turn(self, key: str) -> int:
        """Which of its answers a request gets: each in its turn, so that all are made before one comes again."""
        turn = self._turns.get(key, -1) + 1
        if len(self._turns) >= _MOST_TURNS:
            self._turns.clear()
        self._turns[key] = turn
        return turn % self.store.samples

    # -- counting

    def bypass(self, reason: str) -> str:
        """Count a request that is passed on; returns the reason."""
        self._bypassed[reason] = self._bypassed.get(reason, 0) + 1
        return reason

    def verdict(self, exchange: Exchange, *, is_too_large: bool = False) -> Verdict:
        """What becomes of an answer that has ended, counted."""
        verdict = Verdict("skip", reason="size") if is_too_large else exchange.verdict()
        if verdict.kind == "skip":
            self.skip(verdict.reason or verdict.kind)
        return verdict

    def judged(self, exchange: Exchange, chunks: list[Any]) -> Any:
        """The same in the words of `TieredCache.stream`."""
        kind, ttl, reason = self.verdict(exchange)
        if kind == "skip":
            return Skip(chunks, reason or kind)
        cost = None if exchange.usage is None else exchange.usage.total_seconds
        return Store(chunks, ttl=ttl, cost=cost)  # memory that is full keeps what took long

    def skip(self, reason: str) -> None:
        """Count an answer that is not stored."""
        self._skips[reason] = self._skips.get(reason, 0) + 1

    def stats(self) -> TransportStats:
        """The counts so far."""
        return TransportStats(
            hits=self.hits,
            joins=self.joins,
            misses=self.misses,
            bypassed=MappingProxyType(dict(self._bypassed)),
            skips=MappingProxyType(dict(self._skips)),
        )


def _operation(plan: Plan) -> str:
    rule: Any = plan.rule  # there is one: a request without is passed on
    operation: str = rule.operation
    return operation


def _keeps_all(inside: Mode | None) -> bool:
    return inside is not None and inside.keeps_all


def _without(request: Any, names: Sequence[str]) -> Any:
    """The request without these headers; the caller's own stays as it is, in case it is sent again."""
    headers: list[Header] = [pair for pair in request.headers.multi_items() if pair[0].lower() not in names]
    return type(request)(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )
