"""The real SDKs over the transports: the second call reaches nobody, and nothing about its answer is different."""

from __future__ import annotations

from typing import Any

import httpx
import httpx2
import openai
import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.contrib.http import AsyncCachingTransport, CachingTransport
from aicache.contrib.http import httpx as legacy
from aicache.contrib.http.heads import usage_in
from aicache.testing.provider import LoopbackProvider
from aicache_memory import SyncMemoryBackend

from .sdks import CALLS, HI, SECRET, asked, client

OPTIONS: dict[str, Any] = {"chat stream": {"stream_options": {"include_usage": True}}}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": HI}),
    "chat stream": ("/v1/chat/completions", {"model": "m", "messages": HI, "stream": True}),
    "chat gzip": ("/elsewhere/chat/completions", {"model": "m-gzip", "messages": HI}),
    "responses": ("/v1/responses", {"model": "m", "input": "hi"}),
    "responses stream": ("/v1/responses", {"model": "m", "input": "hi", "stream": True}),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": "hi"}),
    "messages": ("/v1/messages", {"model": "m", "messages": HI, "max_tokens": 9}),
    "messages stream": ("/v1/messages", {"model": "m", "messages": HI, "max_tokens": 9, "stream": True}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "hi"}]}]}),
    "gemini stream": ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "hi"}]}]}),
}


def plain(answer: Any) -> Any:
    """An answer as the SDK's objects say it."""
    return [part.model_dump() for part in answer] if isinstance(answer, list) else answer.model_dump()


@pytest.mark.parametrize("call", CALLS)
def test_the_second_call_reaches_nobody(call: str, provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    with httpx2.Client(transport=CachingTransport(cache)) as http:
        sdk = client(call, provider, http)
        answers = []
        for _ in range(3):
            answer = asked(call, sdk, **OPTIONS.get(call, {}))
            answers.append(plain(list(answer) if call.endswith("stream") else answer))
    assert len(provider.calls) == 1
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]


@pytest.mark.parametrize("call", CALLS)
async def test_the_same_without_blocking(call: str, provider: LoopbackProvider, async_cache: TieredCache) -> None:
    async with httpx2.AsyncClient(transport=AsyncCachingTransport(async_cache)) as http:
        sdk = client(call, provider, http)
        answers = []
        for _ in range(3):
            answer = await asked(call, sdk, **OPTIONS.get(call, {}))
            answers.append(plain([part async for part in answer] if call.endswith("stream") else answer))
    assert len(provider.calls) == 1
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]


@pytest.mark.parametrize("call", [name for name in CALLS if not name.startswith("messages")])
def test_the_older_library_does_as_well(call: str, provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    with httpx.Client(transport=legacy.CachingTransport(cache)) as http:
        sdk = client(call, provider, http)
        answers = []
        for _ in range(2):
            answer = asked(call, sdk, **OPTIONS.get(call, {}))
            answers.append(plain(list(answer) if call.endswith("stream") else answer))
    assert len(provider.calls) == 1
    assert answers[0] == answers[1]


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
@pytest.mark.parametrize("path", PATHS)
def test_the_bytes_and_where_they_are_cut(
    path: str, library: Any, provider: LoopbackProvider, cache: SyncTieredCache
) -> None:
    transport: Any = CachingTransport(cache) if library is httpx2 else legacy.CachingTransport(cache)
    with library.Client(transport=transport) as http, library.Client() as bare:
        where, body = PATHS[path]
        with bare.stream("POST", provider.url + where, json=body) as response:
            original = b"".join(response.iter_bytes())
        provider.calls.clear()
        chunks, labels = [], []
        for _ in range(2):
            with http.stream("POST", provider.url + where, json=body) as response:
                chunks.append(list(response.iter_bytes()))
                labels.append(response.headers["x-aicache"])
    assert len(provider.calls) == 1
    assert labels == ["miss", "hit"]
    assert b"".join(chunks[0]) == original
    assert chunks[0] == chunks[1]
    assert len(chunks[0]) > 1 or "stream" not in path


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
@pytest.mark.parametrize("path", PATHS)
async def test_the_same_of_the_async_flavour(
    path: str, library: Any, provider: LoopbackProvider, async_cache: TieredCache
) -> None:
    which: Any = AsyncCachingTransport if library is httpx2 else legacy.AsyncCachingTransport
    async with library.AsyncClient(transport=which(async_cache)) as http:
        where, body = PATHS[path]
        chunks, labels = [], []
        for _ in range(2):
            async with http.stream("POST", provider.url + where, json=body) as response:
                chunks.append([chunk async for chunk in response.aiter_bytes()])
                labels.append(response.headers["x-aicache"])
    assert len(provider.calls) == 1
    assert labels == ["miss", "hit"]
    assert chunks[0] == chunks[1]
    assert len(chunks[0]) > 1 or "stream" not in path


def test_what_the_headers_of_a_hit_say(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    with httpx2.Client(transport=CachingTransport(cache)) as http:
        where, body = PATHS["chat gzip"]
        first = http.post(provider.url + where, json=body)
        second = http.post(provider.url + where, json=body)
    assert first.json() == second.json()
    assert first.headers["set-cookie"] == "session=secret"  # to who asked himself
    assert first.headers["x-ratelimit-remaining-requests"] == "99"
    kept = {"content-type", "server", "x-request-id"}
    assert set(second.headers) == kept | {"age", "x-aicache"}
    assert second.headers["x-request-id"] == first.headers["x-request-id"]
    assert second.headers["age"] == "0"


@pytest.mark.parametrize("status", [200, 500])
def test_headers_of_any_bytes_pass(status: int, cache: SyncTieredCache) -> None:
    raw = [(b"X-Note", "Zürich".encode()), (b"x-note", b"\xff"), (b"content-type", b"application/json")]
    body = b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "a"}}]}'
    inner = httpx2.MockTransport(lambda _: httpx2.Response(status, headers=raw, content=body))
    with httpx2.Client(transport=CachingTransport(cache, inner)) as http:
        found = [http.post("https://a.test/chat/completions", json={"n": 1}) for _ in range(2)]
    assert [answer.headers["x-aicache"] for answer in found] == (["miss", "hit"] if status == 200 else ["miss"] * 2)
    for answer in found:
        assert [value for name, value in answer.headers.raw if name.lower() == b"x-note"] == [raw[0][1], raw[1][1]]


def test_nothing_secret_is_in_the_cache(provider: LoopbackProvider) -> None:
    memory = SyncMemoryBackend()
    with SyncTieredCache([memory]) as cache:
        with httpx2.Client(transport=CachingTransport(cache, scope="a tenant")) as http:
            sdk = openai.OpenAI(base_url=f"{provider.url}/v1", api_key=SECRET, organization="acme", http_client=http)
            asked("chat", sdk)
        keys = list(memory.scan(""))
        assert len(keys) == 1
        found = repr((keys, cache.get(keys[0])))
    assert keys[0].startswith("ai:[a%20tenant]:http:openai.chat|1-")
    assert not [secret for secret in ("secret", "acme", "hi") if secret in found]


@pytest.mark.parametrize("other", [{"scope": "b"}, {"scope": None}, {"namespace": "other"}])
def test_who_has_another_scope_gets_another_answer(
    other: dict[str, Any], provider: LoopbackProvider, cache: SyncTieredCache
) -> None:
    where, body = PATHS["chat"]
    for arguments in ({"scope": "a"}, other, {"scope": "a"}, other):
        with httpx2.Client(transport=CachingTransport(cache, **arguments)) as http:
            http.post(provider.url + where, json=body)
    assert len(provider.calls) == 2


def test_another_key_of_the_provider_gets_the_same_answer(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    where, body = PATHS["chat"]
    with httpx2.Client(transport=CachingTransport(cache)) as http:
        for secret in ("one", "two"):
            http.post(provider.url + where, json=body, headers={"authorization": f"Bearer {secret}"})
    assert len(provider.calls) == 1


def test_what_no_rule_knows_is_not_touched(provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    transport = CachingTransport(cache)
    with httpx2.Client(transport=transport) as http:
        for _ in range(2):
            response = http.get(f"{provider.url}/v1/models", headers={"cache-control": "no-store"})
            assert "x-aicache" not in response.headers
        http.post(f"{provider.url}/v1/audio/speech", json={"model": "m"})
        http.post(f"{provider.url}/v1/audio/speech", json={"model": "m"})
    assert len(provider.calls) == 4
    assert provider.calls[0].headers["cache-control"] == "no-store"  # meant for another cache
    assert transport.stats().bypassed == {"endpoint": 4}
    assert cache.stats().misses == 0


@pytest.mark.parametrize("content", [b"no json", b"[1]", b'{"model": "m", "model": "n"}', b'{"n": ' + b"[" * 500])
def test_a_body_that_cannot_be_read_is_passed_on(content: bytes, cache: SyncTieredCache) -> None:
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        return httpx2.Response(400)

    transport = CachingTransport(cache, httpx2.MockTransport(answer))
    with httpx2.Client(transport=transport) as http:
        response = http.post("https://a.test/v1/chat/completions", content=content)
    assert response.headers["x-aicache"] == "bypass; body"
    assert sent == [content]
    assert transport.stats().bypassed == {"body": 1}


def test_a_kept_stream_may_keep_its_pauses(provider: LoopbackProvider) -> None:
    slept: list[float] = []
    ticks = [1.0]  # a second passes at each look at the clock, until it is stopped
    now = [0.0]

    def clock() -> float:
        now[0] += ticks[0]
        return now[0]

    with SyncTieredCache([SyncMemoryBackend()], clock=clock, sleep=slept.append) as cache:
        where, body = PATHS["chat stream"]
        with httpx2.Client(transport=CachingTransport(cache, pacing="recorded")) as http:
            first = http.post(provider.url + where, json=body)
            assert slept == []
            ticks[0] = 0.0
            second = http.post(provider.url + where, json=body)
    assert first.content == second.content
    assert len(slept) > 1
    assert all(seconds >= 1 for seconds in slept)


def test_the_usage_is_kept_with_the_answer(provider: LoopbackProvider) -> None:
    memory = SyncMemoryBackend()
    with SyncTieredCache([memory]) as cache, httpx2.Client(transport=CachingTransport(cache)) as http:
        for where, body in PATHS.values():
            http.post(provider.url + where, json=body)
        kept = [usage_in(cache.get(key)["chunks"][-1]) for key in memory.scan("")]
    assert len(kept) == len(PATHS)
    for usage in kept:
        assert usage is not None
        assert usage.model in ("m-2026", "m-gzip-2026")
        assert usage.provider in ("openai", "anthropic", "google")
        assert (usage.input_tokens, usage.cached_input_tokens) in ((11, 3), (5, None))
        assert usage.output_tokens in (7, 0)
        assert usage.total_seconds >= usage.first_token_seconds > 0
