"""The real SDKs as these tests use them: a client on the loopback provider, and the calls that each can make."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai

from aicache.testing.provider import LoopbackProvider

__all__ = ["CALLS", "HI", "SECRET", "asked", "client"]

HI: Any = [{"role": "user", "content": "hi"}]
SECRET = "secret-key"
CALLS = ("chat", "chat stream", "responses", "responses stream", "embeddings", "messages", "messages stream")


def client(call: str, provider: LoopbackProvider, http: Any) -> Any:
    """The SDK that is called, of the flavour of `http`."""
    is_async = isinstance(http, httpx2.AsyncClient)
    if call.startswith("messages"):
        which: Any = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
        return which(base_url=provider.url, api_key=SECRET, http_client=http)
    which = openai.AsyncOpenAI if is_async else openai.OpenAI
    return which(base_url=f"{provider.url}/v1", api_key=SECRET, http_client=http)


def asked(call: str, sdk: Any, model: str = "m", **options: Any) -> Any:
    """The call itself, awaitable where the SDK is."""
    if call.endswith("stream"):
        options["stream"] = True
    if call == "embeddings":
        return sdk.embeddings.create(model=model, input=["a", "b"], **options)
    if call.startswith("messages"):
        return sdk.messages.create(model=model, messages=HI, max_tokens=9, **options)
    if call.startswith("responses"):
        return sdk.responses.create(model=model, input="hi", **options)
    return sdk.chat.completions.create(model=model, messages=HI, **options)
