"""Each documented parameter of each provider's endpoints, with two values, neither of which is what is left out."""

from __future__ import annotations

from typing import Any

from .http_requests import ANTHROPIC, CHAT, GEMINI, OPENAI, user

__all__ = ["ENDPOINTS", "GENERATE", "GENERATION_SETTINGS", "MESSAGES", "VOLATILE"]

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CHAT_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "audio": ({"voice": "a", "format": "wav"}, {"voice": "b", "format": "wav"}),
    "frequency_penalty": (0.5, 1),
    "function_call": ("auto", "none"),
    "functions": ([{"name": "f"}], [{"name": "g"}]),
    "logit_bias": ({"1": 1}, {"1": 2}),
    "logprobs": (True, False),
    "max_completion_tokens": (5, 6),
    "max_tokens": (5, 6),
    "messages": (user("ho"), [{"role": "system", "content": "hi"}]),
    "modalities": (["text"], ["text", "audio"]),
    "model": ("n", "o"),
    "n": (2, 3),
    "parallel_tool_calls": (True, False),
    "prediction": ({"type": "content", "content": "a"}, {"type": "content", "content": "b"}),
    "presence_penalty": (0.5, 1),
    "reasoning_effort": ("low", "high"),
    "response_format": ({"type": "json_object"}, {"type": "text"}),
    "seed": (1, 2),
    "stop": ("a", ["a"]),
    "stream": (True, False),
    "stream_options": ({"include_usage": True}, {"include_usage": False}),
    "temperature": (0, 0.5),
    "tool_choice": ("auto", "required"),
    "tools": ([TOOL], [TOOL, TOOL]),
    "top_logprobs": (1, 2),
    "top_p": (0.1, 0.2),
    "verbosity": ("low", "high"),
    "web_search_options": ({}, {"search_context_size": "low"}),
    "top_k": (1, 2),  # of servers that answer like OpenAI
    "min_p": (0.1, 0.2),
    "extra": (None, {"nobody": "knows"}),
}
RESPONSES: dict[str, Any] = {"model": "m", "input": "hi"}
RESPONSES_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "include": (["reasoning.encrypted_content"], ["message.output_text.logprobs"]),
    "input": ("ho", user("hi")),
    "instructions": ("a", "b"),
    "max_output_tokens": (5, 6),
    "max_tool_calls": (1, 2),
    "model": ("n", "o"),
    "parallel_tool_calls": (True, False),
    "prompt": ({"id": "p", "version": "1"}, {"id": "p", "version": "2"}),
    "reasoning": ({"effort": "low"}, {"effort": "high"}),
    "stream": (True, False),
    "stream_options": ({"include_obfuscation": True}, {"include_obfuscation": False}),
    "temperature": (0, 0.5),
    "text": ({"verbosity": "low"}, {"verbosity": "high"}),
    "tool_choice": ("auto", "required"),
    "tools": ([{"type": "function", "name": "f"}], [{"type": "web_search"}]),
    "top_logprobs": (1, 2),
    "top_p": (0.1, 0.2),
    "truncation": ("auto", "disabled"),
}
EMBEDDINGS: dict[str, Any] = {"model": "m", "input": "hi"}
EMBEDDINGS_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "dimensions": (256, 512),
    "encoding_format": ("float", "base64"),
    "input": (["hi"], [1, 2]),
    "model": ("n", "o"),
}
MESSAGES: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": user("hi")}
MESSAGES_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "max_tokens": (10, 11),
    "mcp_servers": ([{"url": "https://a.test"}], [{"url": "https://b.test"}]),
    "messages": (user("ho"), user([{"type": "text", "text": "hi"}])),
    "model": ("n", "o"),
    "output_config": ({"effort": "low"}, {"effort": "high"}),
    "stop_sequences": (["a"], ["b"]),
    "stream": (True, False),
    "system": ("a", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
    "temperature": (0, 0.5),
    "thinking": ({"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}),
    "tool_choice": ({"type": "auto"}, {"type": "any"}),
    "tools": ([{"name": "f", "input_schema": {}}], [{"name": "g", "input_schema": {}}]),
    "top_k": (1, 2),
    "top_p": (0.1, 0.2),
}
GENERATE: dict[str, Any] = {"contents": [{"parts": [{"text": "hi"}]}]}
GENERATE_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "contents": ([{"parts": [{"text": "ho"}]}], [{"role": "user", "parts": [{"text": "hi"}]}]),
    "generationConfig": ({"temperature": 0}, {"temperature": 0.5}),
    "safetySettings": ([{"category": "a", "threshold": "b"}], [{"category": "a", "threshold": "c"}]),
    "systemInstruction": ({"parts": [{"text": "a"}]}, {"parts": [{"text": "b"}]}),
    "toolConfig": ({"functionCallingConfig": {"mode": "ANY"}}, {"functionCallingConfig": {"mode": "NONE"}}),
    "tools": ([{"functionDeclarations": [{"name": "f"}]}], [{"googleSearch": {}}]),
}
GENERATION_SETTINGS: dict[str, tuple[Any, Any]] = {
    "candidateCount": (1, 2),
    "frequencyPenalty": (0.1, 0.2),
    "logprobs": (1, 2),
    "maxOutputTokens": (5, 6),
    "mediaResolution": ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"),
    "presencePenalty": (0.1, 0.2),
    "responseLogprobs": (True, False),
    "responseMimeType": ("text/plain", "application/json"),
    "responseModalities": (["TEXT"], ["IMAGE"]),
    "responseSchema": ({"type": "STRING"}, {"type": "OBJECT"}),
    "seed": (1, 2),
    "speechConfig": ({"languageCode": "de"}, {"languageCode": "en"}),
    "stopSequences": (["a"], ["b"]),
    "temperature": (0, 0.5),
    "thinkingConfig": ({"thinkingBudget": 0}, {"thinkingBudget": 1}),
    "topK": (1, 2),
    "topP": (0.1, 0.2),
}

ENDPOINTS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[Any, Any]]]] = {
    "chat": (f"{OPENAI}/chat/completions", CHAT, CHAT_PARAMETERS),
    "responses": (f"{OPENAI}/responses", RESPONSES, RESPONSES_PARAMETERS),
    "embeddings": (f"{OPENAI}/embeddings", EMBEDDINGS, EMBEDDINGS_PARAMETERS),
    "messages": (f"{ANTHROPIC}/messages", MESSAGES, MESSAGES_PARAMETERS),
    "generate": (f"{GEMINI}:generateContent", GENERATE, GENERATE_PARAMETERS),
    "stream": (f"{GEMINI}:streamGenerateContent?alt=sse", GENERATE, GENERATE_PARAMETERS),
}
VOLATILE: dict[str, tuple[str, ...]] = {
    "chat": ("metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "user"),
    "responses": ("metadata", "prompt_cache_key", "safety_identifier", "service_tier", "user"),
    "embeddings": ("user",),
    "messages": ("metadata", "service_tier"),
    "generate": ("labels",),
    "stream": ("labels",),
}
