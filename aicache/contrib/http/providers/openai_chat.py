"""OpenAI's chat completions, and what answers like them: most providers and servers do under some base URL."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.extraction import openai_tokens
from aicache.contrib.http.plain import items, object_of, parsed, text, under
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

    def whole(self, body: Any) -> None:
        """Read one completion."""
        self._read(body, "message")
        self.is_whole = self._all_ended

    def event(self, name: str, data: str) -> None:
        """Read one chunk."""
        if self._has_text and _is_more_text(data):
            return
        if data.startswith("[DONE]"):
            self.is_whole = self._all_ended
        elif name == "error":
            self.faults.add("error")
        else:
            self._read(parsed(data), "delta")

    def _read(self, body: Any, part: str) -> None:
        plain = object_of(body)
        if plain.get("error"):
            self.faults.add("error")
        if self.model is None:
            self.model = text(plain.get("model"))
        usage = object_of(plain.get("usage"))
        if usage:
            self.tokens = openai_tokens(usage)
        for choice in items(plain.get("choices")):
            self._choice(choice.get("index"), choice.get("finish_reason"), object_of(choice.get(part)))

    def _choice(self, who: object, end: object, message: dict[str, Any]) -> None:
        self.says(who, message.get("content") or message.get("audio"))
        if end is None:
            self._ends.setdefault(who, None)
        else:
            self._ends[who] = text(end)
            if end != "stop":
                self.faults.add(_ENDS.get(str(end), "unfinished"))
        if len(message) == 1 and "content" in message:  # as nearly all chunks are
            return
        if message.get("refusal"):
            self.faults.add("refusal")
        if message.get("annotations"):  # a search's citations
            self.faults.add("hosted_tools")
        for at, call in enumerate(items(message.get("tool_calls"))):
            self.calls(who, call.get("index", at), under(call, "function", "arguments"))
        if isinstance(message.get("function_call"), dict):
            self.calls(who, "function", under(message, "function_call", "arguments"))


def _is_more_text(data: str) -> bool:
    """Whether a chunk says nothing new once there is some text; seen without parsing it, since most chunks are such.

    Each has to pass here, so there is no loop: that takes twice as long. A call of a tool or a function has `_call` in
    its name, a usage `_tokens`; a text that has one, too, is parsed for nothing.
    """
    return (
        ('"finish_reason":null' in data or '"finish_reason": null' in data)
        and "_call" not in data
        and "_tokens" not in data
        and '"refusal"' not in data
        and '"annotations"' not in data
        and '"error"' not in data
        and data.endswith("}")
    )


def _asks(body: dict[str, Any]) -> Asked:
    refused = "state" if body.get("store") is True else "hosted_tools" if _looks_up(body) else None
    return Asked(body.get("temperature"), body.get("seed") is not None, refused=refused)


def _looks_up(body: dict[str, Any]) -> bool:
    if body.get("web_search_options") is not None or "-search-" in str(body.get("model")):
        return True
    tools = items(body.get("tools"))
    return bool(tools) and any(tool.get("type") not in _OWN_TOOLS for tool in tools)


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
