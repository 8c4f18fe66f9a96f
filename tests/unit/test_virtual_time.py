"""The loop in which time costs nothing: races are found by seed, and what would hang is an error."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from aicache import TieredCache
from aicache.errors import UnsupportedError
from aicache.testing.virtual_time import DeadlockError, VirtualTimeLoop, explore, run
from aicache_memory import MemoryBackend


def test_sleeping_takes_no_time_and_moves_the_clock():
    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(20)
        loop.advance(5)
        return loop.time()

    begun = time.monotonic()
    assert run(main()) == pytest.approx(3615)
    assert time.monotonic() - begun < 5


def test_what_would_wait_for_ever_is_an_error_that_says_who():
    async def waits_for_nobody():
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match=r"(?s)these wait:.*waits_for_nobody"):
        run(waits_for_nobody())


@pytest.mark.parametrize("what", ["thread", "socket"])
def test_what_takes_real_time_is_refused(what):
    async def main():
        loop = asyncio.get_running_loop()
        if what == "thread":
            await loop.run_in_executor(None, time.sleep, 0)
        else:
            await asyncio.open_connection("127.0.0.1", 1)

    with pytest.raises(UnsupportedError, match="virtual-time loop"):
        run(main())


def race():
    """A check and an act with a pause between them: wrong in some orders."""
    table = {}

    async def once(number):
        await asyncio.sleep(0)
        if "k" not in table:
            if number:
                await asyncio.sleep(0)
            table.setdefault("order", []).append(number)
            table["k"] = number

    async def main():
        await asyncio.gather(*(once(number) for number in range(2)))
        assert table["order"] == [0]

    return main()


def test_a_race_is_found_under_some_seed_and_again_under_that_seed():
    run(race(), seed=None)  # asyncio's own order hides it
    with pytest.raises(AssertionError) as found:
        explore(race, range(50))
    (note,) = found.value.__notes__
    seed = int(note.partition("seed=")[2].partition(";")[0])
    with pytest.raises(AssertionError):
        run(race(), seed=seed)


def test_the_same_seed_gives_the_same_order_and_others_give_others():
    def order(seed):
        seen = []

        async def one(number):
            for _ in range(3):
                await asyncio.sleep(0)
                seen.append(number)

        async def main():
            await asyncio.gather(*(one(number) for number in range(6)))

        run(main(), seed=seed)
        return tuple(seen)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(20)}) > 10


def single_flight(seed):
    """Callers of one key, some of them cancelled at some time; whoever stays gets the one answer."""
    drawn = random.Random(seed)

    async def main():
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loads = []

        async def factory():
            loads.append(loop.time())
            await asyncio.sleep(drawn.choice([0, 0.01, 1]))
            return ["answer"]

        async with TieredCache([MemoryBackend(clock=loop.time)], clock=loop.time) as cache:

            async def caller():
                await asyncio.sleep(drawn.choice([0, 0, 0.005, 0.5]))
                return await cache.get_or_set("k", factory)

            callers = [asyncio.create_task(caller()) for _ in range(12)]
            doomed = drawn.sample(callers, drawn.randrange(12))
            for task in doomed:
                await asyncio.sleep(drawn.choice([0, 0, 0.004, 0.3]))
                task.cancel()
            answers = await asyncio.gather(*callers, return_exceptions=True)
            for task, answer in zip(callers, answers, strict=True):
                assert answer == ["answer"] or (task in doomed and isinstance(answer, asyncio.CancelledError))
            assert cache._flights._table == {}
            assert cache._chain.fence._out == {}
            survivors = [task for task in callers if task not in doomed]
            if len(survivors) == len(callers):
                assert len(loads) == 1
            assert await cache.get_or_set("k", factory) == ["answer"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    return main()


def test_single_flight_holds_in_any_order_with_any_cancellations():
    for seed in range(300):
        try:
            run(single_flight(seed), seed=seed)
        except BaseException as error:
            error.add_note(f"seed={seed}")
            raise


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_single_flight_holds_in_ten_thousand_orders():
    for seed in range(300, 10_300):
        run(single_flight(seed), seed=seed)
