"""OpenAI's chat completions, and what answers like them: most providers and servers do under some base URL."""

from __future__ import annotations

from typing import Any, Final

from aicache.contrib.http.plain import items, number, object_of, parsed, text, under
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule

__all__ = ["CHAT", "OPENAI_HEADERS", "OPENAI_VOLATILE", "ChatReader"]

OPENAI_HEADERS: Final = ("openai-beta",)
OPENAI_VOLATILE: Final = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
_ENDS: Final = {
    "content_filter": "filtered",
    "function_call": "tool_calls",
    "length": "truncated",
    "tool_calls": "tool_calls",
}
_OWN_TOOLS: Final = frozenset({"custom", "function"})


class ChatReader(Reader):
    """Reads `chat.completion` and its chunks."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[object, str | None] = {}

    def whole(self, body: Any) -> None:
        """Read one completion."""
        self._read(body, "message")
        self.is_whole = bool(self._ends) and None not in self._ends.values()

    def event(self, name: str, data: str) -> None:
        """Read one chunk."""
        if data.startswith("[DONE]"):
            self.is_whole = bool(self._ends) and None not in self._ends.values()
        elif name == "error":
            self.faults.add("error")
        else:
            self._read(parsed(data), "delta")

    def _read(self, body: Any, part: str) -> None:
        if under(body, "error"):
            self.faults.add("error")
        self.model = text(under(body, "model")) or self.model
        usage = object_of(under(body, "usage"))
        if usage:
            cached = number(under(usage, "prompt_tokens_details", "cached_tokens"))
            self.tokens = number(usage.get("prompt_tokens")), number(usage.get("completion_tokens")), cached
        for choice in items(under(body, "choices")):
            self._choice(choice.get("index"), choice.get("finish_reason"), object_of(choice.get(part)))

    def _choice(self, who: object, end: object, message: dict[str, Any]) -> None:
        self.says(who, message.get("content") or message.get("audio"))
        self._ends[who] = text(end) or self._ends.get(who)
        if isinstance(end, str) and end != "stop":
            self.faults.add(_ENDS.get(end, "unfinished"))
        if message.get("refusal"):
            self.faults.add("refusal")
        if message.get("annotations"):  # a search's citations
            self.faults.add("hosted_tools")
        for at, call in enumerate(items(message.get("tool_calls"))):
            self.calls(who, call.get("index", at), under(call, "function", "arguments"))
        if isinstance(message.get("function_call"), dict):
            self.calls(who, "function", under(message, "function_call", "arguments"))


def _asks(body: dict[str, Any]) -> Asked:
    refused = "state" if body.get("store") is True else "hosted_tools" if _looks_up(body) else None
    return Asked(body.get("temperature"), body.get("seed") is not None, refused=refused)


def _looks_up(body: dict[str, Any]) -> bool:
    if body.get("web_search_options") is not None or "-search-" in str(body.get("model")):
        return True
    return any(tool.get("type") not in _OWN_TOOLS for tool in items(body.get("tools")))


CHAT: Final = Rule(
    name="openai.chat",
    provider="openai",
    operation="chat",
    path="/chat/completions",
    reader=ChatReader,
    asks=_asks,
    volatile=OPENAI_VOLATILE,
    headers=OPENAI_HEADERS,
)
