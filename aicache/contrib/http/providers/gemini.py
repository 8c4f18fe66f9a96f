"""Gemini's generateContent and streamGenerateContent, as Google AI and Vertex have them."""

from __future__ import annotations

from typing import Any, Final, cast

from aicache.ai.extraction import gemini_tokens
from aicache.contrib.http.plain import items, object_of, parsed, text, under
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule

__all__ = ["GENERATE", "STREAM_GENERATE", "GenerateReader"]

_ENDS: Final = {
    "BLOCKLIST": "filtered",
    "IMAGE_SAFETY": "filtered",
    "LANGUAGE": "filtered",
    "MALFORMED_FUNCTION_CALL": "arguments",
    "MAX_TOKENS": "truncated",
    "PROHIBITED_CONTENT": "filtered",
    "RECITATION": "filtered",
    "SAFETY": "filtered",
    "SPII": "filtered",
    "UNEXPECTED_TOOL_CALL": "arguments",
}
_OWN_TOOLS: Final = frozenset({"functionDeclarations", "function_declarations"})
_LOOKED_UP: Final = ("groundingMetadata", "urlContextMetadata")


class GenerateReader(Reader):
    """Reads a `GenerateContentResponse`, and a stream of them, which has no other end than each candidate's."""

    has_last_event = False

    def whole(self, body: Any) -> None:
        """Read one response; or a list, which a stream is where events were not asked for."""
        for response in items(cast("Any", body) if isinstance(body, list) else [body]):
            self._read(response)

    def event(self, name: str, data: str) -> None:
        """Read one response of a stream."""
        if name == "error":
            self.faults.add("error")
        self._read(parsed(data))

    def _read(self, body: Any) -> None:
        if under(body, "error"):
            self.faults.add("error")
        self.model = text(under(body, "modelVersion")) or self.model
        used = object_of(under(body, "usageMetadata"))
        if used:
            self.tokens = gemini_tokens(used)
        if under(body, "promptFeedback", "blockReason"):
            self.faults.add("filtered")
            self._ends[None] = "blocked"  # there is no candidate then
        for candidate in items(under(body, "candidates")):
            self._candidate(candidate.get("index", 0), candidate)
        self.is_whole = self._all_ended

    def _candidate(self, who: object, candidate: dict[str, Any]) -> None:
        end = text(candidate.get("finishReason"))
        self._ends[who] = end or self._ends.get(who)
        if end is not None and end != "STOP":
            self.faults.add(_ENDS.get(end, "unfinished"))
        if any(candidate.get(name) for name in _LOOKED_UP):
            self.faults.add("hosted_tools")
        self.says(who, something=False)
        for part in items(under(candidate, "content", "parts")):
            self.says(who, (part.get("text") and not part.get("thought")) or part.get("inlineData"))
            if "functionCall" in part:
                self.calls(who, None, "")
            if "executableCode" in part:
                self.faults.add("hosted_tools")


def _asks(body: dict[str, Any]) -> Asked:
    refused = None
    if body.get("cachedContent", body.get("cached_content")) is not None:  # both spellings are understood there
        refused = "state"
    elif any(tool.keys() - _OWN_TOOLS for tool in items(body.get("tools"))):
        refused = "hosted_tools"
    settings = object_of(body.get("generationConfig", body.get("generation_config")))
    return Asked(settings.get("temperature"), settings.get("seed") is not None, refused=refused)


def _rule(name: str, verb: str) -> Rule:
    return Rule(
        name=name,
        provider="google",
        operation="generate",
        path=rf"/models/[^/]+:{verb}",
        reader=GenerateReader,
        asks=_asks,
        volatile=frozenset({"labels"}),
    )


GENERATE: Final = _rule("gemini.generate", "generateContent")
STREAM_GENERATE: Final = _rule("gemini.stream", "streamGenerateContent")
