"""OpenAI's responses."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.extraction import openai_tokens
from aicache.contrib.http.plain import items, object_of, parsed, text, under
from aicache.contrib.http.providers.openai_chat import OPENAI_HEADERS, OPENAI_VOLATILE
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule

__all__ = ["RESPONSES", "ResponsesReader"]

_LAST: Final = frozenset({"response.cancelled", "response.completed", "response.failed", "response.incomplete"})
_WHY: Final = {"content_filter": "filtered", "max_output_tokens": "truncated"}
_OWN_TOOLS: Final = frozenset({"custom", "function"})
_STATE: Final = ("conversation", "previous_response_id")


class ResponsesReader(Reader):
    """Reads a `response`, which the last event of a stream has whole."""

    def whole(self, body: Any) -> None:
        """Read one response."""
        status = under(body, "status")
        self.is_whole = status in ("completed", "failed", "incomplete")
        if under(body, "error") or status == "failed":
            self.faults.add("error")
        if status == "incomplete" or under(body, "incomplete_details"):
            self.faults.add(_WHY.get(under(body, "incomplete_details", "reason"), "unfinished"))
        self.model = text(under(body, "model")) or self.model
        self.tokens = openai_tokens(object_of(under(body, "usage")))
        for at, item in enumerate(items(under(body, "output"))):
            self._item(at, item)

    def event(self, name: str, data: str) -> None:
        """Read one event; all but the last are of no interest."""
        if name and name not in _LAST and name != "error":
            return
        event = parsed(data)
        kind = name or under(event, "type")
        if kind in _LAST:
            self.whole(under(event, "response"))
        elif kind == "error" or under(event, "error"):
            self.faults.add("error")

    def _item(self, at: int, item: dict[str, Any]) -> None:
        kind = item.get("type")
        if kind == "message":
            for part in items(item.get("content")):
                self.says(0, part.get("text"))
                if part.get("type") == "refusal":
                    self.faults.add("refusal")
        elif kind == "function_call":
            self.calls(0, at, item.get("arguments"))
        elif kind == "custom_tool_call":
            self.calls(0, at, "")
        elif kind != "reasoning":
            self.faults.add("hosted_tools")


def _asks(body: dict[str, Any]) -> Asked:
    refused = None
    if body.get("background"):
        refused = "background"
    elif _has_state(body):
        refused = "state"
    elif any(tool.get("type") not in _OWN_TOOLS for tool in items(body.get("tools"))):
        refused = "hosted_tools"
    return Asked(body.get("temperature"), refused=refused)


def _has_state(body: dict[str, Any]) -> bool:
    """Whether what is asked, or what comes of it, lies with the provider: a template without a version does, too."""
    if body.get("store") is True or any(body.get(name) is not None for name in _STATE):
        return True
    if any(item.get("type") == "item_reference" for item in items(body.get("input"))):
        return True
    return body.get("prompt") is not None and under(body, "prompt", "version") is None


RESPONSES: Final = Rule(
    name="openai.responses",
    provider="openai",
    operation="responses",
    path="/responses",
    reader=ResponsesReader,
    asks=_asks,
    volatile=OPENAI_VOLATILE,
    headers=OPENAI_HEADERS,
)
