"""What another client of the server waits while very many keys are invalidated and removed."""

from __future__ import annotations

import asyncio
import random
import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from aicache import AIResponseCache, Codec, TieredCache
from aicache.testing.servers import RedisServer
from aicache_redis import RedisBackend
from under_fault.processes import Array, numbers, processes, until
from under_fault.rows import Figures, Row, Scale

__all__ = ["ROWS", "sweep"]

PREFIX = "swept:"
EVERYTHING = "everything"  # a tag that all have
OPERATION = "qa"
SAMPLE = 200
TIMES = 21
PAUSE = 0.001  # seconds between two calls of the other client
SLOTS = 500_000

PHASE, READY, COUNT = range(3)
IDLE, TAGS, OPERATIONS, CLEAR, OVER = range(1, 6)


def _waited(processes: Sequence[str]) -> float:
    """Seconds that these processes were ready to run so far while others had the processors; 0.0 where the system does
    not say.
    """
    try:
        return sum(int(Path(f"/proc/{one}/schedstat").read_bytes().split()[1]) for one in processes) / 1e9
    except (OSError, IndexError):
        return 0.0


async def _another(
    _number: int, url: str, server: str, keys: int, figures: Array, phases: Array, took: Array, own: Array
) -> None:
    """A client that reads a key of the swept ones every millisecond, and notes what each read `took` in microseconds,
    and how much of it is the server's `own`: neither it nor the client waited for a processor then.
    """
    draw = random.Random(5)
    where = urlsplit(url)
    both = ("self", server)
    with socket.create_connection((where.hostname, where.port)) as link:
        figures[READY] = 1
        while figures[PHASE] != OVER and figures[COUNT] < SLOTS:
            name = f"{PREFIX}{_key(draw.randrange(keys))}".encode()
            phase, stolen, began = figures[PHASE], _waited(both), time.perf_counter()
            link.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(name), name))
            link.recv(65_536)
            seconds = time.perf_counter() - began
            took[figures[COUNT]] = int(seconds * 1e6)
            own[figures[COUNT]] = max(0, int((seconds - _waited(both) + stolen) * 1e6))
            phases[figures[COUNT]] = phase
            figures[COUNT] += 1
            await asyncio.sleep(PAUSE)


def _key(number: int) -> str:
    return f"ai_cache:op:{OPERATION}|1-{number:064x}"


def _sets(keys: int, tags: Mapping[str, bytes]) -> Iterator[bytes]:
    """SET of so many entries, as they are on the wire, a thousand at a time."""
    codec = Codec()
    packed, now = codec.pack(codec.dumps("an answer")), time.time()
    for start in range(0, keys, 1000):
        parts: list[bytes] = []
        for number in range(start, min(keys, start + 1000)):
            key = _key(number)
            data = codec.seal(key, packed, created=now, fresh_for=3600.0, tags=tags)
            name = f"{PREFIX}{key}".encode()
            parts.append(b"*5\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(data), data))
            parts.append(b"$2\r\nEX\r\n$4\r\n3600\r\n")
        yield b"".join(parts)


async def _fill(server: RedisServer, keys: int, tags: Mapping[str, bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for commands in _sets(keys, tags):
        writer.write(commands)
        for _ in range(commands.count(b"$2\r\nEX\r\n")):
            await reader.readuntil(b"\r\n")
    writer.close()
    await writer.wait_closed()


async def sweep(keys: int) -> Figures:
    """Fill a server twice with so many keys; end the first by tag and by operation, the second by `clear`."""
    figures, phases, took, own = numbers(3), numbers(SLOTS), numbers(SLOTS), numbers(SLOTS)
    with RedisServer() as server:
        backend = RedisBackend(server.url, prefix=PREFIX)
        async with (
            Redis.from_url(server.url) as raw,
            TieredCache([backend]) as cache,
            AIResponseCache(tiers=[RedisBackend(server.url, prefix=PREFIX)]) as answers,
            TieredCache([RedisBackend(server.url, prefix=PREFIX)]) as other,
        ):
            names = answers.key_generator
            tags = [EVERYTHING, names.operation_prefix(OPERATION), names.prefix]
            sample = [_key(number) for number in random.Random(3).sample(range(keys), min(keys, SAMPLE))]

            async def there() -> int:
                return len(await other.get_many(sample))

            await _fill(server, keys, await backend.tag_versions(tags, create=True))
            if await there() != len(sample):
                raise RuntimeError("what was filled in is not read")
            process = str((await raw.info("server"))["process_id"])
            async with processes(_another, [(server.url, process, keys, figures, phases, took, own)]):
                await until(lambda: bool(figures[READY]))
                figures[PHASE] = IDLE
                await asyncio.sleep(1.0)

                figures[PHASE] = TAGS
                invalidations: list[float] = []
                for _ in range(TIMES):
                    began = time.perf_counter()
                    await cache.invalidate_tags(EVERYTHING)
                    invalidations.append(time.perf_counter() - began)
                stale = await there()
                await backend.tag_versions([EVERYTHING], create=True)
                await asyncio.sleep(0.5)

                figures[PHASE] = OPERATIONS
                began = time.perf_counter()
                removed = await answers.invalidate_by_operation(OPERATION)
                by_operation = time.perf_counter() - began
                left = [name async for name in raw.scan_iter(match=f"{PREFIX}ai_cache:*", count=1000)]

                figures[PHASE] = 0
                await _fill(server, keys, {})
                if await there() != len(sample):
                    raise RuntimeError("what was filled in again is not read")
                figures[PHASE] = CLEAR
                began = time.perf_counter()
                await cache.clear()
                clear = time.perf_counter() - began
                stale += await there()
                left += [name async for name in raw.scan_iter(match=f"{PREFIX}ai_cache:*", count=1000)]
                figures[PHASE] = OVER
            commands = await raw.info("commandstats")
    return {
        "keys": keys,
        "invalidate_tags_ms": round(statistics.median(invalidations) * 1e3, 2),
        "removed_by_operation": removed,
        "by_operation_took": round(by_operation, 2),
        "clear_took": round(clear, 2),
        "left": len(left),
        "stale": stale,
        "forbidden": sum(commands.get(f"cmdstat_{verb}", {"calls": 0})["calls"] for verb in FORBIDDEN),
        **{
            f"p99_ms_{name}{less}": _p99([of[at] for at in range(figures[COUNT]) if phases[at] == phase])
            for name, phase in (("idle", IDLE), ("tags", TAGS), ("operation", OPERATIONS), ("clear", CLEAR))
            for less, of in (("", took), ("_less_stolen", own))
        },
    }


FORBIDDEN = ("keys", "flushdb", "flushall", "swapdb")


def _p99(took: list[int]) -> float | None:
    return round(sorted(took)[int(len(took) * 0.99)] / 1000, 2) if took else None


# -- rows


async def _measure(_subject: str, scale: Scale) -> Figures:
    return await sweep(scale.swept)


def _held(figures: Figures) -> list[str]:
    p99s = {name: figures[f"p99_ms_{name}_less_stolen"] for name in ("tags", "operation", "clear")}
    wrong = [
        f"p99 of another client during {name}: {p99} ms, goal under {P99_MS}"
        for name, p99 in p99s.items()
        if p99 is None or p99 >= P99_MS
    ]
    if figures["invalidate_tags_ms"] >= TAGS_MS:
        wrong.append(f"invalidate_tags took {figures['invalidate_tags_ms']} ms, goal under {TAGS_MS}")
    if figures["removed_by_operation"] != figures["keys"]:
        wrong.append(f"{figures['removed_by_operation']} of {figures['keys']} were counted")
    return wrong + [f"{name}: {figures[name]}" for name in ("left", "stale", "forbidden") if figures[name]]


P99_MS = 10
TAGS_MS = 2

ROWS = [
    Row(
        name="clear and invalidations over 1,000,000 keys",
        goal=f"another's p99 under {P99_MS} ms, invalidate_tags under {TAGS_MS} ms, nothing left, no KEYS or FLUSH",
        measure=_measure,
        held=_held,
    )
]
