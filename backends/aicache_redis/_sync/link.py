"""The sync way to the server: sockets that threads share. Written by hand in both flavours.

A call has one deadline: the wait for a free socket, connecting and each piece of the reply included. (Only the look-up
of a host's name cannot be interrupted.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicache.errors import BackendBusyError, BackendError, ClosedError
from aicache_redis._commands import MOST_COMMANDS, Command, Look, portions, refusal
from aicache_redis._leases import Conditions
from aicache_redis._pool.deadline import Deadline, timed
from aicache_redis._pool.pool import Pool
from aicache_redis._settings import Settings, check_client, failure_of, imported, is_away

__all__ = ["Links"]


class Links:
    """One pool of sockets, or the client that was passed in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client = settings.client
        self._closed = False
        self._deadline = Deadline()
        self._watching: Any = None
        if self._client is not None:
            check_client(self._client, is_async=False)
            return
        self._arguments = settings.connection("redis")
        self._kind = timed(self._arguments.pop("connection_class"), self._deadline)
        self._pack: Any = imported("hiredis").pack_command
        self._pool = Pool(
            lambda: self._kind(**self._arguments), settings.max_connections, self._deadline, settings.timeout
        )

    def look(self, look: Look, name: bytes) -> Any:
        """The reply to what reads a value."""
        self._check_open()
        return self._call((look.command(name),), look.packed(name))[0]

    def look_many(self, look: Look, names: Sequence[bytes]) -> list[Any]:
        """The replies, in order, to what reads several values."""
        self._check_open()
        replies: list[Any] = []
        for start in range(0, len(names), MOST_COMMANDS):
            some = names[start : start + MOST_COMMANDS]
            replies += self._call([look.command(name) for name in some], b"".join(map(look.packed, some)))
        return replies

    def ask(self, command: Command) -> Any:
        """The reply to a command."""
        return self.read((command,))[0]

    def read(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order.

        Raises `BackendError` where the server is away or refuses one of them, `BackendTimeoutError` where it is late.
        """
        self._check_open()
        if len(commands) == 1:
            return self._call(commands)
        replies: list[Any] = []
        for portion, _ in portions(commands):
            replies += self._call(portion)
        return replies

    write = read

    def follow(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands of which the first waits."""
        return self.read(commands)

    def guarded(self, conditions: Conditions, commands: Sequence[Command]) -> bool:
        """Carry out commands, all or none, if what stands under some names is what may; say whether they were.

        For servers that deny EVAL: WATCH, MULTI and EXEC, by the library, on a connection that nobody shares.
        """
        library = imported("redis")
        self._deadline.begin(self.settings.timeout)
        try:
            with self._library_client().pipeline() as pipeline:
                pipeline.watch(*[name for name, _ in conditions])
                for name, allowed in conditions:
                    if pipeline.execute_command("GET", name) not in allowed:
                        return False
                pipeline.multi()
                for command in commands:
                    pipeline.execute_command(*command)
                pipeline.execute()
                return True
        except library.WatchError:
            return False
        except Exception as error:
            raise failure_of(error, self.settings) from error

    def _library_client(self) -> Any:
        if self._client is not None:
            return self._client
        if self._watching is None:
            library = imported("redis")
            pool = library.ConnectionPool(connection_class=self._kind, **self._arguments)
            self._watching = library.Redis(connection_pool=pool)
        return self._watching

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this Redis backend is closed; build a new one")

    def _call(self, commands: Sequence[Command], packed: bytes | None = None) -> list[Any]:
        self._deadline.begin(self.settings.timeout)
        pipeline = self._through_the_pool if self._client is None else self._through_the_client
        try:
            try:
                replies = pipeline(commands, packed)
            except Exception as error:
                if not is_away(error) or self._closed or self._deadline.passed:
                    raise
                # The server may have been restarted meanwhile. All our commands may be said twice.
                replies = pipeline(commands, packed)
        except Exception as error:
            if self._closed:
                raise ClosedError("this Redis backend was closed during the call") from error
            if self._deadline.passed and not isinstance(error, BackendBusyError):
                raise failure_of(TimeoutError(), self.settings) from error
            raise failure_of(error, self.settings) from error
        finally:
            if self._closed:  # another thread closed it meanwhile, and this call may have connected since
                self.close()
        refused = refusal(replies)
        if refused is not None:
            raise failure_of(refused, self.settings)
        return replies

    def _through_the_pool(self, commands: Sequence[Command], packed: bytes | None) -> list[Any]:
        wire = self._pool.take()
        try:
            replies = wire.call(packed or b"".join(map(self._pack, commands)), len(commands))
        except BaseException:
            self._pool.drop(wire)
            raise
        self._pool.give(wire)
        return replies

    def _through_the_client(self, commands: Sequence[Command], _packed: bytes | None) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        if len(replies) != len(commands):
            raise BackendError(f"{len(replies)} replies to {len(commands)} commands")
        return replies

    def close(self) -> None:
        """Close the sockets that are ours."""
        self._closed = True
        if self._client is None:
            self._pool.close()
        if self._watching is not None:
            self._watching.close()
