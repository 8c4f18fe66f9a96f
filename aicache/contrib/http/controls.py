"""What one request asks of the cache, in the words of RFC 9111, in a header that is not sent on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from aicache.errors import InvalidArgumentError
from aicache.options import UNSET, Ttl

__all__ = ["HEADERS", "LIVE", "Controls", "controls_in"]

HEADERS: Final = ("cache-control", "x-aicache")
"""The request headers that are read here, and not sent on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What a request may and must get.

    `reads`: whether a kept answer will do. `stores`: whether the new one may be kept. `asks`: whether the provider may
    be asked. `max_age`: seconds that a kept answer may be old; None: as old as it is. `stale_if_error`: for so many
    seconds after its end a kept answer will do where the provider fails. `ttl`: how long the new one is kept.
    """

    reads: bool = True
    stores: bool = True
    asks: bool = True
    max_age: float | None = None
    stale_if_error: float | None = None
    ttl: Ttl = UNSET


LIVE: Final = Controls()
_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,"]*)))?\s*(?:,|$)')
_FLAGS: Final = {
    "bypass": {"reads": False, "stores": False},
    "no-cache": {"reads": False},
    "no-store": {"stores": False},
    "only-if-cached": {"asks": False},
    "refresh": {"reads": False},
}
_SECONDS: Final = {"max-age": "max_age", "stale-if-error": "stale_if_error", "ttl": "ttl"}


def controls_in(values: Iterable[str], start: Controls = LIVE) -> Controls:
    """What these headers' values ask for. Directives that are not ours are passed over, as the RFC has it; raises
    `InvalidArgumentError` where one of ours has no number of seconds.
    """
    controls = start
    for value in values:
        for name, quoted, plain in _DIRECTIVE.findall(value):
            directive = name.lower()
            if directive in _FLAGS:
                controls = replace(controls, **_FLAGS[directive])
            elif directive in _SECONDS:
                seconds: dict[str, Any] = {_SECONDS[directive]: _seconds(directive, quoted or plain)}
                controls = replace(controls, **seconds)
    return controls


def _seconds(directive: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    least_is_excluded = directive == "ttl"
    if not 0 <= seconds < 1e10 or (least_is_excluded and not seconds):
        raise InvalidArgumentError(f"{directive} must be a number of seconds, got {value!r}; write {directive}=60")
    return seconds
