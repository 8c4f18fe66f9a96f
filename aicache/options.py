"""What a caller may ask for, checked at the door: `Policy` for a cache, `Tier` for one of its tiers, keys and ttls.

All times are in seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, TypeAlias, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["UNSET", "Policy", "Tier", "Ttl", "Unset", "check_key", "check_ttl", "check_value"]


class Unset(enum.Enum):
    """The type of `UNSET`: "not said", where None already means "no expiry"."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

Ttl: TypeAlias = float | Literal[Unset.UNSET] | None
"""What a verb takes for a ttl: seconds; None, no expiry; `UNSET`, what the policy says."""


def check_key(key: object) -> str:
    """Return `key`, or raise: a key is a `str` that is not empty."""
    if not isinstance(key, str):
        raise InvalidTypeError(f"key must be a str, got {key!r}; build one with str() or an f-string")
    if not key:
        raise InvalidArgumentError("key must not be empty, got ''; give each value a name of its own")
    return key


def check_ttl(ttl: object, name: str = "ttl") -> float | None:
    """Return `ttl`, or raise: it is None (no expiry) or a number of seconds above 0; infinity is None."""
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, int | float):
        raise InvalidTypeError(f"{name} must be seconds as an int or a float, or None for no expiry, got {ttl!r}")
    if not ttl > 0:  # NaN too
        raise InvalidArgumentError(
            f"{name} must be more than 0 seconds, got {ttl!r}; pass None for no expiry, or delete the key to end it now"
        )
    return None if ttl == inf else float(ttl)


def check_value(value: object) -> bytes:
    """Return a copy of `value` that no caller can change, or raise: a backend is given `bytes` or a buffer of them."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InvalidTypeError(f"value must be bytes, got {value!r}; a TieredCache serializes values for you")
    return bytes(cast("bytes", value))


def _check_fraction(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} must be a fraction such as 0.1, got {value!r}")
    if not 0 <= value < 1:
        raise InvalidArgumentError(f"{name} must be at least 0 and below 1, got {value!r}; 0.1 is one tenth")


def _check_size(value: object, name: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidTypeError(f"{name} must be a whole number of bytes or None, got {value!r}")
    if isinstance(value, int) and value < 0:
        raise InvalidArgumentError(f"{name} must not be negative, got {value!r}; pass None for no bound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long values live.

    `ttl`: seconds a value is fresh; None, the default: until it is evicted or deleted.
    `jitter`: a fraction from 0 to 1 (1 excluded). Each ttl is shortened by a random part of that fraction, so that
    entries stored together do not end together; a value never lives longer than its ttl says.
    """

    ttl: float | None = None
    jitter: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ttl", check_ttl(self.ttl))
        _check_fraction(self.jitter, "jitter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """How a cache uses one of its tiers.

    `backend`: a backend, or another cache of the same flavour.
    `name`: what statistics and `lookup` call it; None: the backend's own kind, numbered where two are alike.
    `read`, `write`: whether the cache reads from it, and stores in it. Invalidations reach it either way.
    `promote`: whether what is found in a lower tier is stored here too.
    `max_ttl`: seconds an entry lives here at most, whatever its ttl; None: as long as its ttl says.
    `min_bytes`, `max_bytes`: the sizes of serialized value that this tier takes; others pass it by.
    `timeout`: seconds to wait for one call. UNSET: the backend's own deadline where it has one, else 0.25. None: no
    bound.
    `on_error`: what a failure or a timeout of this tier is to the caller of the cache: "skip", a counted miss or a
    counted lost write, or "raise", the error itself.
    """

    backend: Any
    name: str | None = None
    read: bool = True
    write: bool = True
    promote: bool = True
    max_ttl: float | None = None
    min_bytes: int = 0
    max_bytes: int | None = None
    timeout: float | Literal[Unset.UNSET] | None = UNSET
    on_error: Literal["skip", "raise"] = "skip"

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_ttl", check_ttl(self.max_ttl, "max_ttl"))
        _check_size(self.min_bytes, "min_bytes")
        _check_size(self.max_bytes, "max_bytes")
        if self.max_bytes is not None and self.max_bytes < self.min_bytes:
            raise InvalidArgumentError(
                f"max_bytes must be at least min_bytes ({self.min_bytes}), got {self.max_bytes!r}; "
                "a tier between them would take nothing"
            )
        if self.timeout is not UNSET:
            object.__setattr__(self, "timeout", check_ttl(self.timeout, "timeout"))
        if self.on_error not in ("skip", "raise"):
            raise InvalidArgumentError(f'on_error must be "skip" or "raise", got {self.on_error!r}')
        if not (self.read or self.write):
            raise InvalidArgumentError("a tier with read=False and write=False would do nothing; leave it out")
