"""Uses what the bare wheel installs, outside the checkout and without any extra."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
from collections.abc import Callable
from pathlib import Path

import aicache
from aicache import SyncTieredCache, TieredCache, available_backends, open_backend, open_sync_backend
from aicache.errors import MissingExtraError
from aicache_memory import MemoryBackend

VALUE = {"text": "answer", "vector": (1.5, -0.0), "raw": b"\x00", 3: None}


async def use() -> None:
    async with TieredCache([MemoryBackend(), open_backend("memory://?max_entries=10")]) as cache:
        await cache.set("key", VALUE, ttl=60)
        assert await cache.get("key") == VALUE
        assert await cache.get_or_set("other", lambda: "made") == "made"
        assert (await cache.lookup("other")).found


def use_sync() -> None:
    with SyncTieredCache([open_sync_backend("memory"), open_sync_backend("null")]) as cache:
        cache.set("key", VALUE, ttl=60)
        assert cache.get("key") == VALUE
        assert cache.get_or_set("other", lambda: "made") == "made"


def check_packaging() -> None:
    site = Path(aicache.__file__).parents[1]
    assert site.name == "site-packages", site
    assert aicache.__version__ == importlib.metadata.version("aicache")
    assert importlib.util.find_spec("aicache._tools") is None
    assert importlib.util.find_spec("tests") is None
    for package in ("aicache", "aicache_memory", "aicache_null", "aicache_redis"):
        assert (site / package / "py.typed").is_file(), package
    assert {"memory", "null", "redis"} <= available_backends().keys()
    for open_it in (open_backend, open_sync_backend):
        assert "aicache[redis]" in refusal(open_it), open_it


def refusal(open_it: Callable[[str], object]) -> str:
    try:
        open_it("redis://localhost:1")
    except MissingExtraError as error:
        return str(error)
    raise AssertionError("redis was opened without its extra")


asyncio.run(use())
use_sync()
check_packaging()
print("the wheel works")
