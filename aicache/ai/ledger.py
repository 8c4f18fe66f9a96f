"""`SavingsLedger`: what answers from the cache saved, summed as they are given out and priced when somebody asks.

A price list is linear in the tokens between its steps, which lie at whole thousands of input tokens. So calls of one
model, day and thousand are one cell of sums, and pricing the sums is pricing the calls.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from aicache.ai.prices import PriceList, list_prices
from aicache.ai.savings import Figures, Group, Savings
from aicache.ai.usage import Usage
from aicache.errors import InvalidArgumentError
from aicache.options import UNSET, Unset

__all__ = ["Kind", "SavingsLedger"]

Kind: TypeAlias = Literal["hit", "join", "miss"]

_DAY: Final = 86_400
_STEP: Final = 1000
_MILLION: Final = 1_000_000
_OTHERS: Final = "(others)"
_CALLS, _INPUT, _OUTPUT, _CACHED, _CACHED_KNOWN, _SECONDS, _TIMED = range(7)


class _Of(NamedTuple):
    """What the calls of one cell have in common."""

    kind: Kind
    operation: str | None
    scope: str | None
    tier: str | None
    model: str | None = None
    provider: str | None = None
    day: int | None = None
    thousand: int | None = None
    has_input: bool = False
    has_output: bool = False


class SavingsLedger:
    """Counts calls that were answered without the provider, and those that were not, with what the original call used.

    `most`: cells to keep. What comes when there are so many is counted under `(others)`, without a price: a bound for
    whoever makes operations or scopes of user input. Safe from any thread; under threads a count may fall short by a
    few, as a hit takes no lock.
    """

    def __init__(self, most: int = 10_000) -> None:
        if most < 1:
            raise InvalidArgumentError(f"most must be at least 1, got {most!r}")
        self._most = most
        self._cells: dict[tuple[Any, ...], list[float]] = {}

    def record(
        self,
        kind: Kind,
        usage: Usage | None,
        operation: str | None = None,
        scope: str | None = None,
        tier: str | None = None,
        seconds: float = 0.0,
    ) -> None:
        """One call took `seconds`.

        `kind`: "hit", answered by the cache; "join", by a call that was under way; "miss", by the provider, now.
        `usage`: of the original call; None: unknown. `tier`: which one answered a hit.
        """
        if usage is None:
            key: tuple[Any, ...] = (kind, operation, scope, tier)
        else:
            given, made, created = usage.input_tokens, usage.output_tokens, usage.created
            key = (
                kind,
                operation,
                scope,
                tier,
                usage.model,
                usage.provider,
                None if created is None else int(created) // _DAY,
                (given - 1) // _STEP if given else 0,
                given is not None,
                made is not None,
            )
        cell = self._cells.get(key) or self._new_cell(key)
        cell[_CALLS] += 1
        if usage is None:
            return
        cell[_INPUT] += usage.input_tokens or 0
        cell[_OUTPUT] += usage.output_tokens or 0
        if usage.cached_input_tokens is not None:
            cell[_CACHED] += usage.cached_input_tokens
            cell[_CACHED_KNOWN] += 1
        if usage.total_seconds is not None:
            cell[_SECONDS] += usage.total_seconds - seconds
            cell[_TIMED] += 1

    def _new_cell(self, key: tuple[Any, ...]) -> list[float]:
        if len(self._cells) >= self._most:
            key = (key[0], _OTHERS, _OTHERS, None)
        return self._cells.setdefault(key, [0] * 7)

    def reset(self) -> None:
        """Forget what was counted."""
        self._cells = {}

    def savings(self, *, scope: str | Literal[Unset.UNSET] | None = UNSET, prices: PriceList | None = None) -> Savings:
        """What was saved so far. `scope`: of one tenant, or with None of nobody in particular; left out: of all.

        `prices`: instead of the list prices of genai-prices; without that library nothing is priced. It takes as long
        as there are cells, some tenths of a millisecond for each combination of model and day.
        """
        cells = [(_Of(*key), sums) for key, sums in self._cells.copy().items()]
        if scope is not UNSET:
            cells = [(of, sums) for of, sums in cells if of.scope == scope]
        chosen = list_prices() if prices is None else prices
        rates: dict[tuple[Any, ...], _Rates | None] = {}
        found = [(of, _figures(of, sums, _rates(of, chosen, rates))) for of, sums in cells]
        unpriced: dict[str | None, int] = {}
        for of, figures in found:
            if figures.unpriced_calls:
                unpriced[of.model] = unpriced.get(of.model, 0) + figures.unpriced_calls
        return Savings(
            total=_group(found),
            by_operation=_grouped(found, "operation"),
            by_model=_grouped(found, "model"),
            by_scope=_grouped(found, "scope"),
            by_tier=_grouped([(of, figures) for of, figures in found if of.kind == "hit"], "tier"),
            unpriced_calls=unpriced,
            price_source=None if chosen is None else chosen.source,
            price_version=None if chosen is None else chosen.version,
        )


class _Rates(NamedTuple):
    """Dollars for a call, and for a token of each sort."""

    call: Decimal
    input: Decimal
    output: Decimal
    cached: Decimal


def _rates(of: _Of, prices: PriceList | None, seen: dict[tuple[Any, ...], _Rates | None]) -> _Rates | None:
    """The rates that hold for a cell, as four prices tell them; None where there are none."""
    if prices is None or not (of.has_input and of.has_output) or of.thousand is None:
        return None
    key = (of.model, of.provider, of.day, of.thousand)
    if key not in seen:
        many = of.thousand * _STEP + _STEP // 2
        # The last second of the day, so that a price which began in the course of it is taken to hold for all of it.
        created = None if of.day is None else (of.day + 1) * _DAY - 1
        told: list[Decimal] = []
        for given, made, cached in ((0, 0, 0), (many, 0, 0), (many, _MILLION, 0), (many, 0, many)):
            usage = Usage(
                input_tokens=given,
                output_tokens=made,
                cached_input_tokens=cached,
                model=of.model,
                provider=of.provider,
                created=created,
            )
            price = prices.price(usage)
            if price is not None:
                told.append(Decimal(str(price)))
        if len(told) < 4:
            seen[key] = None
        else:
            nothing, fresh, output, cached_price = told
            seen[key] = _Rates(
                nothing, (fresh - nothing) / many, (output - fresh) / _MILLION, (cached_price - fresh) / many
            )
    return seen[key]


def _figures(of: _Of, sums: list[float], rates: _Rates | None) -> Figures:
    calls, given, made, cached, cached_known, seconds, timed = sums
    dollars = None
    if rates is not None:
        parts = zip(rates, (calls, given, made, cached), strict=True)
        dollars = float(sum(rate * Decimal(int(count)) for rate, count in parts))
    return Figures(
        calls=int(calls),
        input_tokens=int(given) if of.has_input else None,
        output_tokens=int(made) if of.has_output else None,
        cached_input_tokens=int(cached) if cached_known else None,
        counted_calls=int(calls) if of.has_input and of.has_output else 0,
        seconds=seconds if timed else None,
        timed_calls=int(timed),
        dollars=dollars,
        priced_calls=0 if dollars is None else int(calls),
        unpriced_calls=int(calls) if dollars is None else 0,
    )


def _group(found: list[tuple[_Of, Figures]]) -> Group:
    return Group(
        hits=Figures.sum([figures for of, figures in found if of.kind == "hit"]),
        joins=Figures.sum([figures for of, figures in found if of.kind == "join"]),
        misses=Figures.sum([figures for of, figures in found if of.kind == "miss"]),
    )


def _grouped(found: list[tuple[_Of, Figures]], by: str) -> dict[str | None, Group]:
    parts: dict[str | None, list[tuple[_Of, Figures]]] = {}
    for of, figures in found:
        parts.setdefault(getattr(of, by), []).append((of, figures))
    return {name: _group(part) for name, part in sorted(parts.items(), key=lambda pair: (pair[0] is None, pair[0]))}
