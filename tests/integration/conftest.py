"""Both flavours of the Redis backend under one set of test bodies, and a plain client that judges them."""

from __future__ import annotations

import asyncio
import inspect
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from aicache import SyncTieredCache, TieredCache
from aicache.errors import BackendError
from aicache_redis import RedisBackend, SyncRedisBackend

KEYS = [f"k{number}" for number in range(300)]  # in a cluster they are in all nodes, and some 300 slots
WAIT = 0.02  # seconds that the feed waits for news


def value(key: str) -> bytes:
    """What is stored under a key of a test."""
    return f"value of {key}".encode() * 3


@pytest.fixture(autouse=True)
def always_believed(believed: None) -> None:
    """In each test here."""


async def until_it_works(call: Callable[[], Awaitable[Any]]) -> None:
    """Say it until it succeeds, for 20 seconds at most."""
    until = time.monotonic() + 20
    while True:
        try:
            await call()
            return
        except BackendError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


class Verbs:
    """A backend of either flavour whose verbs can be awaited."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self.backend, name)
        return self._settled(verb) if callable(verb) else verb

    @staticmethod
    def _settled(verb: Callable[..., Any]) -> Callable[..., Any]:
        async def settled(*args: Any, **kwargs: Any) -> Any:
            said = verb(*args, **kwargs)
            if inspect.isawaitable(said):
                return await said
            if inspect.isasyncgen(said):
                return [item async for item in said]
            return list(said) if inspect.isgenerator(said) else said

        return settled

    async def end(self) -> None:
        """Close it, whichever the word for that is."""
        await (self.aclose() if hasattr(self.backend, "aclose") else self.close())


@pytest.fixture(params=[RedisBackend, SyncRedisBackend], ids=["async", "sync"])
async def make(
    request: pytest.FixtureRequest, redis_url: str, redis_prefix: str
) -> AsyncIterator[Callable[..., Verbs]]:
    """Makes backends on the server, of either flavour, and closes them."""
    made: list[Verbs] = []

    def build(**options: Any) -> Verbs:
        place = {} if "client" in options else {"url": redis_url}
        made.append(Verbs(request.param(**{**place, "prefix": redis_prefix, "timeout": 5.0, **options})))
        return made[-1]

    yield build
    for backend in made:
        await backend.end()


@pytest.fixture
async def make_with_client(
    request: pytest.FixtureRequest, make: Callable[..., Verbs]
) -> AsyncIterator[Callable[..., Verbs]]:
    """Makes backends of the flavour of `make` on clients of the library, by a URL and options of theirs."""
    clients: list[Any] = []
    is_async = request.node.callspec.params["make"] is RedisBackend

    def build(url: str, options: dict[str, Any], **more: Any) -> Verbs:
        library: Any = redis.asyncio if is_async else redis
        clients.append(library.Redis.from_url(url, **options))
        return make(client=clients[-1], **more)

    yield build
    for client in clients:
        await client.aclose() if is_async else client.close()


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client on the same server."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


class Load:
    """Callers of a cache in both flavours who know what each key's value is, until they are told to stop."""

    def __init__(self, url, prefix, keys, value, **options):
        self._keys, self._value = keys, value
        self.wrong = []
        self.calls = 0
        self._stop = threading.Event()
        options = {"prefix": prefix, "timeout": 1.0, **options}
        targets = [lambda: asyncio.run(self._async(url, options)), lambda: self._sync(url, options)]
        self._threads = [threading.Thread(target=target) for target in targets]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    async def _async(self, url, options):
        async with TieredCache([RedisBackend(url, **options)]) as cache:

            async def caller(seed):
                rng = random.Random(seed)
                while not self._stop.is_set():
                    key, some = rng.choice(self._keys), rng.sample(self._keys, 5)
                    self._judge(key, await cache.get_or_set(key, lambda key=key: self._value(key)))
                    for name, found in (await cache.get_many(some)).items():
                        self._judge(name, found)
                    if rng.random() < 0.2:
                        await cache.delete(key)
                    await asyncio.sleep(0.002)

            await asyncio.gather(*(self._kept(caller(seed)) for seed in range(4)))

    async def _kept(self, work):
        try:
            await work
        except Exception as error:
            self.wrong.append(error)

    def _sync(self, url, options):
        rng = random.Random(9)
        with SyncTieredCache([SyncRedisBackend(url, **options)]) as cache:
            try:
                while not self._stop.wait(0.002):
                    key, some = rng.choice(self._keys), rng.sample(self._keys, 5)
                    self._judge(key, cache.get_or_set(key, lambda key=key: self._value(key)))
                    for name, found in cache.get_many(some).items():
                        self._judge(name, found)
            except Exception as error:
                self.wrong.append(error)

    def _judge(self, key, found):
        self.calls += 1
        if found != self._value(key):
            self.wrong.append((key, found))

    def goes_on(self, calls=200):
        """Wait for some more calls."""
        until, enough = time.monotonic() + 20, self.calls + calls
        while self.calls < enough:
            assert time.monotonic() < until, f"only {self.calls} of {enough} calls"
            time.sleep(0.01)


@pytest.fixture
def load() -> type[Load]:
    """Callers that go on while a test breaks their servers."""
    return Load
