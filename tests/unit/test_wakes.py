"""Who waits is woken for its own keys alone, in both flavours, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
import time

from aicache._async.wakes import Wakes
from aicache._sync.wakes import Wakes as SyncWakes

LONG = 30.0


async def test_a_key_wakes_who_waits_for_it_and_nobody_else():
    wakes = Wakes()
    waiters = [asyncio.ensure_future(wakes.wait(keys, LONG)) for keys in (["a", "b"], ["b"], ["c"])]
    await asyncio.sleep(0)
    wakes.wake(["b", "unknown"])
    await asyncio.gather(*waiters[:2])
    assert not waiters[2].done()
    waiters[2].cancel()
    await asyncio.gather(waiters[2], return_exceptions=True)
    assert wakes._waiting == {}


async def test_a_wait_ends_by_itself():
    wakes = Wakes()
    await wakes.wait(["a"], 0.0)
    wakes.wake(["a"])
    assert wakes._waiting == {}


async def test_another_event_loop_is_woken():
    wakes, begun = Wakes(), threading.Event()

    async def wait():
        asyncio.get_running_loop().call_soon(begun.set)
        await wakes.wait(["a"], LONG)

    waiting = asyncio.create_task(asyncio.to_thread(asyncio.run, wait()))
    await asyncio.to_thread(begun.wait, LONG)
    wakes.wake(["a"])
    await asyncio.wait_for(waiting, LONG)


def test_a_thread_is_woken():
    wakes = SyncWakes()
    thread = threading.Thread(target=wakes.wait, args=(["a", "b"], LONG))
    thread.start()
    while not wakes._waiting:
        time.sleep(0)
    wakes.wake(["a"])
    thread.join(LONG)
    assert not thread.is_alive()
    assert wakes._waiting == {}
