"""The transport under a provider's SDK: what a miss costs beside a call without it, and what a hit costs.

The provider is a process of its own on the loopback interface; what is measured is the HTTP transport, from a request
to the end of its answer, without a client or an SDK, which take longer than all of this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from itertools import count
from typing import Any, cast

from harness import Contender, Run, Scenario, Taken, Watch

__all__ = ["scenarios"]

PROVIDER = """
import sys
from aicache.testing.provider import LoopbackProvider

with LoopbackProvider() as provider:
    print(provider.url, flush=True)
    sys.stdin.read()
"""
MESSAGES = [{"role": "system", "content": "You are terse. " * 40}, {"role": "user", "content": "What is the answer?"}]
_NUMBERS = count()
_LEAST = "no bound, no ttl, no single flight; keeps whatever comes, and gives nothing before all of it has"

Wrapped = Callable[[], AsyncGenerator[Any]]


def scenarios() -> list[Scenario]:
    """A miss and a hit, of a body and of a stream."""
    made: list[Scenario] = []
    for what, streams in (("JSON", False), ("stream", True)):
        for name, is_hit in (("miss", False), ("hit", True)):
            contenders = [
                Contender("aicache", _calls(_aicache, streams, is_hit), "single flight"),
                Contender("floor: no cache", _calls(_bare, streams, is_hit), "asks the provider", is_floor=True),
                Contender("a dict by the request", _calls(_least, streams, is_hit), _LEAST),
            ]
            says = "asked before" if is_hit else "never asked before"
            made.append(
                Scenario(f"transport {name}, {what}", f"a chat completion, {says}, as {what}", contenders, "aicache")
            )
    return made


@contextmanager
def _provider() -> Iterator[str]:
    command = [sys.executable, "-c", PROVIDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def _calls(wrapped: Wrapped, streams: bool, is_hit: bool) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        import httpx2

        with _provider() as url:
            async with asynccontextmanager(wrapped)() as transport:

                def request(number: int) -> httpx2.Request:
                    body = {"model": "m", "messages": MESSAGES, "stream": streams, "number": number}
                    return httpx2.Request("POST", f"{url}/v1/chat/completions", json=body)

                async def sent(request: httpx2.Request) -> bytes:
                    response = await transport.handle_async_request(request)
                    answer = b"".join([chunk async for chunk in response.stream])
                    await response.stream.aclose()
                    return answer

                first, second = await sent(request(-1)), await sent(request(-1))
                assert b"snow" in first
                assert (first == second) == (wrapped is not _bare), "a kept answer is the same, a new one is not"
                assert await sent(request(-2)) != first, "another request's answer was handed out"

                async def run(times: int) -> Taken:
                    requests = [request(-1 if is_hit else next(_NUMBERS)) for _ in range(times)]
                    with Watch() as watch:
                        for one in requests:
                            await sent(one)
                    return watch.taken(times)

                yield run

    return opened


async def _aicache() -> AsyncGenerator[Any]:
    from aicache import Policy, TieredCache
    from aicache.contrib.http import AsyncCachingTransport
    from aicache_memory import MemoryBackend

    cache = TieredCache([MemoryBackend()], policy=Policy(ttl=3600))
    async with cache, AsyncCachingTransport(cache) as transport:
        yield transport


async def _least() -> AsyncGenerator[Any]:
    """The least that a cache under an SDK can do: what of a miss is left for the promises to take."""
    import httpx2

    class Least(httpx2.AsyncHTTPTransport):
        def __init__(self) -> None:
            super().__init__()
            self.kept: dict[str, tuple[int, Any, list[bytes]]] = {}

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            asked = json.dumps(json.loads(request.content), sort_keys=True)
            key = sha256(f"{request.url} {asked}".encode()).hexdigest()
            if key not in self.kept:
                response = await super().handle_async_request(request)
                chunks = [chunk async for chunk in cast("Any", response.stream)]
                await cast("Any", response.stream).aclose()
                self.kept[key] = response.status_code, response.headers, chunks
            status, headers, chunks = self.kept[key]
            return httpx2.Response(status, headers=headers, stream=Chunks(chunks))

    class Chunks(httpx2.AsyncByteStream):
        def __init__(self, chunks: list[bytes]) -> None:
            self._chunks = chunks

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._chunks:
                yield chunk

    async with Least() as transport:
        yield transport


async def _bare() -> AsyncGenerator[Any]:
    import httpx2

    async with httpx2.AsyncHTTPTransport() as transport:
        yield transport
