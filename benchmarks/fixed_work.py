"""Does one kind of work a number of times and nothing else, to count instructions: `python fixed_work.py hit 500`.

With 0 it does all that comes before, so the difference is the work itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from values import answer

__all__ = ["WORK"]


def _hit(count: int) -> None:
    from aicache import SyncTieredCache
    from aicache_memory import SyncMemoryBackend

    cache = SyncTieredCache([SyncMemoryBackend()])
    cache.set("key", "text")
    for _ in range(count):
        cache.get("key")


def _async_hit(count: int) -> None:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    async def main() -> None:
        cache = TieredCache([MemoryBackend()])
        await cache.set("key", "text")
        for _ in range(count):
            await cache.get("key")

    asyncio.run(main())


def _evict(count: int) -> None:
    from aicache_memory import SyncMemoryBackend

    memory = SyncMemoryBackend(max_entries=100)
    for number in range(200 + count):
        memory.put(f"key {number}", b"v", thaw=None, size=1, created=0.0, ttl=None)


def _set(ttl: float | None) -> Callable[[int], None]:
    def work(count: int) -> None:
        from aicache import Policy, SyncTieredCache
        from aicache_memory import SyncMemoryBackend

        cache = SyncTieredCache([SyncMemoryBackend(max_entries=100)], policy=Policy(ttl=ttl))
        for number in range(200 + count):
            if cache.get(f"key {number}") is None:
                cache.set(f"key {number}", "text")

    return work


def _async_set(count: int) -> None:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    async def main() -> None:
        cache = TieredCache([MemoryBackend(max_entries=100)])
        for number in range(200 + count):
            if await cache.get(f"key {number}") is None:
                await cache.set(f"key {number}", "text")

    asyncio.run(main())


def _async_fill(count: int) -> None:
    from aicache import TieredCache
    from aicache_memory import MemoryBackend

    async def load() -> str:
        return "text"

    async def main() -> None:
        cache = TieredCache([MemoryBackend(max_entries=100)])
        for number in range(200 + count):
            await cache.get_or_set(f"key {number}", load)

    asyncio.run(main())


def _codec(count: int) -> None:
    from aicache import Codec

    codec, value = Codec(), answer(1_500)
    for _ in range(count):
        sealed = codec.seal("key", codec.pack(codec.dumps(value)), created=1.0, fresh_for=60.0)
        codec.open("key", sealed)


def _decorated(count: int) -> None:
    from aicache import SyncTieredCache
    from aicache_memory import SyncMemoryBackend

    @SyncTieredCache([SyncMemoryBackend()]).cached()
    def ask(messages: list[dict[str, str]], temperature: float = 1.0) -> str:
        return f"{len(messages)} {temperature}"

    messages = [{"role": "user", "content": "A question."}]
    ask(messages, temperature=0.0)
    for _ in range(count):
        ask(messages, temperature=0.0)


def _key(count: int) -> None:
    from aicache import CacheKeyGenerator

    keys = CacheKeyGenerator()
    for _ in range(count):
        keys.generate_cache_key("A long text. " * 50, "summarize", {"model": "small", "temperature": 0.0})


_ENDS = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}}
_WORDS = [{"choices": [{"index": 0, "delta": {"content": f"word {n}"}, "finish_reason": None}]} for n in range(20)]
_EVENTS = [f"data: {json.dumps(event)}\n\n".encode() for event in (*_WORDS, _ENDS)] + [b"data: [DONE]\n\n"]
_BODY = [json.dumps({"choices": [{"index": 0, "message": {"content": "text"}, "finish_reason": "stop"}]}).encode()]


def _transport(count: int, *, streams: bool, is_hit: bool) -> None:
    """Through the transport, over a provider that is a list, without a network."""
    import httpx2

    from aicache import SyncTieredCache
    from aicache.contrib.http import CachingTransport
    from aicache_memory import SyncMemoryBackend

    class Chunks(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from _EVENTS if streams else _BODY

    class Provider(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:  # noqa: ARG002 whatever is asked
            kind = "text/event-stream" if streams else "application/json"
            return httpx2.Response(200, headers={"content-type": kind}, stream=Chunks())

    def sent(number: int) -> Any:
        body = {"model": "m", "messages": [{"role": "user", "content": "What? " * 100}], "number": number}
        response = transport.handle_request(httpx2.Request("POST", "https://a.test/v1/chat/completions", json=body))
        list(response.stream)
        response.stream.close()
        return response.headers["x-aicache"]

    transport = CachingTransport(SyncTieredCache([SyncMemoryBackend()]), Provider())
    assert [sent(-1), sent(-2), sent(-1)] == ["miss", "miss", "hit"]
    for number in range(count):
        sent(-1 if is_hit else number)


WORK: dict[str, Callable[[int], None]] = {
    "hit": _hit,
    "async hit": _async_hit,
    "put and evict": _evict,
    "memory set": _set(None),
    "memory set, ttl": _set(3600.0),
    "async memory set": _async_set,
    "async fill": _async_fill,
    "codec": _codec,
    "decorated hit": _decorated,
    "AI key": _key,
    "transport miss, JSON": partial(_transport, streams=False, is_hit=False),
    "transport hit, JSON": partial(_transport, streams=False, is_hit=True),
    "transport miss, stream": partial(_transport, streams=True, is_hit=False),
    "transport hit, stream": partial(_transport, streams=True, is_hit=True),
}

if __name__ == "__main__":
    WORK[sys.argv[1]](int(sys.argv[2]))
