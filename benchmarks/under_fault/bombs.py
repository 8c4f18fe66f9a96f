"""Bytes that would become something huge, planted under keys that 50 workers read.

Measured in a fresh process, `python -m under_fault.bombs`, whose memory is its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

from fresh import resident

from aicache.testing.servers import RedisServer
from under_fault.apart import said_by
from under_fault.rows import Figures, Row, Scale, most
from under_fault.subjects import OURS, SUBJECTS, Aicache

__all__ = ["ROWS"]

WORKERS = 50
LARGE = 100_000_000
MIB = 2**20


def _bombs() -> list[tuple[int, int, bytes, int]]:
    """Twenty of them: serializer, compressor, body and the size that the body claims to have."""
    import zlib

    import lz4.block

    full = 8 * MIB - 100
    zeros = bytes(100 * MIB)
    maps = b"\xdd" + full.to_bytes(4, "big") + b"\x80" * full
    lists = b"\xdd" + full.to_bytes(4, "big") + b"\x90" * full
    nested = b"\x91" * full + b"\x01"
    wide = b"[" + b"[]," * MIB + b"[]]"

    def small(data: bytes) -> bytes:
        packed: bytes = lz4.block.compress(data, store_size=False)
        return packed

    plain: list[tuple[int, int, bytes, int]] = [
        (1, 0, body, len(body))
        for body in (
            *(maps, lists, nested, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"),
            *(b"\xc1" + b"\x00" * full, b"\xc9\xff\xff\xff\xff\x09"),
        )
    ]
    packed = [(1, 1, small(body), len(body)) for body in (zeros, maps, lists, nested, wide)]
    lying = [(1, 1, small(body), 1000) for body in (zeros, maps)]
    others = [
        (1, 2, zlib.compress(zeros), len(zeros)),
        (1, 2, zlib.compress(zeros), full),
        (2, 0, wide, len(wide)),
        (2, 0, b"[" * full, full),
        (2, 0, b"9" * full, full),
    ]
    return [*plain, *packed, *lying, *others]


async def _plant_bombs(admin: Any) -> list[str]:
    from aicache._kernel.envelope import kind_of, seal_envelope

    keys = []
    for number, (serializer, compressor, body, claimed) in enumerate(_bombs()):
        keys.append(f"bomb-{number}")
        sealed = seal_envelope(keys[-1], body, kind_of(serializer, compressor), 1.0, None, 0.0, claimed)
        await admin.set(f"aicache:{keys[-1]}", sealed)
    return keys


async def _plant_large(subject: Any, admin: Any) -> list[str]:
    """Under the very name that the subject gives to a key of its own."""
    before = set(await admin.keys("*"))
    await subject.set("large", {"key": "large"})
    (name,) = set(await admin.keys("*")) - before
    await admin.setrange(name, LARGE - 1, b"\0")  # made by the server: it never was in this process
    return ["large"]


class _Watched:
    """The most memory, and the longest that one turn of the loop computed."""

    def __init__(self) -> None:
        self.before = self.peak = resident()
        self.held = 0.0

    async def run(self) -> None:
        while True:
            computed = time.thread_time()
            await asyncio.sleep(0)  # one turn of the loop, and nothing between it and the next
            self.held = max(self.held, time.thread_time() - computed)
            self.peak = max(self.peak, resident())


def _patient(url: str) -> Aicache:
    """Ours with all the time there is: at 0.25 s it would leave most of the bombs where they are."""
    from aicache import Tier
    from aicache_redis import RedisBackend

    return Aicache(url, Tier(backend=RedisBackend(url, timeout=30), breaker=None))


async def _measure(name: str, url: str, what: str) -> Figures:
    from redis.asyncio import Redis

    subject = _patient(url) if name == OURS else SUBJECTS[name](url)
    async with Redis.from_url(url) as admin:
        for number in range(WORKERS):
            await subject.set(f"key-{number}", {"key": number})
        keys = await (_plant_bombs(admin) if what == "bombs" else _plant_large(subject, admin))
        figures: Figures = {"planted": len(keys), "returned": 0, "errors": 0, "wrong": 0}

        async def work(number: int) -> None:
            for turn in range(3):
                bad = keys[(number + turn) % len(keys)]
                for key in (f"key-{number}", bad) if number % 10 == turn or len(keys) > 1 else (f"key-{number}",):
                    try:
                        said = await subject.get(key)
                    except Exception:
                        figures["errors"] += 1
                        continue
                    figures["returned"] += key is bad and said is not None
                    figures["wrong"] += key is not bad and said is not None and said["key"] != number

        await subject.get("key-0")  # whatever is imported with the first read
        watched = _Watched()
        watching = asyncio.create_task(watched.run())
        begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        await asyncio.gather(*(work(number) for number in range(WORKERS)))
        watching.cancel()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        more = max(watched.peak - watched.before, peak - begun, 0)
    figures["refused"] = getattr(subject, "refused", None)
    return {**figures, "more_mb": round(more / MIB, 1), "held_s": round(watched.held, 3)}


def _planted(what: str) -> Any:
    async def measure(name: str, _scale: Scale) -> Figures:
        with RedisServer() as server:
            said = await said_by("bombs", name, server.url, what)
        return said if "more_mb" in said else {**said, "more_mb": None, "held_s": None}

    return measure


_HELD = most(errors=0, wrong=0, returned=0, more_mb=64, held_s=0.150)
_GOAL = "0 errors, none returned, at most 64 MiB more memory, the loop never held for more than 150 ms"

ROWS = [
    Row(name="20 bombs under live keys", goal=_GOAL, measure=_planted("bombs"), held=_HELD),
    Row(
        name="a value of 100 MB under a live key",
        goal=_GOAL,
        measure=_planted("large"),
        held=_HELD,
        shown={
            "errors": "errors to callers",
            "returned": "returned",
            "more_mb": "more memory, MiB",
            "held_s": "loop held, s",
        },
    ),
]

if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(*sys.argv[1:4]))))
