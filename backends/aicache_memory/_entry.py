"""What is kept under a key: a plain tuple, which the garbage collector soon stops looking at.

    (value, form, expires, place, more)

`value`: the value, or the bytes that it is made from; of `set`, the bytes themselves.
`form`: 0: the value is shared as it is. Above 0: the number of what makes a fresh one (`_thaws`). `RAW`: of `set`.
`expires`: when it is no longer fresh, by the clock of the store; None: never. `LONG_AGO` where `set` stored it: whoever
looks for a live value takes it for one that is over.
`place`: its number in the arrays that hold all that changes about it (`_places`).
`more`: when it was made; or, where there is more to say, a tuple of that, when it ends (from `expires` until then it is
stale) and whether it is compressed elsewhere. Where `set` stored it: when it expires.

The collector stops tracking a tuple that holds nothing it tracks, at the first collection that meets it: but only an
exact tuple, so there is no class, and only of numbers and texts, so functions and states of the policy are elsewhere.
What is in it never changes: an overwrite puts another in its stead, and whoever holds one that is gone still holds what
it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, cast

from aicache_memory._thaws import OWN

__all__ = ["LONG_AGO", "RAW", "Entry", "Kept", "ends_of"]

Kept: TypeAlias = tuple[Any, int, float | None, int, Any]

RAW: Final = -1
LONG_AGO: Final = float("-inf")


class Entry:
    """A view of a live one, by name; see `aicache.protocols.Entry`."""

    __slots__ = ("_kept", "_thaws")

    def __init__(self, kept: Kept, thaws: Sequence[Callable[[Any], Any]]) -> None:
        self._kept = kept
        self._thaws = thaws

    @property
    def value(self) -> Any:
        """The value, or what `thaw` makes it from."""
        value, form, *_ = self._kept
        return value[0] if form == OWN else value

    @property
    def thaw(self) -> Callable[[Any], Any] | None:
        """None: share the value as it is."""
        value, form, *_ = self._kept
        thaw: Callable[[Any], Any] | None = value[1] if form == OWN else self._thaws[form] if form else None
        return thaw

    @property
    def created(self) -> float:
        """When it was made, in seconds since the epoch."""
        return _more(self._kept)[0]

    @property
    def expires(self) -> float | None:
        """When it is no longer fresh; None: never."""
        return self._kept[2]

    @property
    def ends(self) -> float | None:
        """When it goes; from `expires` until then it is stale. None: never."""
        return _more(self._kept)[1]

    @property
    def compressed(self) -> bool:
        """Whether it is compressed in the tiers below."""
        return _more(self._kept)[2]


def ends_of(kept: Kept) -> float | None:
    """When it goes; None: never."""
    return _more(kept)[1]


def _more(kept: Kept) -> tuple[float, float | None, bool]:
    """When it was made, when it goes, and whether it is compressed elsewhere."""
    _, form, expires, _, more = kept
    if form == RAW:
        return 0.0, more, False
    return cast("tuple[float, float | None, bool]", more) if type(more) is tuple else (more, expires, False)
