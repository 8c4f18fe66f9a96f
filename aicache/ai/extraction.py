"""Finds in a provider's answer what it says it used: OpenAI, Anthropic, Gemini, and what is compatible with these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aicache.ai.usage import Usage

__all__ = ["usage_of"]


def usage_of(response: object) -> Usage | None:
    """What a dict of a provider's answer says of tokens and model; None where it says nothing that is known here.

    Only what is said is taken: nothing is estimated, and what is left out stays None.
    """
    answer = _mapping(response)
    if answer is None:
        return None
    usage = _mapping(answer.get("usage"))
    gemini = _mapping(answer.get("usageMetadata")) or _mapping(answer.get("usage_metadata"))
    if usage is not None:
        found = _openai_or_anthropic(usage)
    elif gemini is not None:
        found = _gemini(gemini)
    else:
        return None
    given, made, cached, provider = found
    if given is None and made is None:
        return None
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cached_input_tokens=cached,
        model=_text(answer, "model", "modelVersion", "model_version"),
        provider=provider,
    )


def _openai_or_anthropic(usage: Mapping[str, Any]) -> tuple[int | None, int | None, int | None, str | None]:
    given, made = _count(usage, "prompt_tokens", "input_tokens"), _count(usage, "completion_tokens", "output_tokens")
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    if read is not None or written is not None:  # Anthropic counts these beside the input, the others within it
        return None if given is None else given + (read or 0) + (written or 0), made, read, "anthropic"
    details = _mapping(usage.get("prompt_tokens_details")) or _mapping(usage.get("input_tokens_details")) or {}
    if made is None and given is not None and _count(usage, "total_tokens") == given:
        made = 0  # an embedding: all that it used is input
    return given, made, _count(details, "cached_tokens"), None


def _gemini(usage: Mapping[str, Any]) -> tuple[int | None, int | None, int | None, str | None]:
    given = _count(usage, "promptTokenCount", "prompt_token_count")
    made = _count(usage, "candidatesTokenCount", "candidates_token_count")
    thought = _count(usage, "thoughtsTokenCount", "thoughts_token_count")
    asked = _count(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count")
    cached = _count(usage, "cachedContentTokenCount", "cached_content_token_count")
    output = None if made is None and thought is None else (made or 0) + (thought or 0)
    return None if given is None else given + (asked or 0), output, cached, "google"


def _mapping(value: object) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def _count(fields: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value: object = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _text(fields: Mapping[str, Any], *names: str) -> str | None:
    found = (fields.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), None)
