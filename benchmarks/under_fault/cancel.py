"""A storm of cancellations through a connection that is slow by chance, and replies that reach the wrong caller."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aicache.testing import FaultProxy, FaultyBackend
from aicache.testing.faults import AnswerOf, Fault
from aicache.testing.servers import RedisServer
from under_fault.rows import Figures, Row, Scale, most
from under_fault.subjects import Aicache, opened

__all__ = ["ROWS"]

KEYS = 500
AT_ONCE = 200


class _Storm:
    """Operations of which three in ten are cancelled at a moment of chance. Each value names its key."""

    def __init__(self, subject: Any, seed: int) -> None:
        self._subject = subject
        self._random = random.Random(seed)
        self.figures: Figures = {"operations": 0, "cancelled": 0, "wrong": 0, "errors": 0, "misses": 0}

    async def fill(self) -> None:
        """Have every key stored."""
        for number in range(KEYS):
            await self._subject.set(f"storm-{number}", {"key": number})

    async def round(self) -> None:
        """As many at once as there may be."""
        tasks = {
            asyncio.create_task(self._one(number)): number for number in self._random.choices(range(KEYS), k=AT_ONCE)
        }
        doomed = self._random.sample(list(tasks), 3 * AT_ONCE // 10)
        await asyncio.sleep(self._random.choice([0, 0, 0.001, 0.003]))
        for task in doomed:
            task.cancel()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        self.figures["operations"] += len(tasks)
        for number, answer in zip(tasks.values(), said, strict=True):
            if isinstance(answer, asyncio.CancelledError):
                self.figures["cancelled"] += 1
            elif isinstance(answer, BaseException):
                self.figures["errors"] += 1
            elif answer is None:
                self.figures["misses"] += 1
            elif answer["key"] != number:
                self.figures["wrong"] += 1

    async def _one(self, number: int) -> Any:
        key, drawn = f"storm-{number}", self._random.random()
        if drawn < 0.2:
            await self._subject.set(key, {"key": number})
            return {"key": number}
        if drawn < 0.4 and isinstance(self._subject, Aicache):
            return await self._subject.cache.get_or_set(key, lambda: {"key": number})
        return await self._subject.get(key)


async def _cancelled(name: str, scale: Scale) -> Figures:
    with RedisServer() as server, FaultProxy(server.port) as proxy:
        async with opened(name, f"redis://127.0.0.1:{proxy.port}/0") as subject:
            storm = _Storm(subject, 1)
            await storm.fill()
            before = proxy.connections
            proxy.delay = (0, 0.004)
            for _ in range(scale.operations // AT_ONCE):
                await storm.round()
            proxy.delay = 0.0
            new = proxy.connections - before
            await asyncio.sleep(0.3)  # what runs in the background has time to end
            tasks = len(asyncio.all_tasks()) - 1
            open_here = await _connected(server.port)
            for number in range(KEYS):  # and afterwards everybody gets their own
                said = await subject.get(f"storm-{number}")
                storm.figures["wrong"] += said is not None and said["key"] != number
        left = await _connected(server.port)
    figures = storm.figures
    return {
        **figures,
        "new_connections": new,
        "new_per_1000_cancelled": round(1000 * new / max(1, figures["cancelled"]), 1),
        "connections_open": open_here,
        "tasks_left": tasks,
        "connections_left": left,
    }


async def _connected(port: int) -> int:
    """Connections of others on the server, once those that are being closed are gone."""
    from redis.asyncio import Redis

    async with Redis(port=port) as admin:
        for _ in range(50):
            count = len(await admin.client_list()) - 1
            if not count:
                break
            await asyncio.sleep(0.01)
        return count


@asynccontextmanager
async def _swapping(name: str, url: str, drawn: random.Random) -> AsyncGenerator[tuple[Any, list[int]]]:
    """The subject over a client that answers one question in a hundred with another key's value; and which so far."""
    swapped: list[int] = []
    if name == "aicache":
        from aicache_redis import RedisBackend

        def plan(verb: str, key: str, number: int) -> Fault | None:
            if verb != "get" or drawn.random() >= 0.01:
                return None
            swapped.append(number)
            return AnswerOf(f"storm-{(int(key.partition('-')[2]) + 1) % KEYS}")

        subject = Aicache(url, FaultyBackend(RedisBackend(url), plan))
        yield subject, swapped
        await subject.close()
        return
    from redis.asyncio import Redis

    plain = Redis.execute_command
    asked: list[Any] = []

    def execute_command(client: Any, *words: Any, **options: Any) -> Any:
        if words[0] == "GET":
            asked.append(words[1])
            other = drawn.choice(asked[-50:])
            if drawn.random() < 0.01 and other != words[1]:
                swapped.append(1)
                words = ("GET", other)
        return plain(client, *words, **options)

    Redis.execute_command = execute_command  # type: ignore[method-assign]
    try:
        async with opened(name, url) as subject:
            yield subject, swapped
    finally:
        Redis.execute_command = plain  # type: ignore[method-assign]


async def _swapped(name: str, scale: Scale) -> Figures:
    drawn = random.Random(2)
    with RedisServer() as server:
        async with _swapping(name, server.url, drawn) as (subject, swapped):
            for number in range(KEYS):
                await subject.set(f"storm-{number}", {"key": number})
            wrong = errors = 0
            for _ in range(scale.swaps // 50):
                numbers = drawn.choices(range(KEYS), k=50)
                said = await asyncio.gather(
                    *(subject.get(f"storm-{number}") for number in numbers), return_exceptions=True
                )
                for number, answer in zip(numbers, said, strict=True):
                    errors += isinstance(answer, BaseException)
                    wrong += isinstance(answer, dict) and answer["key"] != number
            refused = getattr(subject, "refused", None)
    return {"reads": scale.swaps, "swapped": len(swapped), "wrong": wrong, "errors": errors, "refused": refused}


def _every_swap_is_refused(figures: Figures) -> list[str]:
    broken = most(wrong=0, errors=0)(figures)
    if not figures["swapped"] or figures["refused"] != figures["swapped"]:
        broken.append(f"refused {figures['refused']} of {figures['swapped']}")
    return broken


ROWS = [
    Row(
        name="storm of cancellations",
        goal="0 wrong, 0 errors, 0 tasks or connections left, at most 50 new connections per 1,000 cancellations",
        measure=_cancelled,
        held=most(wrong=0, errors=0, tasks_left=0, connections_open=2, connections_left=0, new_per_1000_cancelled=50),
        shown={
            "operations": "operations",
            "wrong": "wrong answers",
            "errors": "errors to callers",
            "new_per_1000_cancelled": "new connections per 1,000 cancelled",
            "tasks_left": "tasks left",
        },
    ),
    Row(
        name="another key's reply, 1 in 100",
        goal="0 wrong, each one counted as refused",
        measure=_swapped,
        held=_every_swap_is_refused,
        shown={"reads": "reads", "swapped": "swapped", "wrong": "wrong answers", "refused": "refused"},
    ),
]
