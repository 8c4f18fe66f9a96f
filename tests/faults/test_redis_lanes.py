"""What happens to the calls that share a socket when it is cut, lies or is busy with something large."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import hiredis
import pytest

from aicache.errors import BackendError, BackendUnavailableError
from aicache_redis import RedisBackend
from aicache_redis._commands import MOST_BYTES


class Scripted:
    """A server on this loop: `answer(command, number)` says the reply's bytes, None for silence, or raises to hang up.

    `commands`: what each connection was asked beside the handshake. `received`: bytes of all values stored.
    """

    def __init__(self, answer):
        self.answer = answer
        self.commands = []
        self.received = 0
        self._writers = []

    async def _serve(self, reader, writer):
        own = []
        self._writers.append(writer)
        asked = hiredis.Reader()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                asked.feed(data)
                for command in iter(asked.gets, False):
                    if command[0] in (b"CLIENT", b"INFO"):
                        writer.write(b"+OK\r\n" if command[0] == b"CLIENT" else text(b"redis_version:8.0.0\r\n"))
                        continue
                    if not own:
                        self.commands.append(own)
                    own.append(command)
                    if command[0] == b"SET":
                        self.received += len(command[2])
                    said = self.answer(command, len(self.commands))
                    if said is not None:
                        writer.write(said)
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self):
        """The URL under which it answers, for as long as the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
            for writer in self._writers:
                writer.close()


def text(value):
    return b"$%d\r\n%b\r\n" % (len(value), value)


async def heard(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 a socket says nothing to an event
            await asyncio.sleep(0)


async def test_calls_under_way_on_a_connection_that_is_cut_are_asked_again_on_a_new_one():
    def answer(command, number):
        if number == 1:
            raise ConnectionResetError
        return text(command[1])

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        keys = [f"k{number}" for number in range(20)]
        said = await asyncio.gather(*map(backend.get, keys), backend.get_many(keys))
        assert said == [*map(str.encode, keys), {key: key.encode() for key in keys}]
        assert len(server.commands) == 2
        await backend.aclose()


async def test_a_call_is_asked_again_once_and_not_for_ever():
    server = Scripted(lambda command, number: (_ for _ in ()).throw(ConnectionResetError))
    async with server.running() as url:
        backend = RedisBackend(url, timeout=10)
        with pytest.raises(BackendUnavailableError):
            await backend.get("k")
        assert len(server.commands) == 2
        await backend.aclose()


async def test_a_reply_that_nobody_asked_for_reaches_nobody():
    server = Scripted(lambda command, number: text(command[1]) + (text(b"foreign") if number == 1 else b""))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        for key in ("a", "b", "c"):
            assert await backend.get(key) == key.encode()
        assert len(server.commands) == 2  # the first connection could no longer be trusted
        await backend.aclose()


async def test_a_read_does_not_wait_behind_what_is_being_written():
    server = Scripted(lambda command, number: text(command[1]) if command[0] == b"GETRANGE" else None)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        writing = asyncio.create_task(backend.set("large", bytes(4 * 2**20)))
        await heard(lambda: server.commands)
        assert await backend.get("k") == b"k"
        assert not writing.done()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await backend.aclose()


async def test_no_more_than_a_mebibyte_of_values_is_under_way_at_once():
    answered = asyncio.Event()
    server = Scripted(lambda command, number: b"+OK\r\n" if answered.is_set() else None)
    async with server.running() as url:
        backend = RedisBackend(url, timeout=10)
        size = 300_000
        tasks = [asyncio.create_task(backend.set(f"k{number}", bytes(size))) for number in range(20)]
        await heard(lambda: server.received >= 3 * size)
        for _ in range(200):
            await asyncio.sleep(0)
        assert server.received == 3 * (size + 1) <= MOST_BYTES
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await backend.aclose()


async def test_what_is_cancelled_before_it_is_sent_is_never_sent():
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        tasks = [asyncio.create_task(backend.get(f"k{number}")) for number in range(10)]
        await asyncio.sleep(0)  # the first of them is sent, the others wait for the loop to come round
        for task in tasks[1:]:
            task.cancel()
        assert await tasks[0] == b"k0"
        assert await backend.get("last") == b"last"
        asked = Counter(command[1] for command in server.commands[0])
        assert asked == {b"first": 1, b"k0": 1, b"last": 1}
        await backend.aclose()


async def test_calls_that_come_while_others_are_under_way_go_in_one_write():
    sizes = []
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        wire = backend._links._here().reads._wire
        send = wire.send
        wire.send = lambda turns: (sizes.append(sum(turn.count for turn in turns)), send(turns))
        await asyncio.gather(*(backend.get(f"k{number}") for number in range(1000)))
        assert sizes[0] == 1  # it had nobody to wait for
        assert sizes[1] == 384  # of the 512 that may be under way at once; the next 128 would be one too many
        assert sum(sizes) == 1000
        assert len(sizes) <= 8
        await backend.aclose()


async def test_a_value_that_several_ask_for_is_asked_for_once():
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        tasks = [asyncio.create_task(backend.get(key)) for key in ["ahead", *["hot"] * 10, "cold"]]
        await asyncio.sleep(0)
        tasks[1].cancel()  # the one that the others joined
        assert await asyncio.gather(*tasks[2:]) == [b"hot"] * 9 + [b"cold"]
        assert await backend.get("hot") == b"hot"
        asked = Counter(command[1] for command in server.commands[0])
        assert asked == {b"first": 1, b"ahead": 1, b"hot": 2, b"cold": 1}
        await backend.aclose()


async def test_what_fails_fails_for_all_who_asked_for_it():
    def answer(command, number):
        if command[1] in (b"no", b"list"):
            return b"-ERR no such luck\r\n" if command[1] == b"no" else b"-WRONGTYPE it is a list\r\n"
        return text(command[1])

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        asked = [backend.get(key) for key in ["ahead", "no", "no", "list", "list"]]
        said = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in said] == [bytes, BackendError, BackendError, type(None), type(None)]
        assert said[1] is not said[2]
        assert (await backend.get("last"), (await backend.info())["foreign"]) == (b"last", 2)
        await backend.aclose()


async def test_nobody_joins_a_call_that_has_failed():
    backend = RedisBackend("redis://127.0.0.1:1/0", timeout=10)
    for _ in range(2):
        said = await asyncio.gather(*(backend.get("k") for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in said] == [BackendUnavailableError] * 5
    await backend.aclose()


async def test_many_small_values_go_in_one_write_each_way():
    sizes = []
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        wire = backend._links._here().reads._wire
        send = wire.send
        wire.send = lambda turns: (sizes.append([turn.count for turn in turns]), send(turns))
        keys = [f"k{number}" for number in range(512)]
        assert await backend.get_many(keys) == {key: key.encode() for key in keys}
        assert sizes == [[512]]
        await backend.aclose()
