"""A client that is warm when its process forks: four children use it, on the inherited loop or on one of their own.

The work is done in a fresh process, `python -m under_fault.forked`, since it forks.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aicache.testing.servers import RedisServer
from under_fault.apart import said_by
from under_fault.rows import Figures, Row, Scale, most
from under_fault.subjects import SUBJECTS

__all__ = ["ROWS"]

CHILDREN = 4
KEYS = 200
PATIENCE = 40  # seconds


async def _read(subject: Any, reads: int, seed: int) -> dict[str, int]:
    drawn = random.Random(seed)
    figures = {"wrong": 0, "errors": 0, "right": 0}
    for _ in range(reads // 50):
        numbers = drawn.choices(range(KEYS), k=50)
        said = await asyncio.gather(*(subject.get(f"fork-{n}") for n in numbers), return_exceptions=True)
        for number, answer in zip(numbers, said, strict=True):
            figures["errors"] += isinstance(answer, BaseException)
            figures["right"] += isinstance(answer, dict) and answer["key"] == number
            figures["wrong"] += isinstance(answer, dict) and answer["key"] != number
    return figures


def _in_children(work: Callable[[int], dict[str, int]]) -> list[int]:
    """Fork; each child writes what it found and ends. Returns the pipes to read it from."""
    pipes = []
    for number in range(CHILDREN):
        out, into = os.pipe()
        if os.fork() == 0:
            signal.alarm(PATIENCE)
            try:
                os.write(into, json.dumps(work(number)).encode())
            finally:
                os._exit(0)
        os.close(into)
        pipes.append(out)
    return pipes


def _main(name: str, url: str, is_same_loop: bool, reads: int) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    subject = SUBJECTS[name](url)

    async def warm() -> None:
        for start in range(0, KEYS, 50):
            await asyncio.gather(*(subject.set(f"fork-{n}", {"key": n}) for n in range(start, start + 50)))
        await _read(subject, 200, 0)

    loop.run_until_complete(warm())

    def work(number: int) -> dict[str, int]:
        if is_same_loop:
            return loop.run_until_complete(_read(subject, reads, number))
        return asyncio.run(_read(subject, reads, number))

    pipes = _in_children(work)
    signal.alarm(PATIENCE)
    found = [loop.run_until_complete(_read(subject, reads, 99))]
    for pipe in pipes:
        with os.fdopen(pipe, "rb") as out:
            said = out.read()
        found.append(json.loads(said) if said else {"wrong": 0, "errors": reads, "right": 0})
    print(json.dumps({key: sum(each[key] for each in found) for key in found[0]}))
    with suppress(Exception):
        loop.run_until_complete(subject.close())


def _forked(is_same_loop: bool) -> Callable[[str, Scale], Awaitable[Figures]]:
    async def measure(name: str, scale: Scale) -> Figures:
        with RedisServer() as server:
            kind = "same" if is_same_loop else "fresh"
            said = await said_by("forked", name, server.url, kind, str(scale.forked_reads))
        reads = scale.forked_reads * (CHILDREN + 1)
        return {"reads": reads, "wrong": None, "errors": None, "right": 0, **said}

    return measure


_SHOWN = {"reads": "reads", "wrong": "wrong answers", "errors": "errors to callers", "right": "answered"}
_GOAL = "0 wrong, 0 errors"

ROWS = [
    Row(
        name=f"fork of {CHILDREN}, {kind} loop",
        goal=_GOAL,
        measure=_forked(kind == "the same"),
        held=most(wrong=0, errors=0),
        shown=_SHOWN,
    )
    for kind in ("the same", "a fresh")
]

if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3] == "same", int(sys.argv[4]))
