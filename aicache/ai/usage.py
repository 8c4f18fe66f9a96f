"""What one call of a provider used and how long it took, and its compact form beside a kept answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Final, Self, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Usage"]

_VERSION: Final = 1
_VERSION_NAME: Final = "v"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the original call used. None is unknown, everywhere; it never stands for zero.

    `input_tokens`: all of them, those that the provider had in its own prompt cache included. `cached_input_tokens`:
    those of them that it had there. `output_tokens`: reasoning included.
    `model`: as the provider names it in its answer. `provider`: as in "openai", "anthropic", "google".
    `first_token_seconds`, `total_seconds`: from the call to the first token and to the end, as measured.
    `created`: when the call was made, in seconds since the epoch: what it cost is what it cost then.

    Raises `InvalidTypeError` and `InvalidArgumentError` for what is no count, no text or no time.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    model: str | None = None
    provider: str | None = None
    first_token_seconds: float | None = None
    total_seconds: float | None = None
    created: float | None = None

    def __post_init__(self) -> None:
        a, b, c, model, provider = (
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.model,
            self.provider,
        )
        first, total, at = self.first_token_seconds, self.total_seconds, self.created
        if not (  # a hit reads one, so the usual case is told at a glance
            (a is None or (type(a) is int and a >= 0))
            and (b is None or (type(b) is int and b >= 0))
            and (c is None or (type(c) is int and c >= 0))
            and (model is None or type(model) is str)
            and (provider is None or type(provider) is str)
            and (first is None or (type(first) is float and 0 <= first < inf))
            and (total is None or (type(total) is float and 0 <= total < inf))
            and (at is None or (type(at) is float and 0 <= at < inf))
        ):
            self._check()

    def _check(self) -> None:
        for name, kinds, what in _FIELDS:
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise InvalidTypeError(f"{name} must be {what} or None, got {value!r}")
            if not isinstance(value, str) and not 0 <= value < inf:  # NaN neither
                raise InvalidArgumentError(f"{name} must be {what} from 0 up, got {value!r}; None where it is unknown")

    def to_dict(self) -> dict[str, Any]:
        """A plain dict for any serializer, with a version and without what is unknown."""
        # The names in stored bytes: none ever changes its meaning or is used again.
        plain = {
            _VERSION_NAME: _VERSION,
            "in": self.input_tokens,
            "out": self.output_tokens,
            "cached": self.cached_input_tokens,
            "model": self.model,
            "provider": self.provider,
            "first": self.first_token_seconds,
            "total": self.total_seconds,
            "created": self.created,
        }
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_dict(cls, plain: object) -> Self | None:
        """What `to_dict` made; None for anything else, a later version included: then nothing is known.

        What a newer writer has added to this version is passed over.
        """
        if not isinstance(plain, dict):
            return None
        get = cast("dict[object, Any]", plain).get
        if get(_VERSION_NAME) != _VERSION:
            return None
        try:
            return cls(
                input_tokens=get("in"),
                output_tokens=get("out"),
                cached_input_tokens=get("cached"),
                model=get("model"),
                provider=get("provider"),
                first_token_seconds=get("first"),
                total_seconds=get("total"),
                created=get("created"),
            )
        except (InvalidTypeError, InvalidArgumentError):
            return None


_FIELDS: Final = (
    ("input_tokens", int, "a number of tokens"),
    ("output_tokens", int, "a number of tokens"),
    ("cached_input_tokens", int, "a number of tokens"),
    ("model", str, "a text"),
    ("provider", str, "a text"),
    ("first_token_seconds", (int, float), "a number of seconds"),
    ("total_seconds", (int, float), "a number of seconds"),
    ("created", (int, float), "a number of seconds"),
)
