"""The sync way to the server: a pool that threads share. Written by hand in both flavours.

The pool gives a new connection to a forked process by itself. A call has one deadline: the wait for a free connection,
connecting and each piece of the reply included. (Only the look-up of a host's name cannot be interrupted.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicache.errors import BackendError, ClosedError
from aicache_redis._commands import Command, portions, refusal
from aicache_redis._deadline import Deadline, timed
from aicache_redis._settings import Settings, check_client, failure_of, imported, is_away

__all__ = ["Links"]


class Links:
    """One pool of connections."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        client = settings.client
        self._owns = client is None
        self._closed = False
        self._deadline = Deadline()
        if client is None:
            redis = imported("redis")
            arguments = settings.connection("redis")
            kind = arguments.pop("connection_class")
            pool = redis.BlockingConnectionPool(
                connection_class=timed(kind, self._deadline),
                max_connections=settings.max_connections,
                timeout=settings.timeout,
                **arguments,
            )
            client = redis.Redis(connection_pool=pool)
        else:
            check_client(client, is_async=False)
        self._client = client

    def ask(self, command: Command) -> Any:
        """The reply to a command."""
        return self.read((command,))[0]

    def read(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order.

        Raises `BackendError` where the server is away or refuses one of them, `BackendTimeoutError` where it is late.
        """
        if self._closed:
            raise ClosedError("this Redis backend is closed; build a new one")
        replies: list[Any] = []
        for portion, _ in portions(commands):
            replies += self._call(portion)
        return replies

    write = read

    def _call(self, commands: Sequence[Command]) -> list[Any]:
        self._deadline.begin(self.settings.timeout)
        try:
            replies = self._replies(commands)
        except Exception as error:
            if self._closed:
                raise ClosedError("this Redis backend was closed during the call") from error
            raise failure_of(TimeoutError() if self._deadline.passed else error, self.settings) from error
        finally:
            if self._closed:  # another thread closed it meanwhile, and this call may have connected since
                self._disconnect()
        refused = refusal(replies)
        if refused is not None:
            raise failure_of(refused, self.settings)
        return replies

    def _replies(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._pipeline(commands)
        except Exception as error:
            if not is_away(error) or self._closed or self._deadline.passed:
                raise
            # The server may have been restarted since the connection was last used. All our commands may be said twice.
            return self._pipeline(commands)

    def _pipeline(self, commands: Sequence[Command]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        if len(replies) != len(commands):
            raise BackendError(f"{len(replies)} replies to {len(commands)} commands")
        return replies

    def close(self) -> None:
        """Close the connections that are ours."""
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        if self._owns:
            self._client.connection_pool.disconnect()
