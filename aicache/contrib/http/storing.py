"""Which requests may be answered from the cache, and which answers may be stored: pure functions of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, cast

from aicache.contrib.http.reading import FAULTS
from aicache.contrib.http.rules import Asked
from aicache.errors import InvalidArgumentError, InvalidTypeError
from aicache.options import UNSET, Ttl, check_ttl

__all__ = ["Sampling", "StorePolicy", "Verdict"]

Sampling = Literal["deterministic", "unset", "always"]


class Verdict(NamedTuple):
    """What becomes of an answer: it is stored, or skipped for a `reason`, or is an error that is stored for a while.

    `ttl`: seconds; None: no expiry; `UNSET`: what the transport or the cache's policy says.
    """

    kind: Literal["store", "skip", "negative"]
    ttl: Ttl = UNSET
    reason: str | None = None


_STORE: Final = Verdict("store")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePolicy:
    """What is answered from the cache and stored there.

    `sampling`: which requests may be, by their temperature, unless they name a seed. "unset", the default: those that
    name none, or 0, since one above 0 asks for variety; "deterministic": those that name 0 only; "always": all.
    `samples`: how many different answers are kept of a request that `sampling` leaves out; they are handed out in
    turn. 1, the default: none is, such a request is not answered from the cache.
    `cache_tool_calls`: whether an answer that asks for a tool to be called is stored.
    `hosted_tools_ttl`: seconds that an answer with what the provider looked up or ran may be kept; None, the default:
    it is not stored.
    `negative_ttls`: seconds that an answer is kept whose status is an error, by the status; by default none is.

    Raises `InvalidArgumentError` and `InvalidTypeError` where these make no sense.
    """

    sampling: Sampling = "unset"
    samples: int = 1
    cache_tool_calls: bool = False
    hosted_tools_ttl: float | None = None
    negative_ttls: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.sampling not in ("deterministic", "unset", "always"):
            raise InvalidArgumentError(f'sampling must be "deterministic", "unset" or "always", got {self.sampling!r}')
        if not isinstance(cast(object, self.samples), int) or isinstance(self.samples, bool):
            raise InvalidTypeError(f"samples must be a whole number of answers, got {self.samples!r}")
        if self.samples < 1:
            raise InvalidArgumentError(f"samples must be at least 1, got {self.samples!r}")
        if self.hosted_tools_ttl is not None:
            check_ttl(self.hosted_tools_ttl, "hosted_tools_ttl")
        for status, ttl in self.negative_ttls.items():
            if check_ttl(ttl, f"negative_ttls[{status!r}]") is None:
                raise InvalidArgumentError(f"negative_ttls[{status!r}] must be seconds, got {ttl!r}; an error passes")

    def asked(self, asked: Asked) -> str | None:
        """Why a request must not be answered from the cache, whatever the answer; None: it may be."""
        if asked.refused == "hosted_tools" and self.hosted_tools_ttl is not None:
            return None
        if asked.refused is not None:
            return asked.refused
        return "sampling" if self.samples == 1 and self.varies(asked) else None

    def varies(self, asked: Asked) -> bool:
        """Whether a request asks for variety, by `sampling`."""
        if self.sampling == "always" or asked.is_fixed or asked.is_seeded:
            return False
        temperature = asked.temperature
        if temperature is None:
            return self.sampling == "deterministic"
        return temperature != 0

    def answered(self, asked: Asked, status: int, faults: set[str]) -> Verdict:
        """What becomes of an answer that has ended, with what is wrong with it."""
        if status != 200:
            ttl = self.negative_ttls.get(status)
            return Verdict("skip", reason="status") if ttl is None else Verdict("negative", ttl, "status")
        if not faults and asked.refused is None:
            return _STORE  # as nearly all are
        allowed = self._allowed()
        worst = next((fault for fault in FAULTS if fault in faults and fault not in allowed), None)
        if worst is not None:
            return Verdict("skip", reason=worst)
        if asked.refused == "hosted_tools" or "hosted_tools" in faults:
            return Verdict("store", self.hosted_tools_ttl)
        return _STORE

    def _allowed(self) -> set[str]:
        allowed = {"tool_calls"} if self.cache_tool_calls else set[str]()
        return allowed if self.hosted_tools_ttl is None else allowed | {"hosted_tools"}
