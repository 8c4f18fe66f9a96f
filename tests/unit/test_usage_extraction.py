"""Usage is found in what providers answer, as they count it, and nothing is made up; the transport finds the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aicache.ai.extraction import Tokens, usage_of
from aicache.ai.usage import Usage
from aicache.contrib.http.providers import PROVIDERS

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
ANTHROPIC_USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 40,
    "output_tokens": 7,
}
ANTHROPIC = {"type": "message", "model": "claude-sonnet-4-5", "usage": ANTHROPIC_USAGE}
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
BLOCKED = {"modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 50, "thoughtsTokenCount": 20}}
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
        (BLOCKED, Usage(input_tokens=50, output_tokens=20, model="gemini-2.5-pro", provider="google")),
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


READERS = {rule.name: rule.reader for rule in PROVIDERS}
WHOLE = [
    ("openai.chat", CHAT),
    ("openai.responses", RESPONSES),
    ("openai.embeddings", EMBEDDINGS),
    ("anthropic.messages", ANTHROPIC),
    ("gemini.generate", GEMINI),
    ("gemini.generate", BLOCKED),
    ("gemini.generate", {"usageMetadata": {"candidatesTokenCount": 2}}),
    ("openai.chat", {"usage": {"prompt_tokens": 3}}),
    ("anthropic.messages", {"usage": {"input_tokens": 3, "cache_creation_input_tokens": 4}}),
]


def counted(usage: Usage | None) -> Tokens:
    assert usage is not None
    return Tokens(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)


@pytest.mark.parametrize(("rule", "answer"), WHOLE)
def test_the_transport_reads_the_same_of_the_same_answer(rule: str, answer: dict[str, Any]) -> None:
    reader = READERS[rule]()
    reader.whole(answer)
    assert reader.tokens == counted(usage_of(answer))


@pytest.mark.parametrize(
    ("rule", "answer", "events"),
    [
        ("openai.chat", CHAT, [CHAT, {"choices": [], "usage": None}]),
        ("openai.responses", RESPONSES, [{"type": "response.completed", "response": RESPONSES}]),
        (
            "anthropic.messages",
            ANTHROPIC,
            [
                {"type": "message_start", "message": {**ANTHROPIC, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}},
                {"type": "message_delta", "usage": {"output_tokens": 7, "input_tokens": None}},
            ],
        ),
        ("gemini.stream", GEMINI, [{"usageMetadata": {"promptTokenCount": 50}}, GEMINI]),
    ],
)
def test_and_of_a_stream_of_it(rule: str, answer: dict[str, Any], events: list[dict[str, Any]]) -> None:
    reader = READERS[rule]()
    for event in events:
        reader.event("", json.dumps(event))
    assert reader.tokens == counted(usage_of(answer))
