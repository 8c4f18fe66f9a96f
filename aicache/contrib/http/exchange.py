"""One request to a provider with what is learned of its answer as it passes. It decides; the transports await."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.usage import Usage
from aicache.contrib.http.events import Events
from aicache.contrib.http.heads import Head, Header, as_texts, kept_headers, usage_chunk
from aicache.contrib.http.plain import parsed
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule
from aicache.contrib.http.storing import StorePolicy, Verdict

__all__ = ["Exchange"]

_NEVER_KEPT: Final = ("error", "unreadable", "aborted")
_STREAM: Final = "text/event-stream"
_NO_ANSWER: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class Exchange:
    """What a request asked and what has been seen of its answer.

    `keeps_all`: whether every whole answer is kept, whatever `store` says. `response`: the library's own, once the
    provider has answered, with `headers`. `has_failed`: it answered with an error, or not at all. `is_left`: who asked
    has gone, having seen the end.
    """

    __slots__ = (
        "_asked", "_body", "_events", "_keeps_all", "_reader", "_rule", "_store", "has_failed", "head", "headers",
        "is_left", "response",
    )  # fmt: skip

    def __init__(self, rule: Rule, asked: Asked, store: StorePolicy, *, keeps_all: bool) -> None:
        self._rule = rule
        self._asked = asked
        self._store = store
        self._keeps_all = keeps_all
        self._reader: Reader = rule.reader()
        self._events: Events | None = None
        self._body: list[bytes] = []
        self.head = Head(0, [], 0.0)
        self.headers: list[Header] = []
        self.response: Any = None
        self.has_failed = False
        self.is_left = False

    def begin(self, response: Any, created: float) -> None:
        """The answer has begun, to what was asked at `created`, in seconds since the epoch."""
        self.response = response
        self.headers = as_texts(response.headers.raw)
        self.play(Head(response.status_code, kept_headers(self.headers), created))

    def play(self, head: Head) -> None:
        """An answer with this head has begun, which may be one that was kept."""
        self.head = head
        if any(name == "content-type" and kind.startswith(_STREAM) for name, kind in head.headers):
            self._events = Events()

    @property
    def is_encoded(self) -> bool:
        """Whether the body comes compressed."""
        return any(name == "content-encoding" for name, _ in self.headers)

    @property
    def is_error(self) -> bool:
        """Whether the provider answered with a status that is an error, and is not kept."""
        return self.head.status >= 400 and (self._keeps_all or self.head.status not in self._store.negative_ttls)

    def feed(self, chunk: bytes) -> None:
        """A chunk of the body has come."""
        if self._events is None:
            self._body.append(chunk)
            return
        try:
            for name, data in self._events.feed(chunk):
                self._reader.event(name, data)
        except _NO_ANSWER:
            self._reader.faults.add("unreadable")

    @property
    def has_ended(self) -> bool:
        """Whether an event was seen after which nothing comes, so that nothing is missing if no more is read."""
        reader = self._reader
        return self._events is not None and (reader.is_whole or "error" in reader.faults) and reader.has_last_event

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
        usage = Usage(
            input_tokens=came,
            output_tokens=went,
            cached_input_tokens=cached,
            model=reader.model,
            provider=self._rule.provider,
            first_token_seconds=first,
            total_seconds=total,
            created=self.head.asked,
        )
        return usage_chunk(usage)

    def verdict(self) -> Verdict:
        """What becomes of the answer, now that it has ended."""
        if not self._keeps_all:
            return self._store.answered(self._asked, self.head.status, self._reader.faults)
        if self.head.status != 200:
            return Verdict("skip", reason="status")
        worst = [fault for fault in _NEVER_KEPT if fault in self._reader.faults]
        return Verdict("skip", reason=worst[0]) if worst else Verdict("store")
