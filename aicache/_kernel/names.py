"""Remembers the keys of the last calls of a function, so that a call like one of them is named without a digest.

Two calls are alike only where their arguments are equal and of the same types, all the way down. What tells is
`marshal`, which is only written here, never read: each value with its type and its length, so two different calls of
built-in values are different bytes. The one thing that it takes for another is a buffer, which it writes as bytes. So a
call with bytes in it is not remembered, and then no buffer can be taken for one that is.
"""

from __future__ import annotations

from collections.abc import Callable
from marshal import dumps
from typing import Any, Final

__all__ = ["Names"]

_VERSION: Final = 2  # later ones write what is interned, or comes twice, in another way
_MOST: Final = 16_384
_LONGEST: Final = 16 * 1024
_EXACT: Final = frozenset({str, int, float, bool, type(None)})


class Names:
    """The keys of calls.

    `make`: makes the key of a call; raises what the call itself, or its arguments' encoding, would. `remembers`: False
    where `make` may say something else of the same call. `texts`: the keys of calls with one text and nothing else, to
    be looked at before `of` is called, which does not look there.
    """

    __slots__ = ("_keys", "_make", "_remembers", "texts")

    def __init__(self, make: Callable[..., str], *, remembers: bool) -> None:
        self._make = make
        self._remembers = remembers
        self._keys: dict[bytes, str] = {}
        self.texts: dict[str, str] = {}

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The key of the call."""
        if not self._remembers:
            return self._make(*args, **kwargs)
        try:
            call = dumps((args, kwargs), _VERSION)
        except ValueError:  # something that is no built-in value
            return self._make(*args, **kwargs)
        key = self._keys.get(call)
        if key is None:
            key = self._make(*args, **kwargs)
            if len(call) <= _LONGEST and _is_exact(args) and _is_exact(kwargs):
                if not kwargs and len(args) == 1 and type(args[0]) is str:
                    _remember(self.texts, args[0], key)
                else:
                    _remember(self._keys, call, key)
        return key


def _remember(keys: dict[Any, str], call: Any, key: str) -> None:
    if len(keys) >= _MOST:
        keys.clear()  # an order would have to be kept at each hit
    keys[call] = key


def _is_exact(value: Any) -> bool:
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
    if kind is dict:
        return all(map(_is_exact, value)) and all(map(_is_exact, value.values()))
    if kind is list or kind is tuple:
        return all(map(_is_exact, value))
    return kind in _EXACT
