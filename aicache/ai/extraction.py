"""Finds in a provider's answer what it says it used: OpenAI, Anthropic, Gemini, and what is compatible with these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aicache.ai.usage import Usage

__all__ = ["NO_TOKENS", "Tokens", "anthropic_tokens", "gemini_tokens", "openai_tokens", "usage_of"]


class Tokens(NamedTuple):
    """What one call used, as `Usage` counts it. None: the provider does not say; it never stands for zero.

    `input`: all that went in, what the provider had in its own prompt cache included. `output`: all that came out,
    reasoning included. `cached`: how much of `input` the provider had in its cache.
    """

    input: int | None
    output: int | None
    cached: int | None


NO_TOKENS: Final = Tokens(None, None, None)


def usage_of(response: object) -> Usage | None:
    """What a dict of a provider's answer says of tokens and model; None where it says nothing that is known here.

    Only what is said is taken: nothing is estimated, and what is left out stays None.
    """
    answer = _mapping(response)
    if answer is None:
        return None
    usage = _mapping(answer.get("usage"))
    gemini = _mapping(answer.get("usageMetadata")) or _mapping(answer.get("usage_metadata"))
    provider: str | None = None
    if usage is not None and _count(usage, *_ANTHROPIC_ONLY) is not None:
        found, provider = anthropic_tokens(usage), "anthropic"
    elif usage is not None:
        found = openai_tokens(usage)
    elif gemini is not None:
        found, provider = gemini_tokens(gemini), "google"
    else:
        return None
    if found.input is None and found.output is None:
        return None
    return Usage(
        input_tokens=found.input,
        output_tokens=found.output,
        cached_input_tokens=found.cached,
        model=_text(answer, "model", "modelVersion", "model_version"),
        provider=provider,
    )


def openai_tokens(usage: Mapping[str, Any]) -> Tokens:
    """What the `usage` of a chat completion, a response or embeddings says, and of whatever is compatible with them."""
    given, made = _count(usage, "prompt_tokens", "input_tokens"), _count(usage, "completion_tokens", "output_tokens")
    details = _mapping(usage.get("prompt_tokens_details")) or _mapping(usage.get("input_tokens_details")) or {}
    if made is None and given is not None and _count(usage, "total_tokens") == given:
        made = 0  # an embedding: all that it used is input
    return Tokens(given, made, _count(details, "cached_tokens"))


def anthropic_tokens(usage: Mapping[str, Any]) -> Tokens:
    """What the `usage` of a message says, in which the input does not include what was read from or written to the
    prompt cache.
    """
    given, made = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    return Tokens(None if given is None else given + (read or 0) + (written or 0), made, read)


def gemini_tokens(usage: Mapping[str, Any]) -> Tokens:
    """What the `usageMetadata` of Gemini says, in the spelling of its API or of its SDK. Thoughts and the answers of
    tools are counted beside output and prompt there; a blocked answer may have thoughts only.
    """
    given = _count(usage, "promptTokenCount", "prompt_token_count")
    made = _count(usage, "candidatesTokenCount", "candidates_token_count")
    thought = _count(usage, "thoughtsTokenCount", "thoughts_token_count")
    asked = _count(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count")
    cached = _count(usage, "cachedContentTokenCount", "cached_content_token_count")
    output = None if made is None and thought is None else (made or 0) + (thought or 0)
    return Tokens(None if given is None else given + (asked or 0), output, cached)


_ANTHROPIC_ONLY: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")


def _mapping(value: object) -> Mapping[str, Any] | None:
    # A dict first, as it nearly always is: to ask for the other takes ten times as long. So it is of None.
    found: Any = value
    return found if value is not None and (isinstance(value, dict) or isinstance(value, Mapping)) else None  # noqa: SIM101


def _count(fields: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value: object = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _text(fields: Mapping[str, Any], *names: str) -> str | None:
    found = (fields.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), None)
