"""One request to a provider with what is learned of its answer as it passes. It decides; the transports await."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aicache._kernel.outcomes import Skip, Store
from aicache.ai.usage import Usage
from aicache.contrib.http.events import Events
from aicache.contrib.http.heads import Head, body_of
from aicache.contrib.http.plain import parsed
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule
from aicache.contrib.http.storing import StorePolicy, Verdict

__all__ = ["Exchange", "usage_in"]

_NEVER_KEPT: Final = frozenset({"aborted", "error", "unreadable"})
_STREAM: Final = "text/event-stream"


class Exchange:
    """What a request asked and what has been seen of its answer.

    `keeps_all`: whether every whole answer is kept, whatever `store` says. `response`: the library's own, once the
    provider was asked. `is_left`: whether who asked has gone, having seen the end.
    """

    __slots__ = ("_asked", "_events", "_keeps_all", "_reader", "_rule", "_store", "head", "is_left", "response")

    def __init__(self, rule: Rule, asked: Asked, store: StorePolicy, *, keeps_all: bool) -> None:
        self._rule = rule
        self._asked = asked
        self._store = store
        self._keeps_all = keeps_all
        self._reader: Reader = rule.reader()
        self._events: Events | None = None
        self.head: Head = Head(0, [])
        self.response: Any = None
        self.is_left = False

    def begin(self, response: Any, head: Head, kind: str) -> None:
        """The answer has begun; `kind`: its content type."""
        self.response = response
        self.head = head
        if head.status == 200 and kind.startswith(_STREAM):
            self._events = Events()

    def feed(self, chunk: bytes) -> None:
        """A chunk of the body has come."""
        if self._events is None or "unreadable" in self._reader.faults:
            return
        try:
            for name, data in self._events.feed(chunk):
                self._reader.event(name, data)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
            self._reader.faults.add("unreadable")

    @property
    def has_ended(self) -> bool:
        """Whether its last event was seen, so that nothing is missing although it was not read to its end."""
        return self._events is not None and self._reader.is_whole

    def verdict(self, chunks: Sequence[object]) -> Verdict:
        """What becomes of the answer, of which these are the chunks, now that it has ended well."""
        if self.head.status == 200:
            self._read_to_the_end(chunks)
        if not self._keeps_all:
            return self._store.answered(self._asked, self.head.status, self._reader.faults)
        if self.head.status != 200:
            return Verdict("skip", reason="status")
        worst = sorted(self._reader.faults & _NEVER_KEPT)
        return Verdict("skip", reason=worst[0]) if worst else Verdict("store")

    def keep(self, chunks: list[Any]) -> Any:
        """The verdict in the words of `TieredCache.stream`."""
        kind, ttl, reason = self.verdict(chunks)
        return Skip(chunks, reason or kind) if kind == "skip" else Store(chunks, ttl=ttl)

    def _read_to_the_end(self, chunks: Sequence[object]) -> None:
        reader = self._reader
        try:
            if self._events is None:
                reader.whole(parsed(b"".join(body_of(chunks))))
            reader.end()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
            reader.faults.add("unreadable")

    def usage(self, first: float | None, total: float, created: float) -> Usage:
        """What the call used; `first`, `total`: seconds to the first byte of the body and to the end."""
        came, went, cached = self._reader.tokens
        return Usage(
            input_tokens=came,
            output_tokens=went,
            cached_input_tokens=cached,
            model=self._reader.model,
            provider=self._rule.provider,
            first_token_seconds=first,
            total_seconds=total,
            created=created,
        )


def usage_in(chunks: Sequence[object]) -> Usage | None:
    """The usage that was kept with an answer; None where none was."""
    last = chunks[-1] if chunks else None
    return Usage.from_dict(last.get("usage")) if isinstance(last, dict) else None
