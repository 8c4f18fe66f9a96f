"""What an `AIResponseCache` is told: how long each operation's answers live, and what the environment says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from aicache.errors import ConfigurationError, InvalidArgumentError
from aicache.options import check_ttl

__all__ = ["DEFAULT_OPERATION_TTLS", "checked_count", "from_environment", "operation_ttls"]

DEFAULT_OPERATION_TTLS: Final = MappingProxyType(
    {"summarize": 7200, "sentiment": 86_400, "key_points": 7200, "questions": 3600, "qa": 1800}
)
"""Seconds; other operations have `default_ttl`."""

_PREFIX: Final = "AICACHE_"
_YES: Final = ("true", "1", "yes", "on")
_NO: Final = ("false", "0", "no", "off")


def operation_ttls(given: Mapping[str, float | None] | None) -> dict[str, float | None]:
    """The ttl of each operation in seconds: the usual ones, and what was given over them."""
    ttls: dict[str, float | None] = {**DEFAULT_OPERATION_TTLS, **(given or {})}
    return {operation: check_ttl(ttl, f"operation_ttls[{operation!r}]") for operation, ttl in ttls.items()}


def checked_count(value: object, name: str) -> int:
    """Return `value`, or raise: it is a whole number from 0 up."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgumentError(f"{name} must be a whole number from 0 up, got {value!r}")
    return value


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The arguments that the variables `AICACHE_…` stand for; raises `ConfigurationError` for one that cannot be."""
    arguments: dict[str, Any] = {}
    for variable, (argument, read) in _VARIABLES.items():
        text = environment.get(_PREFIX + variable, "").strip()
        if text:
            try:
                arguments[argument] = read(text)
            except ValueError as error:
                raise ConfigurationError(f"{_PREFIX}{variable} must be {read.__doc__}, got {text!r}") from error
    return arguments


def _text(text: str) -> str:
    """a text"""
    return text


def _whole(text: str) -> int:
    """a whole number"""
    return int(text)


def _seconds(text: str) -> float | None:
    """a number of seconds, or `none` for no expiry"""
    return None if text.lower() == "none" else float(text)


def _flag(text: str) -> bool:
    """`true` or `false`"""
    word = text.lower()
    if word not in (*_YES, *_NO):
        raise ValueError(text)
    return word in _YES


_VARIABLES: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "URL": ("redis_url", _text),
    "DEFAULT_TTL": ("default_ttl", _seconds),
    "TEXT_HASH_THRESHOLD": ("text_hash_threshold", _whole),
    "COMPRESSION_THRESHOLD": ("compression_threshold", _whole),
    "MEMORY_CACHE_SIZE": ("memory_cache_size", _whole),
    "NAMESPACE": ("namespace", _text),
    "SCOPE": ("scope", _text),
    "REQUIRE_SCOPE": ("require_scope", _flag),
}
