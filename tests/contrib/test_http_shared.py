"""One call of the provider however many ask, whoever leaves; and a stream that is cut is never kept."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest

from aicache import Policy, SyncTieredCache, TieredCache
from aicache.contrib.http import AsyncCachingTransport, CachingTransport
from aicache.testing import _provider_answers as answers
from aicache.testing.provider import LoopbackProvider
from aicache_memory import MemoryBackend, SyncMemoryBackend

HI = [{"role": "user", "content": "hi"}]
BODY = {"model": "m-hold", "messages": HI}


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_fifty_at_once_and_the_first_is_cancelled(
    streams: bool, provider: LoopbackProvider, async_cache: TieredCache
) -> None:
    transport = AsyncCachingTransport(async_cache)
    async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
        client = openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=http)

        async def ask() -> str:
            if not streams:
                done = await client.chat.completions.create(model="m-hold", messages=HI)  # type: ignore[arg-type]
                return done.choices[0].message.content or ""
            parts = await client.chat.completions.create(model="m-hold", messages=HI, stream=True)  # type: ignore[arg-type]
            return "".join([part.choices[0].delta.content or "" async for part in parts if part.choices])

        first = asyncio.create_task(ask())
        await asyncio.to_thread(provider.held.wait)
        others = [asyncio.create_task(ask()) for _ in range(49)]
        while async_cache.stats().joins < 49:  # noqa: ASYNC110 they are counted, and nobody is told
            await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        provider.go.set()
        texts = await asyncio.gather(*others)
    assert len(provider.calls) == 1
    assert texts == ["Answer 1: ☃ is snow."] * 49
    assert transport.stats().joins == 49


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
def test_fifty_threads_at_once(streams: bool, provider: LoopbackProvider, cache: SyncTieredCache) -> None:
    with httpx2.Client(transport=CachingTransport(cache), timeout=60) as http, ThreadPoolExecutor(50) as pool:
        url = f"{provider.url}/v1/chat/completions"
        asked = [pool.submit(http.post, url, json={**BODY, "stream": streams}) for _ in range(50)]
        assert provider.held.wait(30)
        while cache.stats().joins < 49:
            threading.Event().wait(0.001)
        provider.go.set()
        bodies = {done.result().content for done in asked}
    assert len(provider.calls) == 1
    assert len(bodies) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
async def test_a_leader_that_fails_lets_its_followers_try_again(
    streams: bool, provider: LoopbackProvider, async_cache: TieredCache
) -> None:
    """The retries of the SDKs sit above the transport: each of them is a call again, once for all."""
    tried: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        tried.append(request)
        await asyncio.sleep(0)
        if len(tried) == 1:
            return httpx2.Response(503, headers={"retry-after-ms": "1"}, json={"error": {"message": "busy"}})
        events = b"".join(answers.chat_events(answers.said("m", 1)))
        if streams:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)
        return httpx2.Response(200, json=answers.chat(answers.said("m", 1)))

    transport = AsyncCachingTransport(async_cache, httpx2.MockTransport(answer))
    async with httpx2.AsyncClient(transport=transport) as http:
        client = openai.AsyncOpenAI(base_url="https://a.test/v1", api_key="k", http_client=http, max_retries=3)

        async def ask() -> Any:
            made = await client.chat.completions.create(model="m", messages=HI, stream=streams)  # type: ignore[call-overload]
            return [part async for part in made] if streams else made

        done = await asyncio.gather(*[ask() for _ in range(20)])
    assert len(tried) == 2
    assert all(done)


def whole_stream() -> bytes:
    return b"".join(answers.chat_events(answers.said("m", 1)))


def cuts() -> list[int]:
    """Every boundary of an event, and a place within each."""
    at, places = 0, []
    for event in answers.chat_events(answers.said("m", 1)):
        places += [at + len(event) // 2, at + len(event)]
        at += len(event)
    return places[:-1]


class _Cut(httpx2.SyncByteStream):
    def __init__(self, data: bytes, size: int, is_error: bool) -> None:
        self.data, self.size, self.is_error = data, size, is_error

    def __iter__(self) -> Any:
        for at in range(0, len(self.data), self.size):
            yield self.data[at : at + self.size]
        if self.is_error:
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


@pytest.mark.parametrize("is_error", [True, False], ids=["breaks off", "ends"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_that_is_cut_anywhere_is_not_kept(size: int, is_error: bool) -> None:
    data, memory = whole_stream(), SyncMemoryBackend()
    current = [0]

    def answer(_: httpx2.Request) -> httpx2.Response:
        stream = _Cut(data[: current[0]], size, is_error)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)

    with SyncTieredCache([memory]) as cache:
        transport = CachingTransport(cache, httpx2.MockTransport(answer))
        with httpx2.Client(transport=transport) as http:
            for place in cuts():
                current[0] = place
                with contextlib.suppress(httpx2.RemoteProtocolError):
                    http.post("https://a.test/v1/chat/completions", json={**BODY, "stream": True})
                assert list(memory.scan("")) == []
            assert transport.stats().skips == {"aborted": len(cuts())}
            current[0] = len(data)  # and whatever comes after the last event, nothing is missing
            http.post("https://a.test/v1/chat/completions", json={**BODY, "stream": True})
            assert len(list(memory.scan(""))) == 1


def test_an_answer_that_is_too_large_passes(cache: SyncTieredCache) -> None:
    big = answers.chat(answers.said("m", 1)._replace(words=["x" * 5000]))
    transport = CachingTransport(cache, httpx2.MockTransport(lambda _: httpx2.Response(200, json=big)), max_bytes=1000)
    with httpx2.Client(transport=transport) as http:
        answer = http.post("https://a.test/v1/chat/completions", json=BODY)
        assert answer.json() == big
    assert cache.stats().skips == {"size": 1}


async def test_a_stale_answer_stands_in_for_a_provider_that_fails() -> None:
    now, status = [1000.0], [200]

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status[0], json=answers.chat(answers.said("m", 1)))

    policy = Policy(ttl=10, stale_if_error=1000)
    memory = MemoryBackend(clock=lambda: now[0])
    cache = TieredCache([memory], policy=policy, wall_clock=lambda: now[0], clock=lambda: now[0])
    transport = AsyncCachingTransport(cache, httpx2.MockTransport(answer))
    async with cache, httpx2.AsyncClient(transport=transport) as http:

        async def ask(**headers: str) -> httpx2.Response:
            return await http.post("https://a.test/v1/chat/completions", json=BODY, headers=headers)

        fresh = await ask()
        now[0] += 11
        status[0] = 429
        stale = await ask()
        assert (stale.status_code, stale.headers["x-aicache"]) == (200, "stale")
        assert stale.content == fresh.content
        now[0] += 20
        refused = await ask(**{"cache-control": "stale-if-error=5"})
        assert (refused.status_code, refused.headers["x-aicache"]) == (429, "miss")
