"""What a factory may return instead of a bare value, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar, cast

from aicache._kernel.checks import Cost, checked_cost
from aicache._kernel.item import Item
from aicache._kernel.results import Lookup
from aicache.errors import ConfigurationError, InvalidTypeError
from aicache.options import UNSET, Policy, Ttl, check_ttl, checked_tags

__all__ = [
    "Call",
    "Made",
    "NotModified",
    "Skip",
    "Store",
    "made",
    "made_of_stream",
    "previous",
    "previous_value",
    "with_value",
]


T = TypeVar("T")


class _Kept(NamedTuple):
    value: Any
    ttl: Ttl
    cost: Cost
    tags: tuple[str, ...] = ()


class _Skipped(NamedTuple):
    value: Any
    reason: str


class _NotModified(NamedTuple):
    ttl: Ttl


def Store(value: T, *, ttl: Ttl = UNSET, cost: Cost = None, tags: Iterable[str] = ()) -> T:  # noqa: N802 what a factory returns reads as a thing
    """A factory's value with how to keep it. For type checkers it is the value, so a factory is annotated with that.

    `ttl`: seconds; None: no expiry; left out: what the call or the policy says. `cost`: what making it again costs.
    `tags`: beside those of the call and the policy.
    """
    return cast("T", _Kept(value, ttl, cost, checked_tags(tags)))


def Skip(value: T, reason: str = "skipped") -> T:  # noqa: N802
    """A factory's value that its callers get and that is not stored. `reason`: one word, for the statistics."""
    return cast("T", _Skipped(value, reason))


def NotModified(*, ttl: Ttl = UNSET) -> Any:  # noqa: N802
    """What a factory returns where the value that `previous()` showed it is still right: it is kept for a new ttl."""
    return _NotModified(ttl)


def with_value(outcome: Any, change: Callable[[Any], Any]) -> Any:
    """The same outcome of a factory with another value; `NotModified` has none of its own."""
    if isinstance(outcome, _Kept | _Skipped):
        return outcome._replace(value=change(outcome.value))
    return outcome if isinstance(outcome, _NotModified) else change(outcome)


previous_value: Final[ContextVar[Lookup | None]] = ContextVar("aicache_previous", default=None)


def previous() -> Lookup | None:
    """Inside a factory: the value that it is to replace, for a conditional request; None where there is none.

    Whatever validates it (an ETag, a date) is what the value itself holds. Outside a factory, None.
    """
    return previous_value.get()


class Call(NamedTuple):
    """What one call of a cache asks for: its policy, and what it says instead of it, all of it checked but the cost."""

    policy: Policy
    ttl: Ttl
    cost: Cost
    tags: tuple[str, ...] = ()


class Made(NamedTuple):
    """A value that a factory made. `skipped`: why it is not to be stored; None: it is."""

    value: Any
    ttl: float | None
    cost: float | None
    skipped: str | None
    tags: tuple[str, ...] = ()


def made(outcome: object, call: Call, old: Item | None) -> Made:
    """What a factory's answer comes to; `old`: the value it was to replace."""
    policy, ttl, cost, _ = call
    value: Any = outcome
    tags: tuple[str, ...] = ()
    is_own = False
    if isinstance(outcome, _Skipped):
        return Made(outcome.value, None, None, outcome.reason)
    if isinstance(outcome, _Kept):
        value, is_own = outcome.value, outcome.ttl is not UNSET
        ttl = check_ttl(outcome.ttl) if is_own else ttl
        cost = cost if outcome.cost is None else outcome.cost
        tags = outcome.tags
    elif isinstance(outcome, _NotModified):
        if old is None:
            raise ConfigurationError(
                "the factory returned NotModified and there is no earlier value; ask previous() before, and return one"
            )
        value, is_own = old.for_another(), outcome.ttl is not UNSET
        ttl = check_ttl(outcome.ttl) if is_own else ttl
    lives = policy.ttl if ttl is UNSET else ttl
    if value is None and policy.negative_ttl is not None and not is_own:
        if not policy.negative_ttl:
            return Made(None, None, None, "negative")
        lives = policy.negative_ttl
    if policy.store_if is not None and not policy.store_if(value):
        return Made(value, None, None, "store_if")
    return Made(value, lives, checked_cost(cost, value), None, tags)


def made_of_stream(said: object, chunks: list[Any], call: Call) -> Made:
    """What a stream that has ended well comes to, when `keep` was given its chunks and said this of them."""
    if isinstance(said, _Kept):
        return made(said if said.value is chunks else said._replace(value=chunks), call, None)
    if isinstance(said, _Skipped):
        return Made(chunks, None, None, said.reason)
    if said is not None and said is not chunks:
        raise InvalidTypeError(
            f"keep must return None or the chunks to have them stored, or a Store or Skip of them, got {said!r}"
        )
    return made(chunks, call, None)
