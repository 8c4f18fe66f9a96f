"""What happens to the calls that share a socket when it is cut, lies or is busy with something large."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import hiredis
import pytest
import redis.asyncio

from aicache.errors import BackendBusyError, BackendError, BackendUnavailableError
from aicache_redis import RedisBackend
from aicache_redis._commands import LOOK, MOST_BYTES


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


async def test_equal_keys_are_asked_for_once_however_many_others_come_between():
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.get("first")
        keys = ["ahead", *[f"k{number % 300}" for number in range(3000)]]
        assert await asyncio.gather(*map(backend.get, keys)) == [*map(str.encode, keys)]
        asked = Counter(command[1] for command in server.commands[0])
        assert len(asked) == 302
        assert set(asked.values()) == {1}
        await backend.aclose()


@pytest.mark.parametrize("passed", [False, True])
@pytest.mark.parametrize(("later", "times"), [(0.9, 1), (1.1, 2)])
async def test_who_comes_late_in_a_long_turn_does_not_share_the_deadline_of_the_first(passed, later, times):
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        client = redis.asyncio.Redis.from_url(url, protocol=2) if passed else None
        backend = RedisBackend(prefix="", timeout=10, **({"client": client} if passed else {"url": url}))
        assert await backend.get("first") == b"first"
        lane, now = backend._links._here().reads, asyncio.get_running_loop().time
        tasks = [asyncio.create_task(backend.get(key)) for key in ["ahead", "hot"]]

        async def late():
            lane._time = lambda: now() + later
            return await backend.get("hot")

        tasks.append(asyncio.create_task(late()))
        assert await asyncio.gather(*tasks) == [b"ahead", b"hot", b"hot"]
        asked = Counter(command[1] for commands in server.commands for command in commands)
        assert asked[b"hot"] == times
        await backend.aclose()
        if client is not None:
            await client.aclose()


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


async def test_what_was_answered_before_a_cut_is_not_asked_again():
    def answer(command, number):
        if number == 1 and command[1] in (b"k3", b"m5"):
            raise ConnectionResetError
        return text(command[1])

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        keys = [f"k{number}" for number in range(6)]
        assert await asyncio.gather(*map(backend.get, [*keys, "k4"])) == [*map(str.encode, keys), b"k4"]
        assert [[command[1] for command in own] for own in server.commands] == [
            [b"k0", b"k1", b"k2", b"k3"],
            [b"k3", b"k4", b"k5"],
        ]
        await backend.aclose()


async def test_a_batch_that_is_cut_in_the_middle_is_asked_again_whole():
    def answer(command, number):
        if number == 1 and command[1] == b"k5":
            raise ConnectionResetError
        return text(command[1])

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        keys = [f"k{number}" for number in range(8)]
        assert await backend.get_many(keys) == {key: key.encode() for key in keys}
        assert [len(own) for own in server.commands] == [6, 8]
        await backend.aclose()


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
async def test_replies_that_come_in_pieces_are_put_together(size):
    pieces = []

    def answer(command, number):
        pieces.append(text(command[1] * 100) if command[0] == b"GETRANGE" else b"+OK\r\n")

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        keys = [f"k{number}" for number in range(20)]
        asked = asyncio.gather(*map(backend.get, keys), backend.get_many(keys), backend.set("k", b"v"))
        await heard(lambda: len(pieces) == 43)  # a write takes a token away, and tells
        wire = backend._links._here().reads._wire
        replies = b"".join(pieces)
        for start in range(0, len(replies), size):
            piece = replies[start : start + size]
            wire.get_buffer(-1)[: len(piece)] = piece
            wire.buffer_updated(len(piece))
        *said, many, _ = await asked
        assert said == [key.encode() * 100 for key in keys]
        assert many == {key: key.encode() * 100 for key in keys}
        assert wire.count == wire.size == 0
        await backend.aclose()


async def test_small_writes_share_the_connection_of_the_reads_and_large_ones_do_not():
    server = Scripted(lambda command, number: text(command[1]) if command[0] == b"GETRANGE" else b"+OK\r\n")
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        await backend.set("small", bytes(1000))
        assert await backend.get("k") == b"k"
        assert len(server.commands) == 1
        await backend.set("large", bytes(LOOK))
        await backend.set("after", bytes(1000))
        assert await backend.get("k") == b"k"
        said = [[command[1] for command in own if command[0] in (b"GETRANGE", b"SET")] for own in server.commands]
        assert said == [[b"small", b"k", b"k"], [b"large", b"after"]]
        await backend.aclose()


async def test_many_small_writes_at_once_are_as_good_as_a_large_one():
    answers = asyncio.Event()
    server = Scripted(lambda command, number: b"+OK\r\n" if number > 1 or answers.is_set() else None)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        tasks = [asyncio.create_task(backend.set(f"k{number}", bytes(8000))) for number in range(20)]
        await heard(lambda: server.commands and server.commands[0][-1][0] == b"ECHO")
        before = sum(command[0] == b"SET" for command in server.commands[0])
        assert before == 1  # it had nobody to go with; the others go together
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await backend.aclose()


@pytest.mark.parametrize("echo", [b"$0\r\n\r\n", b"-NOPERM this user has no permissions to run 'echo'\r\n"])
async def test_a_large_write_does_not_overtake_a_small_one_that_is_under_way(echo):
    silent = []

    def answer(command, number):
        if number == 1:
            silent.append(command)
            return None
        return b"+OK\r\n"

    server = Scripted(answer)
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=10)
        small = asyncio.create_task(backend.set("k", b"small"))
        await heard(lambda: silent)
        large = asyncio.create_task(backend.set("k", bytes(LOOK)))
        await heard(lambda: len(silent) == 4)
        for _ in range(200):
            await asyncio.sleep(0)
        assert [command[0] for command in silent] == [b"UNLINK", b"SET", b"XADD", b"ECHO"]
        assert len(server.commands) == 1
        server._writers[0].write(b":0\r\n+OK\r\n" + text(b"1-0") + echo)
        await asyncio.gather(small, large)
        assert [command[1] for command in server.commands[1] if command[0] == b"SET"] == [b"k"]
        await backend.aclose()


async def test_a_loop_that_comes_too_late_itself_holds_nothing_against_the_server():
    server = Scripted(lambda command, number: text(command[1]))
    async with server.running() as url:
        backend = RedisBackend(url, prefix="", timeout=0.1)
        await backend.get("first")
        tasks = [asyncio.create_task(backend.get(key)) for key in ("sent", "queued")]
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 as an application does that computes in its event loop
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in said] == [BackendBusyError] * 2
        assert await backend.get("last") == b"last"
        await backend.aclose()
