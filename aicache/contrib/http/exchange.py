"""One request to a provider with what is learned of its answer as it passes. It decides; the transports await."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.usage import Usage
from aicache.contrib.http.events import Events
from aicache.contrib.http.heads import Head, RawHeader, kept_headers, passed_headers, usage_chunk
from aicache.contrib.http.plain import parsed
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule
from aicache.contrib.http.storing import StorePolicy, Verdict

__all__ = ["Exchange"]

_NO_HEAD: Final = Head(0, [], 0.0)
_NEVER_KEPT: Final = ("error", "unreadable", "aborted")
_STREAM: Final = b"text/event-stream"
_NO_ANSWER: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class Exchange:
    """What a request asked and what has been seen of its answer.

    `keeps_all`: whether every whole answer is kept, whatever `store` says. `response`: the library's own, once the
    provider has answered. `is_encoded`: whether its body comes compressed. `has_ended`: an event was seen after which
    nothing comes, so that nothing is missing if no more is read. `has_failed`: it answered with an error, or not at
    all. `is_left`: who asked has gone, having seen the end. `usage`: what the call used; None before the end.
    """

    __slots__ = (
        "_asked", "_body", "_events", "_keeps_all", "_reader", "_rule", "_store", "has_ended", "has_failed", "head",
        "is_encoded", "is_left", "response", "usage",
    )  # fmt: skip

    def __init__(self, rule: Rule, asked: Asked, store: StorePolicy, *, keeps_all: bool) -> None:
        self._rule = rule
        self._asked = asked
        self._store = store
        self._keeps_all = keeps_all
        self._events: Events | None = None
        self.head = _NO_HEAD
        self.response: Any = None
        self.is_encoded = False
        self.has_ended = False
        self.has_failed = False
        self.is_left = False
        self.usage: Usage | None = None

    def begin(self, response: Any, created: float) -> None:
        """The answer has begun, to what was asked at `created`, in seconds since the epoch."""
        raw = response.headers.raw
        self.response = response
        self.is_encoded = b"content-encoding" in [name.lower() for name, _ in raw]
        self.play(Head(response.status_code, kept_headers(raw), created))

    def play(self, head: Head) -> None:
        """An answer with this head has begun, which may be one that was kept."""
        self.head = head
        self._reader: Reader = self._rule.reader()  # not before: most requests are answered without one
        self._body: list[bytes] = []
        if dict(head.headers).get(b"content-type", b"").startswith(_STREAM):
            self._events = Events()

    @property
    def passed(self) -> list[RawHeader]:
        """The headers of the response for who asked himself."""
        return passed_headers(self.response.headers.raw, was_encoded=self.is_encoded)

    @property
    def is_error(self) -> bool:
        """Whether the provider answered with a status that is an error, and is not kept."""
        return self.head.status >= 400 and (self._keeps_all or self.head.status not in self._store.negative_ttls)

    def feed(self, chunk: bytes) -> None:
        """A chunk of the body has come."""
        if self._events is None:
            self._body.append(chunk)
            return
        reader = self._reader
        try:
            for name, data in self._events.feed(chunk):
                reader.event(name, data)
        except _NO_ANSWER:
            reader.faults.add("unreadable")
        self.has_ended = (reader.is_whole or "error" in reader.faults) and reader.has_last_event

    def end(self, first: float | None, total: float) -> str:
        """The body has come to its end; returns the last chunk, with what the call used. `first`, `total`: seconds to
        the first byte of the body and to the end.
        """
        reader = self._reader
        if self.head.status == 200:
            try:
                if self._events is None:
                    reader.whole(parsed(b"".join(self._body)))
                reader.end()
            except _NO_ANSWER:
                reader.faults.add("unreadable")
        came, went, cached = reader.tokens
        self.usage = Usage(
            input_tokens=came,
            output_tokens=went,
            cached_input_tokens=cached,
            model=reader.model,
            provider=self._rule.provider,
            first_token_seconds=first,
            total_seconds=total,
            created=self.head.asked,
        )
        return usage_chunk(self.usage)

    def verdict(self) -> Verdict:
        """What becomes of the answer, now that it has ended."""
        if not self._keeps_all:
            return self._store.answered(self._asked, self.head.status, self._reader.faults)
        if self.head.status != 200:
            return Verdict("skip", reason="status")
        worst = [fault for fault in _NEVER_KEPT if fault in self._reader.faults]
        return Verdict("skip", reason=worst[0]) if worst else Verdict("store")
