"""Usage is found in what providers answer, as they count it, and nothing is made up."""

from __future__ import annotations

from typing import Any

import pytest

from aicache.ai.extraction import usage_of
from aicache.ai.usage import Usage

CHAT = {
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
    },
}
RESPONSES = {
    "object": "response",
    "model": "gpt-5",
    "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 87},
}
EMBEDDINGS = {"object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
ANTHROPIC = {
    "type": "message",
    "model": "claude-sonnet-4-5",
    "usage": {
        "input_tokens": 100,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 40,
        "output_tokens": 7,
    },
}
GEMINI = {
    "modelVersion": "gemini-2.5-pro",
    "usageMetadata": {
        "promptTokenCount": 50,
        "cachedContentTokenCount": 10,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 20,
        "toolUsePromptTokenCount": 3,
        "totalTokenCount": 78,
    },
}
GEMINI_OF_ITS_SDK = {"model_version": "g", "usage_metadata": {"prompt_token_count": 5, "candidates_token_count": 1}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CHAT, Usage(input_tokens=100, output_tokens=20, cached_input_tokens=64, model="gpt-4o-2024-08-06")),
        (RESPONSES, Usage(input_tokens=36, output_tokens=87, cached_input_tokens=0, model="gpt-5")),
        (EMBEDDINGS, Usage(input_tokens=8, output_tokens=0, model="text-embedding-3-small")),
        (
            ANTHROPIC,
            Usage(
                input_tokens=170,
                output_tokens=7,
                cached_input_tokens=40,
                model="claude-sonnet-4-5",
                provider="anthropic",
            ),
        ),
        (
            GEMINI,
            Usage(
                input_tokens=53,
                output_tokens=25,
                cached_input_tokens=10,
                model="gemini-2.5-pro",
                provider="google",
            ),
        ),
        (GEMINI_OF_ITS_SDK, Usage(input_tokens=5, output_tokens=1, model="g", provider="google")),
        ({"usage": {"output_tokens": 7}}, Usage(output_tokens=7)),
    ],
)
def test_it_is_found(answer: dict[str, Any], expected: Usage) -> None:
    assert usage_of(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "usage",
        [CHAT],
        {},
        {"usage": None},
        {"usage": "12"},
        {"usage": {}},
        {"usage": {"prompt_tokens": "12"}},
        {"usage": {"prompt_tokens": True, "completion_tokens": -1}},
        {"model": "m", "usage": {"disk": 3}},
        {"usageMetadata": {}},
    ],
)
def test_what_says_nothing_is_unknown(answer: object) -> None:
    assert usage_of(answer) is None


def test_a_model_that_is_no_text_is_unknown() -> None:
    assert usage_of({"model": 7, "usage": {"input_tokens": 1}}) == Usage(input_tokens=1)
