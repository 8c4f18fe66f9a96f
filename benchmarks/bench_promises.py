"""What each promise costs: an operation done bare, then with one thing more at a time, up to what aicache does.

This is what stands between a floor and a bar that is missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import lz4.block
from harness import Contender, Run, Scenario, Taken, Watch, called, repeated
from msgspec import msgpack
from pipelining import Pipelining
from values import answer

from aicache import Codec, MsgpackSerializer

__all__ = ["scenarios"]

TEXT = "It is 42. " * 100
TTL = 3600
CALLERS = 256
KEYS = 512
LARGEST = 8 * 2**20


def scenarios(url: str) -> list[Scenario]:
    """A hit in memory, a value's way to bytes and back, and Redis both ways."""
    return [
        Scenario("promises of a hit in memory", "await get(key) of a text of 1,000 characters", _hit(), "aicache get"),
        Scenario("promises of the codec", "encode and decode a completion of 1.5 kB", _codec(), "aicache"),
        *(
            Scenario(
                f"promises of a Redis {verb}",
                f"{verb} of a completion of 1.5 kB, {CALLERS} callers at once",
                _redis(url, verb),
                "aicache",
                CALLERS,
            )
            for verb in ("get", "set")
        ),
    ]


def _hit() -> list[Contender]:
    entry = (TEXT, 0, time.monotonic() + 1e6, 0, None)
    look, clock, hits = {"key": entry}.get, time.monotonic, [0]

    class Counters:
        hits = 0

    counters = Counters()

    async def empty(_key: str) -> Any:
        return TEXT

    async def looks(key: str) -> Any:
        kept = look(key)
        return None if kept is None else kept[0]

    async def expires(key: str) -> Any:
        kept = look(key)
        return kept[0] if kept is not None and clock() < kept[2] else None

    async def remembers(key: str) -> Any:
        kept = look(key)
        if kept is not None and clock() < kept[2]:
            if hits[kept[3]] < 7:
                hits[kept[3]] += 1
            return kept[0]
        return None

    async def counts(key: str) -> Any:
        kept = look(key)
        if kept is not None and clock() < kept[2]:
            if hits[kept[3]] < 7:
                hits[kept[3]] += 1
            counters.hits += 1
            return kept[0]
        return None

    async def aicache() -> AsyncGenerator[Run]:
        from aicache import TieredCache
        from aicache_memory import MemoryBackend

        async with TieredCache([MemoryBackend()]) as cache:
            await cache.set("key", TEXT, ttl=TTL)
            assert await cache.get("key") == TEXT
            yield repeated(cache.get, "key")

    def stage(name: str, get: Callable[[str], Awaitable[Any]], note: str) -> Contender:
        async def opened() -> AsyncGenerator[Run]:
            assert await get("key") == TEXT
            yield repeated(get, "key")

        return Contender(f"floor: {name}", opened, note, is_floor=True)

    return [
        stage("an empty coroutine", empty, "looks nothing up"),
        stage("and looks up", looks, "in a dict"),
        stage("and asks the clock", expires, "for the ttl"),
        stage("and remembers the hit", remembers, "for the eviction"),
        stage("and counts it", counts, "for the statistics"),
        Contender("aicache get", aicache, "and is one method for every kind of entry, tier and key"),
    ]


def _codec() -> list[Contender]:
    value, serializer = answer(1_500), MsgpackSerializer()
    encode, decode = msgpack.Encoder().encode, msgpack.Decoder().decode
    shrink, expand = lz4.block.compress, lz4.block.decompress

    def packs(value: Any) -> Any:
        return decode(encode(value))

    def checks(value: Any) -> Any:
        return serializer.loads(serializer.dumps(value))

    def shrinks(value: Any) -> Any:
        return serializer.loads(expand(shrink(serializer.dumps(value))))

    def binds(value: Any) -> Any:
        body = shrink(serializer.dumps(value))
        tag = blake2b(body, digest_size=16).digest()
        assert blake2b(body, digest_size=16).digest() == tag
        return serializer.loads(expand(body))

    codec = Codec()

    def seals(value: Any) -> Any:
        data = codec.seal("key", codec.pack(codec.dumps(value)), created=1.0, fresh_for=60.0)
        return codec.open("key", data).value

    def stage(name: str, there_and_back: Callable[[Any], Any], note: str) -> Contender:
        async def opened() -> AsyncGenerator[Run]:
            assert there_and_back(value) == value
            yield called(there_and_back, value)

        return Contender(name, opened, note, is_floor=name.startswith("floor"))

    return [
        stage("floor: msgpack", packs, "by msgspec"),
        stage("floor: and the types are seen to", checks, "what msgpack would change is kept in another way"),
        stage("floor: and lz4", shrinks, "a third fewer bytes"),
        stage("floor: and BLAKE2b", binds, "of the body alone, both ways"),
        stage("aicache", seals, "and the header: key, times, sizes, limits"),
    ]


Verbs = tuple[Callable[[str], Awaitable[Any]], Callable[[str, Any], Awaitable[Any]]]


def _redis(url: str, verb: str) -> list[Contender]:
    values = {f"k{number}": answer(1_500, number) for number in range(KEYS)}
    raw = {key: msgpack.encode(value) for key, value in values.items()}

    async def bare() -> AsyncGenerator[Verbs]:
        link = await Pipelining.to(url)
        yield (
            lambda key: link.execute("GET", "bare:" + key),
            lambda key, data: link.execute("SET", "bare:" + key, data, "EX", TTL),
        )
        link.transport.close()

    async def bounded() -> AsyncGenerator[Verbs]:
        link = await Pipelining.to(url)

        def write(key: str, data: bytes) -> Awaitable[Any]:
            link.execute("UNLINK", "bare:token:" + key, "bare:lock:" + key)
            link.execute("SET", "bare:" + key, data, "EX", TTL)
            return link.execute("XADD", "bare:feed", "MAXLEN", "~", 10_000, "*", "k", key)

        yield lambda key: link.execute("GETRANGE", "bare:" + key, 0, LARGEST), write
        link.transport.close()

    async def backend() -> AsyncGenerator[Verbs]:
        from aicache_redis import RedisBackend

        one = RedisBackend(url, prefix="stage:", timeout=10)
        yield one.get, lambda key, data: one.set(key, data, ttl=TTL)
        await one.aclose()

    async def sealed() -> AsyncGenerator[Verbs]:
        from aicache_redis import RedisBackend

        one, codec = RedisBackend(url, prefix="sealed:", timeout=10), Codec()

        async def read(key: str) -> Any:
            data = await one.get(key)
            return None if data is None else codec.open(key, data).value

        async def write(key: str, value: Any) -> None:
            data = codec.seal(key, codec.pack(codec.dumps(value)), created=time.time(), fresh_for=TTL)
            await one.set(key, data, ttl=TTL)

        yield read, write
        await one.aclose()

    async def aicache() -> AsyncGenerator[Verbs]:
        from aicache import TieredCache
        from aicache_redis import RedisBackend

        async with TieredCache([RedisBackend(url, prefix="whole:", timeout=10)]) as cache:
            yield cache.get, lambda key, value: cache.set(key, value, ttl=TTL)

    def stage(name: str, opened: Callable[[], AsyncGenerator[Verbs]], given: dict[str, Any], note: str) -> Contender:
        return Contender(name, _together(opened, verb, given), note, is_floor=name.startswith("floor"))

    more = {
        "get": ("floor: and no reply too large", "GETRANGE, so that no value of another's can fill this process"),
        "set": (
            "floor: and others are told",
            "what is being loaded is refused, and who has it in memory hears of it; by three commands for each set, "
            "which aicache says once for all sets that come together",
        ),
    }
    return [
        stage("floor: bare pipelining", bare, raw, "one socket; bytes"),
        stage(more[verb][0], bounded, raw, more[verb][1]),
        stage("aicache RedisBackend", backend, raw, "and deadlines, recovery, cancellation"),
        stage("aicache RedisBackend + Codec", sealed, values, "and the envelope"),
        stage("aicache", aicache, values, "and tiers, breaker, statistics, the fence against older writes"),
    ]


def _together(
    opened: Callable[[], AsyncGenerator[Verbs]], verb: str, given: dict[str, Any]
) -> Callable[[], AsyncGenerator[Run]]:
    """Callers at once who read or write what is given, which is there and right."""
    keys: Sequence[str] = [list(given)[number * 7 % KEYS] for number in range(KEYS)]

    async def run_of_stage() -> AsyncGenerator[Run]:
        async with asynccontextmanager(opened)() as (read, write):
            for key, value in given.items():
                await write(key, value)
                assert await read(key) == value, f"{key} came back wrong"

            async def one(start: int, count: int) -> None:
                for number in range(start, start + count):
                    key = keys[number % KEYS]
                    if verb == "set":
                        await write(key, given[key])
                    else:
                        await read(key)

            async def run(count: int) -> Taken:
                with Watch() as watch:
                    await asyncio.gather(*(one(caller * 31, count // CALLERS) for caller in range(CALLERS)))
                return watch.taken(count)

            yield run

    return run_of_stage
