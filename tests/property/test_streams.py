"""Whatever chunks a stream has, they come back as they were: to who made it, who joined it, and who found it."""

from __future__ import annotations

import asyncio
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from aicache import JsonSerializer, SyncTieredCache, TieredCache
from aicache.testing.payloads import json_payloads, payloads, same
from aicache_memory import MemoryBackend, SyncMemoryBackend


class Store:
    """A byte store for threads."""

    def __init__(self):
        self.data = {}

    def get(self, key):
        return self.data.get(key)

    def set(self, key, value, *, ttl=None):
        self.data[key] = value

    def delete(self, key):
        return self.data.pop(key, None) is not None

    def close(self):
        pass


def never():
    raise AssertionError("the factory was called")


@given(chunks=st.lists(payloads(), max_size=3))
def test_any_chunks_come_back_from_memory_and_from_bytes(chunks):
    store = Store()
    with SyncTieredCache([SyncMemoryBackend(), store]) as cache, SyncTieredCache([store]) as other:
        assert same(list(cache.stream("k", lambda: deepcopy(chunks))), chunks)
        assert same(list(cache.stream("k", never)), chunks)
        assert same(list(other.stream("k", never)), chunks)


@given(chunks=st.lists(json_payloads(), max_size=3))
def test_any_chunks_that_json_keeps_come_back(chunks):
    with SyncTieredCache([Store()], serializer=JsonSerializer()) as cache:
        assert same(list(cache.stream("k", lambda: deepcopy(chunks))), chunks)
        assert same(list(cache.stream("k", never)), chunks)


@given(chunks=st.lists(payloads(), min_size=1, max_size=3), joins_at=st.integers(0, 3))
def test_any_chunks_reach_each_reader(chunks, joins_at):
    async def upstream():
        for chunk in deepcopy(chunks):
            await asyncio.sleep(0)
            yield chunk

    async def main():
        async with TieredCache([MemoryBackend()]) as cache:
            first = cache.stream("k", upstream)
            early = [await anext(first) for _ in range(min(joins_at, len(chunks)))]
            assert same([chunk async for chunk in cache.stream("k", never if early else upstream)], chunks)
            assert same([*early, *[chunk async for chunk in first]], chunks)
            assert same([chunk async for chunk in cache.stream("k", never)], chunks)

    asyncio.run(main())
