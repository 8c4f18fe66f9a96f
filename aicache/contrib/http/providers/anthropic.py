"""Anthropic's messages."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.extraction import anthropic_tokens
from aicache.contrib.http.plain import items, number, object_of, parsed, text, under
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule

__all__ = ["MESSAGES", "MessagesReader"]

_GOOD: Final = frozenset({"end_turn", "stop_sequence"})
_ENDS: Final = {
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "refusal": "refusal",
    "tool_use": "tool_calls",
}
_QUIET: Final = frozenset({"redacted_thinking", "thinking"})


class MessagesReader(Reader):
    """Reads a `message` and its events."""

    def __init__(self) -> None:
        super().__init__()
        self._usage: dict[str, Any] = {}
        self._end: str | None = None

    def whole(self, body: Any) -> None:
        """Read one message."""
        if under(body, "type") == "error" or under(body, "error"):
            self.faults.add("error")
        self._started(body)
        for at, block in enumerate(items(under(body, "content"))):
            self._block(at, block)
        self._ended(under(body, "stop_reason"))
        self.is_whole = self._end is not None

    def event(self, name: str, data: str) -> None:
        """Read one event."""
        if name == "content_block_delta" and self._has_text and '"text_delta"' in data and data.endswith("}"):
            return  # more text, as most events are: seen without parsing it
        event = parsed(data)
        kind = under(event, "type") or name
        if kind == "content_block_delta":
            self._delta(event.get("index"), object_of(event.get("delta")))
        elif kind == "content_block_start":
            self._block(event.get("index"), object_of(event.get("content_block")))
        elif kind == "message_start":
            self._started(event.get("message"))
        elif kind == "message_delta":
            self._used(event.get("usage"))
            self._ended(under(event, "delta", "stop_reason"))
        elif kind == "message_stop":
            self.is_whole = self._end is not None
        elif kind == "error":
            self.faults.add("error")

    def _started(self, message: object) -> None:
        self.says(0, something=False)
        self.model = text(under(message, "model"))
        self._used(under(message, "usage"))

    def _used(self, usage: object) -> None:
        self._usage.update({name: count for name, count in object_of(usage).items() if number(count) is not None})
        self.tokens = anthropic_tokens(self._usage)

    def _ended(self, reason: object) -> None:
        self._end = text(reason) or self._end
        if isinstance(reason, str) and reason not in _GOOD:
            self.faults.add(_ENDS.get(reason, "unfinished"))

    def _block(self, at: object, block: dict[str, Any]) -> None:
        kind = block.get("type")
        if kind == "text":
            self.says(0, block.get("text"))
        elif kind == "tool_use":
            self.calls(0, at, "")
            if not isinstance(block.get("input", {}), dict):
                self.faults.add("arguments")
        elif kind not in _QUIET:
            self.faults.add("hosted_tools")

    def _delta(self, at: object, delta: dict[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self.says(0, delta.get("text"))
        elif kind == "input_json_delta" and "tool_calls" in self.faults:
            self.calls(0, at, delta.get("partial_json"))


def _asks(body: dict[str, Any]) -> Asked:
    refused = None
    if body.get("container") is not None:
        refused = "state"
    elif body.get("mcp_servers") or any(tool.get("type", "custom") != "custom" for tool in items(body.get("tools"))):
        refused = "hosted_tools"
    return Asked(body.get("temperature"), refused=refused)


MESSAGES: Final = Rule(
    name="anthropic.messages",
    provider="anthropic",
    operation="messages",
    path="/messages",
    reader=MessagesReader,
    asks=_asks,
    volatile=frozenset({"metadata", "service_tier"}),
    headers=("anthropic-beta", "anthropic-version"),
)
