"""The sync way to the server: a pool that threads share. Written by hand in both flavours.

The pool gives a new connection to a forked process by itself, and a thread waits for a free one for `timeout` at most;
then the answer takes `timeout` at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicache.errors import BackendError, ClosedError
from aicache_redis._commands import Command
from aicache_redis._settings import Settings, check_client, imported, translated

__all__ = ["Links"]


class Links:
    """One pool of connections."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self.settings = settings
        self._owns = client is None
        self._closed = False
        if client is None:
            redis = imported("redis")
            pool = redis.BlockingConnectionPool(
                max_connections=settings.max_connections, timeout=settings.timeout, **settings.connection("redis")
            )
            client = redis.Redis(connection_pool=pool)
        else:
            check_client(client, is_async=False)
        self._client = client

    def run(self, commands: Sequence[Command], *, size: int = 0) -> list[Any]:  # noqa: ARG002 the async twin counts bytes
        """The replies, in order. `size`: bytes of values in the commands.

        Raises `BackendError` where the server is away or refuses one of them, `BackendTimeoutError` where it is late.
        """
        if self._closed:
            raise ClosedError("this Redis backend is closed; build a new one")
        if not commands:
            return []
        try:
            replies = self._replies(commands)
        except Exception as error:
            raise translated(error, self.settings.place, self.settings.timeout) from error
        for reply in replies:
            if isinstance(reply, Exception):
                raise translated(reply, self.settings.place, self.settings.timeout) from reply
        return replies

    def _replies(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._pipeline(commands)
        except (imported("redis.exceptions").ConnectionError, OSError) as error:
            if isinstance(error, TimeoutError):
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
        if not self._closed:
            self._closed = True
            if self._owns:
                self._client.close()
                self._client.connection_pool.disconnect()
