"""What the loopback provider says, in the words of each API it speaks: as one body, or event by event.

How an answer ends is written in the model's name, as in "m-length": see `ENDS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

__all__ = [
    "ENDS",
    "Said",
    "anthropic",
    "anthropic_events",
    "chat",
    "chat_events",
    "embeddings",
    "gemini",
    "gemini_events",
    "responses",
    "responses_events",
    "said",
]

ENDS: Final = ("length", "filter", "refusal", "tools", "badtools", "empty", "error", "search", "paused")
_ARGUMENTS: Final = '{"city": "Zürich"}'


class Said(NamedTuple):
    """What there is to say: `words`, and the name of the `end`, "" for a good one."""

    model: str
    words: list[str]
    end: str

    @property
    def text(self) -> str:
        """The words as one text."""
        return "".join(self.words)

    @property
    def arguments(self) -> str:
        """What a tool is called with."""
        return _ARGUMENTS[:-3] if self.end == "badtools" else _ARGUMENTS

    @property
    def calls(self) -> bool:
        """Whether a tool is called."""
        return self.end in ("tools", "badtools")


def said(model: str, number: int) -> Said:
    """What the provider says to its `number`th request."""
    end = next((end for end in ENDS if model.endswith(f"-{end}")), "")
    words = [] if end in ("empty", "tools", "badtools", "refusal") else ["Answer", f" {number}", ": ☃", " is", " snow."]
    return Said(model, words, end)


def _sse(body: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


# -- OpenAI's chat completions

_CHAT_ENDS: Final = {"length": "length", "filter": "content_filter", "tools": "tool_calls", "badtools": "tool_calls"}
_CHAT_USAGE: Final = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
}


def _chat(what: Said, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": f"{what.model}-2026", **more}


def chat(what: Said) -> dict[str, Any]:
    """A chat completion."""
    if what.end == "error":
        return {"error": {"message": "it broke", "type": "server_error", "code": None, "param": None}}
    message: dict[str, Any] = {"role": "assistant", "content": what.text or None}
    if what.end == "refusal":
        message["refusal"] = "I will not."
    if what.calls:
        function = {"name": "weather", "arguments": what.arguments}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": _CHAT_ENDS.get(what.end, "stop"), "logprobs": None}
    return _chat(what, "chat.completion", choices=[choice], usage=_CHAT_USAGE)


def chat_events(what: Said) -> Iterator[bytes]:
    """The same in chunks."""

    def chunk(delta: dict[str, Any], end: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": end}]
        return _sse(_chat(what, "chat.completion.chunk", choices=choices))

    yield chunk({"role": "assistant", "content": ""})
    for word in what.words:
        yield chunk({"content": word})
    if what.end == "error":
        yield _sse(chat(what))
        return
    if what.end == "refusal":
        yield chunk({"refusal": "I will not."})
    if what.calls:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather"}}]})
        for part in (what.arguments[:4], what.arguments[4:]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    yield chunk({}, _CHAT_ENDS.get(what.end, "stop"))
    yield _sse(_chat(what, "chat.completion.chunk", choices=[], usage=_CHAT_USAGE))
    yield b"data: [DONE]\n\n"


# -- OpenAI's responses


def responses(what: Said) -> dict[str, Any]:
    """A response."""
    content: list[dict[str, Any]] = [{"type": "output_text", "text": what.text, "annotations": []}]
    if what.end == "refusal":
        content = [{"type": "refusal", "refusal": "I will not."}]
    output: list[dict[str, Any]] = [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    ]
    if what.calls:
        call = {"call_id": "call_1", "name": "weather", "arguments": what.arguments, "status": "completed"}
        output = [{"type": "function_call", "id": "fc_1", **call}]
    if what.end == "search":
        output.insert(0, {"type": "web_search_call", "id": "ws_1", "status": "completed"})
    why = {"length": "max_output_tokens", "filter": "content_filter"}.get(what.end)
    failed = {"code": "server_error", "message": "it broke"} if what.end == "error" else None
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": f"{what.model}-2026",
        "status": "failed" if failed else "incomplete" if why else "completed",
        "error": failed,
        "incomplete_details": {"reason": why} if why else None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 3},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 18,
        },
    }


def responses_events(what: Said) -> Iterator[bytes]:
    """The same in events."""
    whole = responses(what)
    numbers = iter(range(10_000))

    def event(kind: str, **more: Any) -> bytes:
        return _sse({"type": kind, "sequence_number": next(numbers), **more}, kind)

    begun: dict[str, Any] = {
        **whole,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "error": None,
        "incomplete_details": None,
    }
    yield event("response.created", response=begun)
    if what.words:
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        started: dict[str, Any] = {**whole["output"][-1], "status": "in_progress", "content": []}
        empty: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
        yield event("response.output_item.added", output_index=0, item=started)
        yield event("response.content_part.added", **place, part=empty)
        for word in what.words:
            yield event("response.output_text.delta", **place, delta=word, logprobs=[])
    yield event(f"response.{whole['status']}", response=whole)


# -- OpenAI's embeddings


def embeddings(what: Said, texts: int) -> dict[str, Any]:
    """A list of vectors."""
    data = [{"object": "embedding", "index": at, "embedding": [0.25, at + 0.5]} for at in range(texts)]
    data = [] if what.end == "empty" else data
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "model": f"{what.model}-2026", "data": data, "usage": usage}


# -- Anthropic's messages

_MESSAGE_ENDS: Final = {
    "length": "max_tokens",
    "refusal": "refusal",
    "tools": "tool_use",
    "badtools": "tool_use",
    "paused": "pause_turn",
}
_BROKEN: Final = {"type": "error", "error": {"type": "overloaded_error", "message": "it broke"}}


def anthropic(what: Said) -> dict[str, Any]:
    """A message."""
    if what.end == "error":
        return _BROKEN
    content: list[dict[str, Any]] = [{"type": "text", "text": what.text}] if what.words else []
    if what.calls:
        content = [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}]
    if what.end == "search":
        content.insert(0, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{what.model}-2026",
        "content": content,
        "stop_reason": _MESSAGE_ENDS.get(what.end, "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3,
            "output_tokens": 7,
        },
    }


def anthropic_events(what: Said) -> Iterator[bytes]:
    """The same in events."""

    def event(kind: str, **more: Any) -> bytes:
        return _sse({"type": kind, **more}, kind)

    whole = anthropic(what)
    used = {"input_tokens": 6, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 1}
    begun: dict[str, Any] = {**anthropic(what._replace(end="")), "content": [], "stop_reason": None, "usage": used}
    yield event("message_start", message=begun)
    yield event("ping")
    if what.words:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in what.words:
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        yield event("content_block_stop", index=0)
    if what.end == "search":
        yield event("content_block_start", index=1, content_block=whole["content"][0])
        yield event("content_block_stop", index=1)
    if what.end == "error":
        yield _sse(_BROKEN, "error")
        return
    if what.calls:
        yield event("content_block_start", index=0, content_block={**whole["content"][0], "input": {}})
        for part in (what.arguments[:4], what.arguments[4:]):
            yield event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": part})
        yield event("content_block_stop", index=0)
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={"output_tokens": 7})
    yield event("message_stop")


# -- Gemini


def gemini(what: Said, words: list[str], *, is_last: bool = True) -> dict[str, Any]:
    """A response, or one of a stream."""
    if what.end == "error" and is_last:
        return {"error": {"code": 503, "message": "it broke", "status": "UNAVAILABLE"}}
    parts: list[dict[str, Any]] = [{"text": "".join(words)}] if words else []
    if what.calls and is_last:
        parts = [{"functionCall": {"name": "weather", "args": {"city": "Zürich"}}}]
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if is_last:
        ends = {"length": "MAX_TOKENS", "filter": "SAFETY", "badtools": "MALFORMED_FUNCTION_CALL"}
        candidate["finishReason"] = ends.get(what.end, "STOP")
    if what.end == "search" and is_last:
        candidate["groundingMetadata"] = {"webSearchQueries": ["snow"]}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "cachedContentTokenCount": 3}
    return {"candidates": [candidate], "modelVersion": f"{what.model}-2026", "usageMetadata": usage}


def gemini_events(what: Said) -> Iterator[bytes]:
    """A stream of responses."""
    for word in what.words:
        yield _sse(gemini(what, [word], is_last=False))
    yield _sse(gemini(what, []))
