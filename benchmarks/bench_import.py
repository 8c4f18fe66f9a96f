"""What an import takes: a new interpreter that does nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from fresh import commanded
from harness import Contender, Run, Scenario

__all__ = ["scenarios"]

IMPORTS = {
    "aicache": ("import aicache", "its names are loaded when they are first used"),
    "aicache, used": (
        "from aicache import TieredCache; from aicache_memory import MemoryBackend; TieredCache([MemoryBackend()])",
        "a cache with a memory tier is built",
    ),
    "aiocache": ("import aiocache", ""),
    "cashews": ("import cashews", ""),
    "cachetools": ("import cachetools", "no asyncio"),
    "py-key-value": ("from key_value.aio.stores.memory import MemoryStore", ""),
    "floor: import asyncio": ("import asyncio", ""),
    "floor: nothing": ("pass", "the interpreter alone"),
}


def scenarios() -> list[Scenario]:
    """One."""
    contenders = [
        Contender(name, _opened(code), f"`{code}`" + (f": {note}" if note else ""), name.startswith("floor"))
        for name, (code, note) in IMPORTS.items()
    ]
    what = "a new interpreter from its start to its end"
    return [Scenario("import", what, contenders, "aicache", rounds=15)]


def _opened(code: str) -> Callable[[], AsyncGenerator[Run]]:
    async def opened() -> AsyncGenerator[Run]:
        run = commanded(code)
        await run(1)  # from here on its bytecode is written and its files are in memory
        yield run

    return opened
