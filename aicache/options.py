"""What a caller may ask for, checked at the door: `Policy` for a cache, `Tier` for one of its tiers, keys and ttls.

All times are in seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, TypeAlias, cast

from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError

__all__ = [
    "UNSET",
    "Breaker",
    "Policy",
    "Tier",
    "Ttl",
    "Unset",
    "check_key",
    "check_ttl",
    "check_value",
    "checked_tags",
]


_MOST_TAGS: Final = 64
_LONGEST_TAG: Final = 1024  # bytes


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
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise InvalidTypeError(f"{name} must be seconds as an int or a float, or None for no expiry, got {ttl!r}")
    if not ttl > 0:  # NaN too
        raise InvalidArgumentError(
            f"{name} must be more than 0 seconds, got {ttl!r}; pass None for no expiry, or delete the key to end it now"
        )
    return None if ttl == inf else float(ttl)


def checked_tags(tags: object) -> tuple[str, ...]:
    """Return the tags, each once, or raise: they are several texts, 64 at most, each of 1 to 1,024 bytes."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidTypeError(f"tags must be several texts, such as ['user:7'], got {tags!r}")
    found: dict[str, None] = {}
    for tag in tags:  # pyright: ignore[reportUnknownVariableType] it is what a caller gave
        if not isinstance(tag, str):
            raise InvalidTypeError(f"a tag must be a str, got {tag!r}; build one with an f-string")
        if not tag or len(tag.encode("utf-8", "surrogatepass")) > _LONGEST_TAG:
            raise InvalidArgumentError(f"a tag must have from 1 to {_LONGEST_TAG} bytes, got {tag!r}")
        found[tag] = None
    if len(found) > _MOST_TAGS:
        raise InvalidArgumentError(
            f"an entry may have {_MOST_TAGS} tags, got {len(found)}; tag it with what they share"
        )
    return tuple(found)


def check_value(value: object) -> bytes:
    """Return a copy of `value` that no caller can change, or raise: a backend is given `bytes` or a buffer of them."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise InvalidTypeError(f"value must be bytes, got {value!r}; a TieredCache serializes values for you")
    return bytes(cast("bytes", value))


def _checked_span(value: object, name: str) -> float:
    """Seconds from 0 up, infinity excluded."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    span = check_ttl(value, name) if value is not None else None
    if span is None:
        raise InvalidArgumentError(f"{name} must be seconds from 0 up, got {value!r}; 0 is none")
    return span


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
    """How long values live, and what is done when a fresh one cannot be had. All times are in seconds.

    `ttl`: how long a value is fresh; None, the default: until it is evicted or deleted.
    `jitter`: a fraction from 0 to 1 (1 excluded). Each ttl is shortened by a random part of that fraction, so that
    entries stored together do not end together; a value never lives longer than its ttl says.
    `refresh_ahead`: a fraction of the ttl, above 0 and below 1. The first hit after it has one load make a new value in
    the background. None: no refresh before the end.
    `stale_while_revalidate`: for so long after its ttl a value is still served, at once, while one load makes a new one
    in the background (RFC 5861).
    `stale_if_error`: for so long after its ttl a value is served where the factory raises or is late (RFC 5861).
    `throttle`: how long after a failed load no new one is tried, where there is a value to serve meanwhile.
    `soft_timeout`: after so long a caller gets the stale value, if there is one; the load goes on and is stored.
    `hard_timeout`: after so long the load is given up, and its callers get the stale value or `LoadTimeoutError`. (A
    sync factory cannot be interrupted: it goes on in its thread, and what it makes is stored.)
    `negative_ttl`: the ttl of an answer that is None; None: that of any other. 0: such an answer is not stored.
    `store_if`: called with each value that a factory made; where it says False the value is returned and not stored.
    `tags`: of every value; see `TieredCache.invalidate_tags`.
    `lease`: one load among all processes that share the last tier: the one that loads holds a lock for so many seconds,
    renewed while it loads; the others wait for its value, or are served stale. One that dies costs them so many
    seconds. None: each process loads for itself. (Needs a last tier with leases, such as Redis.)
    `abandoned`: what becomes of a load or a stream that nobody waits for any more: "cancel", or "complete" and be
    stored. (A sync load always completes.)

    Raises where the values contradict each other.
    """

    ttl: float | None = None
    jitter: float = 0.0
    refresh_ahead: float | None = None
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0
    throttle: float = 5.0
    soft_timeout: float | None = None
    hard_timeout: float | None = None
    negative_ttl: float | None = None
    store_if: Callable[[Any], bool] | None = None
    tags: tuple[str, ...] = ()
    lease: float | None = None
    abandoned: Literal["cancel", "complete"] = "cancel"

    def __post_init__(self) -> None:
        object.__setattr__(self, "ttl", check_ttl(self.ttl))
        _check_fraction(self.jitter, "jitter")
        for name in ("stale_while_revalidate", "stale_if_error", "throttle"):
            object.__setattr__(self, name, _checked_span(getattr(self, name), name))
        for name in ("soft_timeout", "hard_timeout", "lease"):
            object.__setattr__(self, name, check_ttl(getattr(self, name), name))
        if self.negative_ttl is not None:
            object.__setattr__(self, "negative_ttl", _checked_span(self.negative_ttl, "negative_ttl"))
        object.__setattr__(self, "tags", checked_tags(self.tags))
        if self.abandoned not in ("cancel", "complete"):
            raise InvalidArgumentError(f'abandoned must be "cancel" or "complete", got {self.abandoned!r}')
        if self.store_if is not None and not callable(cast("object", self.store_if)):
            raise InvalidTypeError(f"store_if must be a function of the value, or None, got {self.store_if!r}")
        self._check_refresh()
        self._check_staleness()

    @property
    def stale_for(self) -> float:
        """How long after its ttl a value is kept."""
        return max(self.stale_while_revalidate, self.stale_if_error)

    @property
    def waits_apart(self) -> bool:
        """Whether a caller may leave before the load has ended, so that it needs a task or a thread of its own."""
        return bool(self.stale_while_revalidate or self.soft_timeout or self.hard_timeout)

    def _check_refresh(self) -> None:
        if self.refresh_ahead is None:
            return
        _check_fraction(self.refresh_ahead, "refresh_ahead")
        if not self.refresh_ahead:
            raise InvalidArgumentError("refresh_ahead is 0, so every hit would load; leave it out, or say 0.8")
        if self.ttl is None:
            raise ConfigurationError(
                "refresh_ahead is a fraction of the ttl and there is no ttl; give ttl=, or leave it out"
            )
        if self.jitter >= self.refresh_ahead:
            raise ConfigurationError(
                f"jitter ({self.jitter:g}) may take more than refresh_ahead ({self.refresh_ahead:g}) leaves of a ttl, "
                "so a value could be due when it is stored; make the jitter smaller"
            )

    def _check_staleness(self) -> None:
        if self.stale_for and self.ttl is None:
            raise ConfigurationError(
                "a value without a ttl is never stale; "
                "give ttl=, or leave stale_while_revalidate and stale_if_error out"
            )
        if self.soft_timeout is not None and not self.stale_if_error:
            raise ConfigurationError(
                "soft_timeout has no stale value to serve; give stale_if_error=, or use hard_timeout"
            )
        soft, hard = self.soft_timeout, self.hard_timeout
        if soft is not None and self.stale_while_revalidate >= self.stale_if_error:
            raise ConfigurationError(
                "soft_timeout is never waited for: within stale_while_revalidate a stale value is served at once; "
                "make stale_if_error longer than it, or leave soft_timeout out"
            )
        if soft is not None and hard is not None and soft >= hard:
            raise ConfigurationError(
                f"soft_timeout ({soft:g} s) is over only after hard_timeout ({hard:g} s); "
                "make it shorter, or leave it out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When a tier that does not answer is left alone, and when it is tried again.

    `failures`: after so many in a row it is no longer asked: it is a miss at once.
    `backoff`: seconds until one call, and one only, is let through as a trial. Where that is not answered either, the
    time doubles; each is shortened by a random part of up to a half.
    `most`: the longest of these times.
    """

    failures: int = 3
    backoff: float = 0.25
    most: float = 0.75  # with a trial that has just begun to wait in vain: 1 s until the first answer

    def __post_init__(self) -> None:
        failures = cast("object", self.failures)
        if isinstance(failures, bool) or not isinstance(failures, int):
            raise InvalidTypeError(f"failures must be a whole number, got {failures!r}")
        if failures < 1:
            raise InvalidArgumentError(
                f"failures must be at least 1, got {failures!r}; say breaker=None for no breaker"
            )
        for name in ("backoff", "most"):
            seconds = check_ttl(getattr(self, name), name)
            if seconds is None:
                raise InvalidArgumentError(f"{name} must be a number of seconds, got {getattr(self, name)!r}")
            object.__setattr__(self, name, seconds)
        if self.most < self.backoff:
            raise InvalidArgumentError(
                f"most ({self.most:g} s) is shorter than backoff ({self.backoff:g} s); make it as long at least"
            )


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
    `breaker`: when a tier that does not answer is left alone for a while; None: never. For tiers out of this process.
    `unheard`: what a tier in this process does while it cannot hear what other processes change in the tier that they
    share: "miss", it is emptied and keeps nothing, so it is never more than half a second behind; "serve", it goes on
    with what it has, for as long as that tier is away.
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
    breaker: Breaker | None = Breaker()
    unheard: Literal["miss", "serve"] = "miss"

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
        if self.unheard not in ("miss", "serve"):
            raise InvalidArgumentError(f'unheard must be "miss" or "serve", got {self.unheard!r}')
        if self.breaker is not None and not isinstance(cast("object", self.breaker), Breaker):
            raise InvalidTypeError(
                f"breaker must be a Breaker or None, got {self.breaker!r}; write Breaker(failures=3)"
            )
        if not (self.read or self.write):
            raise InvalidArgumentError("a tier with read=False and write=False would do nothing; leave it out")
