"""Sets that go together, over a server that answers when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aicache.errors import BackendError, BackendTimeoutError
from aicache_redis._lanes.gathering import Gathering


class Server:
    """Notes what is sent, and answers each call by `answer`."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self._replies: list[asyncio.Future[None]] = []

    async def send(self, keys: Any, stores: Any) -> None:
        assert [store[1] for store in stores] == [key.encode() for key in keys]
        self.sent.append(list(keys))
        reply = asyncio.get_running_loop().create_future()
        self._replies.append(reply)
        await reply

    def answer(self, at: int, error: Exception | None = None) -> None:
        if error is None:
            self._replies[at].set_result(None)
        else:
            self._replies[at].set_exception(error)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def begin(server):
    gathering = Gathering(server.send)

    def set_(*keys, data=b"data"):
        return [asyncio.create_task(gathering.set(key, ("SET", key.encode(), data))) for key in keys]

    return set_


async def turns(count=4):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_lone_set_is_sent_at_once(server, begin):
    (one,) = begin("a")
    await turns(1)
    assert server.sent == [["a"]]
    server.answer(0)
    await one


async def test_those_that_come_meanwhile_go_together_and_in_order(server, begin):
    tasks = begin("a", "b", "c", "b")
    await turns()
    assert server.sent == [["a"], ["b", "c", "b"]]
    server.answer(1)
    await asyncio.gather(*tasks[1:])
    assert not tasks[0].done()
    server.answer(0)
    await tasks[0]


async def test_those_of_another_turn_do_not_wait_for_the_first(server, begin):
    begin("a", "b")
    await turns()
    begin("c")
    await turns()
    assert server.sent == [["a"], ["b"], ["c"]]
    for at in range(3):
        server.answer(at)
    await turns()


async def test_after_the_last_answer_one_is_alone_again(server, begin):
    tasks = begin("a", "b")
    await turns()
    server.answer(0)
    server.answer(1)
    await asyncio.gather(*tasks)
    (one,) = begin("c")
    await turns(1)
    assert server.sent[-1] == ["c"]
    server.answer(2)
    await one


async def test_no_more_go_together_than_one_round_trip_takes(server, begin):
    tasks = begin("first", *map(str, range(300)))
    await turns()
    assert [len(keys) for keys in server.sent] == [1, 126, 126, 48]
    assert [key for keys in server.sent[1:] for key in keys] == list(map(str, range(300)))
    for at in range(4):
        server.answer(at)
    await asyncio.gather(*tasks)


async def test_large_values_do_not_go_together(server, begin):
    tasks = begin("first", "a", "b", "c", data=bytes(150_000))
    await turns()
    assert server.sent == [["first"], ["a"], ["b"], ["c"]]
    for at in range(4):
        server.answer(at)
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_before_it_goes_is_not_sent(server, begin):
    tasks = begin("a", "b", "c")
    await turns(1)
    tasks[1].cancel()
    await turns()
    assert server.sent == [["a"], ["c"]]
    server.answer(0)
    server.answer(1)
    assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [
        type(None),
        asyncio.CancelledError,
        type(None),
    ]


async def test_who_is_cancelled_under_way_leaves_the_others_alone(server, begin):
    tasks = begin("a", "b", "c")
    await turns()
    tasks[1].cancel()
    await turns()
    server.answer(0)
    server.answer(1)
    await tasks[2]
    assert tasks[1].cancelled()


async def test_nothing_is_sent_where_all_were_cancelled(server, begin):
    tasks = begin("a", "b")
    await turns(1)
    tasks[1].cancel()
    await turns()
    assert server.sent == [["a"]]
    server.answer(0)
    await tasks[0]


async def test_what_is_refused_together_is_said_again_one_by_one(server, begin):
    tasks = begin("a", "b", "c")
    await turns()
    server.answer(0)
    server.answer(1, BackendError("refused"))
    await turns()
    assert server.sent[2:] == [["b"], ["c"]]
    server.answer(2, BackendError("this one"))
    server.answer(3)
    await tasks[2]
    with pytest.raises(BackendError, match="this one"):
        await tasks[1]


async def test_a_server_that_is_late_is_not_asked_again(server, begin):
    tasks = begin("a", "b", "c")
    await turns()
    server.answer(0)
    server.answer(1, BackendTimeoutError("late"))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in outcomes] == [type(None), BackendTimeoutError, BackendTimeoutError]
    assert len(server.sent) == 2


async def test_a_first_one_that_fails_leaves_the_way_open(server, begin):
    (one,) = begin("a")
    await turns()
    server.answer(0, BackendTimeoutError("late"))
    with pytest.raises(BackendTimeoutError):
        await one
    begin("b")
    await turns(1)
    assert server.sent == [["a"], ["b"]]
    server.answer(1)
    await turns()


def test_an_event_loop_that_ends_ends_those_who_wait(server):
    """`asyncio.run` cancels what is left; nobody is left behind, and nothing is complained of."""
    gathering = Gathering(server.send)
    ended: list[type[BaseException]] = []

    async def set_(key: str) -> None:
        try:
            await gathering.set(key, ("SET", key.encode(), b""))
        except BaseException as error:
            ended.append(type(error))
            raise

    async def main() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(set_(key)) for key in "abc"]
        await turns()
        return tasks

    asyncio.run(main())
    assert ended == [asyncio.CancelledError] * 3


def test_each_event_loop_has_its_own(server):
    gathering = Gathering(server.send)

    async def one(key: str) -> None:
        task = asyncio.create_task(gathering.set(key, ("SET", key.encode(), b"")))
        await turns(1)
        server.answer(-1)
        await task

    asyncio.run(one("a"))
    asyncio.run(one("b"))
    assert server.sent == [["a"], ["b"]]
