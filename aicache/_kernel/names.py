"""Remembers the keys of the last calls of a function, so that a call like one of them is named without a digest.

Two calls are alike only where their arguments are equal and of the same types, all the way down. Where all of them are
plain values, `functools.lru_cache` tells, which looks at the type of each. It takes 0.0 and -0.0 for one, so the sign
of a zero (a temperature, mostly) is looked at here. Where there is a list, a dict or a tuple, `marshal` tells, which is
only written here, never read: each value with its type and its length, so two different calls of built-in values are
different bytes. The one thing that it takes for another is a buffer, which it writes as bytes. So a call with bytes in
it is not remembered, and then no buffer can be taken for one that is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from marshal import dumps
from math import copysign
from sys import getsizeof
from typing import Any, Final, NamedTuple

__all__ = ["Names"]

_VERSION: Final = 4  # it writes what is interned, or comes twice, in more ways than one: each of them is remembered
_MOST: Final = 16_384
_LONGEST: Final = 16 * 1024
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class Names:
    """The keys of calls.

    `make`: makes the key of a call; raises what the call itself, or its arguments' encoding, would. `remembers`: False
    where `make` may say something else of the same call. `texts`: the keys of calls with one text and nothing else, to
    be looked at before `of` is called, which does not look there.
    """

    __slots__ = ("_is_plain", "_keys", "_make", "_plain", "_remembers", "texts")

    def __init__(self, make: Callable[..., str], *, remembers: bool) -> None:
        self._make = make
        self._remembers = remembers
        self._is_plain = remembers  # a guess, right for a function that is always called in the same way
        self._plain = lru_cache(_MOST, typed=True)(self._plain_key)
        self._keys: dict[bytes, str] = {}
        self.texts: dict[str, str] = {}

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The key of the call."""
        if not kwargs and len(args) == 1 and type(args[0]) is str:
            return self._of_text(args[0])
        if self._is_plain:
            try:
                known: Any = self._plain(*args, **kwargs)
            except Exception:  # whatever it is, and be it an argument's own: it is raised below, if it is an error
                self._is_plain = False
            else:
                if type(known) is str:
                    return known
                found: _WithZeros = known
                for name in found.zeros:
                    if copysign(1.0, kwargs[name]) < 0:
                        break
                else:
                    return found.key
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
                _remember(self._keys, call, key)
                self._is_plain = _are_plain(args, kwargs)
        return key

    def _of_text(self, text: str) -> str:
        key = self._make(text)
        if self._remembers and getsizeof(text) <= _LONGEST:
            _remember(self.texts, text, key)
        return key

    def _plain_key(self, /, *args: Any, **kwargs: Any) -> str | _WithZeros:
        """The key of a call of plain values; raises where it is none, so that nothing is remembered."""
        if not _are_plain(args, kwargs):
            raise _NotPlainError
        key = self._make(*args, **kwargs)
        zeros = [name for name, value in kwargs.items() if _is_zero(value)]
        return _WithZeros(key, zeros) if zeros else key


class _WithZeros(NamedTuple):
    """The key of a call, and those of its keywords that are 0.0."""

    key: str
    zeros: list[str]


class _NotPlainError(Exception):
    """A call is not one of a few plain values."""


def _are_plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    values = (*args, *kwargs.values())
    return (
        all(type(value) in _PLAIN for value in values)
        and not any(map(_is_zero, args))
        and not any(_is_zero(value) and copysign(1.0, value) < 0 for value in kwargs.values())
        and sum(map(getsizeof, values)) <= _LONGEST
    )


def _is_zero(value: Any) -> bool:
    return type(value) is float and not value


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
    return kind in _PLAIN
