"""What `savings()` returns: calls, tokens, seconds and list-price dollars that the cache saved, and never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, Self

__all__ = ["Figures", "Group", "Savings"]

_NOTE: Final = "list price, before your discounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over some calls. None: it is known of none of them; it never stands for zero.

    `input_tokens`, `output_tokens`, `cached_input_tokens`: what the original calls used, as `Usage` has them, of the
    calls of which it is known; `counted_calls`: of how many both input and output are.
    `seconds`: what the original calls took, less what these took, over the `timed_calls`.
    `dollars`: the list price of the original calls on the days they were made, of the `priced_calls`;
    `unpriced_calls`: the others, whose price or usage nobody knows. Input of which it is not known how much the
    provider had in its own prompt cache is priced as if none of it.
    """

    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    counted_calls: int = 0
    seconds: float | None = None
    timed_calls: int = 0
    dollars: float | None = None
    priced_calls: int = 0
    unpriced_calls: int = 0

    @classmethod
    def sum(cls, parts: Iterable[Self]) -> Self:
        """All of them together; what is unknown of one is left out of the sum, and None only where it is of all."""
        given = list(parts)
        sums: dict[str, Any] = {}
        for name in cls.__slots__:
            known = [value for part in given if (value := getattr(part, name)) is not None]
            if known:
                sums[name] = sum(known)
        return cls(**sums)

    def to_dict(self) -> dict[str, Any]:
        """The same as a plain dict, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`hits`: calls answered by the cache. `joins`: calls answered by one that was under way: of these nothing is
    saved but the call. `misses`: calls that were made; their tokens and dollars were spent, and they saved nothing.
    """

    hits: Figures = Figures()
    joins: Figures = Figures()
    misses: Figures = Figures()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, for JSON."""
        return {name: getattr(self, name).to_dict() for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What was saved: `total`, and the same by operation, model, scope and, for hits, tier; None is the name of what
    has none.

    `unpriced_calls`: by model, how many calls of any kind could not be priced. `price_source`, `price_version`: the
    price list; None where there is none, and then nothing is priced. `note`: what the dollars are.
    """

    total: Group = Group()
    by_operation: Mapping[str | None, Group] = field(default_factory=dict[str | None, Group])
    by_model: Mapping[str | None, Group] = field(default_factory=dict[str | None, Group])
    by_scope: Mapping[str | None, Group] = field(default_factory=dict[str | None, Group])
    by_tier: Mapping[str | None, Group] = field(default_factory=dict[str | None, Group])
    unpriced_calls: Mapping[str | None, int] = field(default_factory=dict[str | None, int])
    price_source: str | None = None
    price_version: str | None = None
    note: str = _NOTE

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, for JSON."""
        plain: dict[str, Any] = {"total": self.total.to_dict()}
        for by in _BY:
            groups: Mapping[str | None, Group] = getattr(self, by)
            plain[by] = {name: group.to_dict() for name, group in groups.items()}
        plain["unpriced_calls"] = dict(self.unpriced_calls)
        return plain | {name: getattr(self, name) for name in ("price_source", "price_version", "note")}

    def __str__(self) -> str:
        """A table of hits and joins, in total and by operation."""
        rows = [_HEAD, *self._rows(("by_operation",))]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
        lines = [
            "  ".join(cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(zipped))
            for zipped in (list(zip(row, widths, strict=True)) for row in rows)
        ]
        return "\n".join([*lines, self._priced_by()])

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows(_BY)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(self._priced_by())}</p>"

    def _rows(self, parts: Iterable[str]) -> list[tuple[str, ...]]:
        named = [("total", self.total)]
        for by in parts:
            groups: Mapping[str | None, Group] = getattr(self, by)
            named += [(f"{by.removeprefix('by_')} {_shown(name)}", group) for name, group in groups.items()]
        return [
            (name, kind, *map(_shown, (part.calls, part.input_tokens, part.output_tokens, part.seconds, part.dollars)))
            for name, group in named
            for kind, part in (("hits", group.hits), ("joins", group.joins))
            if part.calls or name == "total"
        ]

    def _priced_by(self) -> str:
        missing = sum(self.unpriced_calls.values())
        said = "no price list is installed: pip install 'aicache[prices]'"
        if self.price_source is not None:
            said = f"dollars: {self.note}, by {self.price_source} {_shown(self.price_version)}"
        return f"{said}; {missing} calls without a price" if missing else said


_BY: Final = ("by_operation", "by_model", "by_scope", "by_tier")
_HEAD: Final = ("", "", "calls", "tokens in", "tokens out", "seconds", "dollars")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "–" if value is None else str(value)
