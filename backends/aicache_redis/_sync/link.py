"""The sync way to the server: sockets that threads share. Written by hand in both flavours.

A call has one deadline: the wait for a free socket, connecting and each piece of the reply included. (Only the look-up
of a host's name cannot be interrupted.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from aicache.errors import BackendBusyError, BackendError, ClosedError
from aicache_redis._commands import MOST_COMMANDS, Command, Look, portions
from aicache_redis._leases import Conditions
from aicache_redis._pool.deadline import Deadline, timed
from aicache_redis._pool.pool import Pool
from aicache_redis._pool.wire import Wire
from aicache_redis._settings import Settings, check_client, checked, failure_of, imported, is_away
from aicache_redis._sync.patience import patiently

__all__ = ["Links"]


class Links:
    """One pool of sockets, or the client that was passed in."""

    def __init__(self, settings: Settings, arguments: dict[str, Any] | None = None) -> None:
        """`arguments`: those of a connection, where they are not the settings'."""
        self.settings = settings
        self._client = settings.client
        self._closed = False
        self._deadline = Deadline()
        self._watching: Any = None
        if self._client is not None:
            check_client(self._client, is_async=False)
            return
        self._arguments = settings.connection("redis") if arguments is None else dict(arguments)
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

    # -- for several nodes: errors are among the replies

    def sent(self, packed: bytes, count: int) -> list[Any]:
        """The replies to commands as they are on the wire."""
        self._check_open()
        return self._call((), packed, count=count)

    def begin(self, packed: bytes) -> Wire | Exception | None:
        """Send commands, to be heard by `end` or given up; or how that failed, or None where `sent` is to try again."""
        self._check_open()
        self._deadline.begin(self.settings.timeout)
        wire = None
        try:
            wire = self._pool.take()
            wire.send(packed)
        except Exception as error:
            if wire is not None:
                self._pool.drop(wire)
            return None if is_away(error) and not self._deadline.passed else self._failure(error)
        except BaseException:
            if wire is not None:
                self._pool.drop(wire)
            raise
        return wire

    def end(self, wire: Wire, packed: bytes, count: int) -> list[Any] | Exception:
        """The replies to what `begin` has sent, or how it failed."""
        # Another node may have taken all the time; what has come from this one meanwhile is heard all the same.
        self._deadline.extend(self.settings.timeout / 10)
        try:
            replies = wire.hear(count)
        except Exception as error:
            self._pool.drop(wire)
            if not is_away(error) or self._closed or self._deadline.passed:
                return self._failure(error)
            try:  # the server may have been restarted meanwhile
                return self.sent(packed, count)
            except Exception as failure:
                return failure
        except BaseException:
            self._pool.drop(wire)
            raise
        self._pool.give(wire)
        return replies

    def give_up(self, wire: Wire) -> None:
        """Leave a connection whose replies nobody will hear."""
        self._pool.drop(wire)

    def slices(self, command_of: Callable[[int], Command]) -> Iterator[list[bytes]]:
        """Names, some at a time, of what SCAN lists; a name may come twice."""
        cursor = 0
        while True:
            ask = partial(self.read, [command_of(cursor)])
            ((cursor, names),) = patiently(ask) if cursor else ask()  # a server that is away is told of at once
            yield names
            cursor = int(cursor)
            if not cursor:
                return

    def masters(self) -> list[Links]:
        """This one."""
        return [self]

    def origin(self, name: bytes) -> str:  # noqa: ARG002 there is only one
        """Nothing: it is always the same server."""
        return ""

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

    def _call(self, commands: Sequence[Command], packed: bytes | None = None, *, count: int = 0) -> list[Any]:
        """The replies; with the `count` of what is already packed, errors are among them."""
        self._deadline.begin(self.settings.timeout)
        pipeline = self._through_the_pool if self._client is None else self._through_the_client
        try:
            try:
                replies = pipeline(commands, packed, count or len(commands))
            except Exception as error:
                if not is_away(error) or self._closed or self._deadline.passed:
                    raise
                # The server may have been restarted meanwhile. All our commands may be said twice.
                replies = pipeline(commands, packed, count or len(commands))
        except Exception as error:
            raise self._failure(error) from error
        finally:
            if self._closed:  # another thread closed it meanwhile, and this call may have connected since
                self.close()
        return replies if count else checked(replies, self.settings)

    def _failure(self, error: Exception) -> Exception:
        if self._closed:
            return ClosedError("this Redis backend was closed during the call")
        if self._deadline.passed and not isinstance(error, BackendBusyError):
            return failure_of(TimeoutError(), self.settings)
        return failure_of(error, self.settings)

    def _through_the_pool(self, commands: Sequence[Command], packed: bytes | None, count: int) -> list[Any]:
        wire = self._pool.take()
        try:
            wire.send(packed or b"".join(map(self._pack, commands)))
            replies = wire.hear(count)
        except BaseException:
            self._pool.drop(wire)
            raise
        self._pool.give(wire)
        return replies

    def _through_the_client(self, commands: Sequence[Command], _packed: bytes | None, _count: int) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.response_callbacks = {}  # replies as they are, not as the library would have them
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        if len(replies) != len(commands):
            raise BackendError(f"{len(replies)} replies to {len(commands)} commands")
        return replies

    def renew(self) -> None:
        """Leave all connections; what is under way is said again on new ones."""
        if self._client is None:
            self._pool.close()
        if self._watching is not None:
            self._watching.connection_pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close the sockets that are ours."""
        self._closed = True
        if self._client is None:
            self._pool.close()
        if self._watching is not None:
            self._watching.close()
