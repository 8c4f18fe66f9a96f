"""A real pre-fork server: its application, cache and all, is loaded and used before it forks its workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aicache import SyncTieredCache, TieredCache
from aicache_memory import MemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

pytestmark = pytest.mark.redis

# The cache is made where the application is imported, and used at once: under gunicorn's `preload_app` that is in the
# process that forks.
APP = """
import asyncio, json, os
from aicache import Policy, SyncTieredCache, TieredCache
from aicache_memory import MemoryBackend, SyncMemoryBackend
from aicache_redis import RedisBackend, SyncRedisBackend

URL, PREFIX = os.environ["CACHE_URL"], os.environ["CACHE_PREFIX"]
policy = Policy(ttl=60)
cache = TieredCache([MemoryBackend(), RedisBackend(URL, prefix=PREFIX, timeout=5)], policy=policy)
redis = SyncRedisBackend(URL, prefix=PREFIX + "sync:", timeout=5)
threads = SyncTieredCache([SyncMemoryBackend(), redis], policy=policy)
loaded_in = os.getpid()

async def warm():
    await cache.set_many({f"warm:{n}": {"n": n} for n in range(20)})
    assert await cache.get("warm:1") == {"n": 1}

try:
    asyncio.get_running_loop()
except RuntimeError:  # uvicorn imports it in its loop
    asyncio.run(warm())
threads.set_many({f"warm:{n}": {"n": n} for n in range(20)})


def told(own, number):
    return {"n": own["n"], "asked": number, "pid": os.getpid(), "loaded_in": loaded_in}


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await warm()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return await cache.aclose()
    number = int(scope["path"].strip("/"))
    found = (await cache.get_many([f"warm:{number % 20}"])).get(f"warm:{number % 20}")
    made = await cache.get_or_set(f"made:{number}", lambda: {"n": number})
    body = json.dumps(told(made, number) | {"warm": found}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ, start_response):
    number = int(environ["PATH_INFO"].strip("/"))
    found = threads.get(f"warm:{number % 20}")
    made = threads.get_or_set(f"made:{number}", lambda: {"n": number})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told(made, number) | {"warm": found}).encode()]
"""

GUNICORN = ("gunicorn", "--preload", "--workers", "2", "--worker-tmp-dir", ".", "--no-control-socket", "--bind")
SERVERS = {
    "gunicorn, sync workers": (*GUNICORN, "{at}", "app:wsgi"),
    "gunicorn, threads": (*GUNICORN, "{at}", "--threads", "4", "app:wsgi"),
    "gunicorn, event loops": (*GUNICORN, "{at}", "--worker-class", "uvicorn.workers.UvicornWorker", "app:asgi"),
    "uvicorn": ("uvicorn", "--workers", "2", "--host", "127.0.0.1", "--port", "{port}", "app:asgi"),
}


@contextmanager
def serving(command: tuple[str, ...], folder: Path, url: str, prefix: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "app.py").write_text(APP, encoding="utf-8")
    words = [word.format(at=f"127.0.0.1:{port}", port=port) for word in command]
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "CACHE_URL": url, "CACHE_PREFIX": prefix, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            output = process.communicate(timeout=20)[0].decode()
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own session: the server and its workers, nobody else
            output = process.communicate()[0].decode() + "it did not end when it was told to"
    assert "Traceback" not in output, output
    assert "did not end" not in output, output


def asked(url: str) -> dict:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)  # it is still starting


NIGHTLY = {"gunicorn, threads", "uvicorn"}  # like the other of threads, and of loops


@pytest.mark.parametrize(
    "server", [pytest.param(server, marks=[pytest.mark.nightly] * (server in NIGHTLY)) for server in SERVERS]
)
def test_a_cache_made_and_used_before_the_fork_serves_every_worker(server, tmp_path, redis_url, redis_prefix):
    with serving(SERVERS[server], tmp_path, redis_url, redis_prefix) as url:
        asked(f"{url}/0")
        workers: set[int] = set()
        for _ in range(10):
            with ThreadPoolExecutor(16) as threads:
                said = list(threads.map(lambda number: asked(f"{url}/{number}"), range(100)))
            assert [(each["n"], each["asked"]) for each in said] == [(number, number) for number in range(100)]
            assert [each["warm"] for each in said] == [{"n": number % 20} for number in range(100)]
            workers |= {each["pid"] for each in said}
            if len(workers) == 2:
                break
        assert len(workers) == 2
        if "gunicorn" in server:  # the cache really was there before the fork
            assert said[0]["loaded_in"] not in workers


def test_one_cache_in_asyncio_run_again_and_again_as_in_a_notebook(redis_url, redis_prefix):
    cache = TieredCache([MemoryBackend(), RedisBackend(redis_url, prefix=redis_prefix, timeout=5)])
    fresh = TieredCache([RedisBackend(redis_url, prefix=redis_prefix, timeout=5)])

    async def cell(number):
        assert await cache.get_or_set(f"cell {number}", lambda: number) == number
        return [await fresh.get(f"cell {before}") for before in range(number + 1)]

    for number in range(20):
        assert asyncio.run(cell(number)) == list(range(number + 1))
    asyncio.run(cache.aclose())
    asyncio.run(fresh.aclose())


async def test_the_sync_twin_works_inside_a_running_loop_as_in_a_notebooks_cell(redis_url, redis_prefix):
    with SyncTieredCache([SyncRedisBackend(redis_url, prefix=redis_prefix, timeout=5)]) as cache:
        assert cache.get_or_set("k", lambda: [1]) == [1]
        assert cache.get("k") == [1]
