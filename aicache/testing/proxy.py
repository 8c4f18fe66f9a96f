"""A TCP proxy on loopback that harms what passes through it, for tests of what stands before a real server."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from aicache.errors import InvalidArgumentError

__all__ = ["FaultProxy"]

_PIECE = 65536


class FaultProxy:
    """Passes on what clients say to a server, and its replies, with the faults that are switched on at the time.

    `server`: the port on this host. `port`: where clients connect to, once it is entered with `with`. It runs in a
    thread of its own, so tests with and without an event loop can use it; each of the attributes below may be set at
    any time.

    `delay`: seconds that each piece of a reply is held up, or two, between which it is drawn. `refuses`: new
    connections are closed at once. `swallows`: nothing is passed on, in either direction, and nothing is closed: a
    black hole. `splits`: replies arrive byte by byte. `resets_after`: bytes of replies after which a connection is
    reset, in the middle of a reply as it may be; None: never. `corrupts`: the share of the pieces of replies, from 0 to
    1, in which one bit is wrong, drawn by `seed`.

    `connections`, `sent` and `received`: how many were made, and the bytes that came from clients and from the server.
    """

    def __init__(self, server: int, *, seed: int = 0) -> None:
        self.port = 0
        self.delay: float | tuple[float, float] = 0.0
        self.refuses = False
        self.swallows = False
        self.splits = False
        self.resets_after: int | None = None
        self.corrupts = 0.0
        self.connections = 0
        self.sent = 0
        self.received = 0
        self._server = server
        self._random = random.Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._silent: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._is_up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._is_up.wait(10):
            raise InvalidArgumentError("the proxy did not begin to listen within 10 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def cut(self) -> None:
        """Reset every connection there is; new ones are taken, unless `refuses`."""
        self._everywhere(self._reset_all)

    def silence(self) -> None:
        """Pass nothing on, either way, on the connections there are, and close none of them: a half-open link. New ones
        are served.
        """
        self._everywhere(lambda: self._silent.update(self._open))

    def half_close(self) -> None:
        """End the replies of every connection there is, and go on listening to its client."""
        self._everywhere(self._half_close_all)

    def _everywhere(self, call: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            call()
            done.set()

        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)
            done.wait(10)

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    def _half_close_all(self) -> None:
        for writer in tuple(self._open):
            with suppress(OSError, RuntimeError):
                writer.write_eof()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            task = asyncio.ensure_future(self._joined(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._ended.wait()
        server.close()
        for _ in range(3):  # a connection may have been on its way in, and transports close when the loop comes round
            self._reset_all()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.refuses:
                _reset(writer)
                return
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._ask(reader, to_server, writer))
                    both.create_task(self._answer(from_server, writer))
            finally:
                to_server.transport.abort()
        except* (OSError, RuntimeError):
            pass  # one of the two has gone, or hears no more
        finally:
            self._open.discard(writer)
            writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_PIECE):
            self.sent += len(data)
            if not self.swallows and client not in self._silent:
                writer.write(data)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while data := await reader.read(_PIECE):
            self.received += len(data)
            if self.delay:
                await asyncio.sleep(self._random.uniform(*self.delay) if isinstance(self.delay, tuple) else self.delay)
            if self.swallows or writer in self._silent:
                continue
            if self.corrupts and self._random.random() < self.corrupts:
                changed = bytearray(data)
                changed[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
                data = bytes(changed)
            if self.resets_after is not None and passed + len(data) > self.resets_after:
                writer.write(data[: max(0, self.resets_after - passed)])
                await asyncio.sleep(0)
                _reset(writer)
                raise ConnectionResetError
            passed += len(data)
            for piece in [data[at : at + 1] for at in range(len(data))] if self.splits else [data]:
                writer.write(piece)
                await writer.drain()
                if self.splits:
                    await asyncio.sleep(0)
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST and not with FIN, so that what is still on its way is lost."""
    with suppress(OSError):
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
