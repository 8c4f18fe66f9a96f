"""From a URL to the settings of a client. What decides about waiting is ours, never a library's default or the
URL's.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from aicache.errors import (
    AICacheError,
    BackendBusyError,
    BackendError,
    BackendTimeoutError,
    BackendUnavailableError,
    ConfigurationError,
    InvalidArgumentError,
    MissingExtraError,
)
from aicache.options import check_ttl
from aicache_redis._commands import refusal
from aicache_redis._url import DEFAULT_URL, Address, Target, check_url, place_of, target_of

__all__ = [
    "NEARLY_ALL",
    "NoTurnError",
    "ReadFrom",
    "Settings",
    "check_client",
    "checked",
    "failure_of",
    "imported",
    "is_away",
    "is_late",
    "is_own_delay",
]


ReadFrom: TypeAlias = Literal["master", "prefer_replica"]
"""Who is asked for values: masters alone, or replicas, and masters where no replica answers."""

NEARLY_ALL: Final = 0.9
"""Of its time: who goes together with a call that has less left may be late through no fault of its own."""

_NOT_READY: Final = ("LOADING ", "CLUSTERDOWN ", "MASTERDOWN ")


def imported(module: str) -> Any:
    """A module of the client library; raises `MissingExtraError` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError("the Redis backend needs the library redis; pip install 'aicache[redis]'") from error


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Where the server is and how long to wait for it."""

    url: str
    timeout: float
    max_connections: int
    client: Any = None  # of the application's own, instead of the URL
    read_from: ReadFrom = "master"

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.client is not None and self.url != DEFAULT_URL:
            raise ConfigurationError(f"url is {self.place!r} and client is given too; leave out one of them")
        if not 0 < (check_ttl(self.timeout, "timeout") or inf) <= 3600:
            raise InvalidArgumentError(f"timeout must be more than 0 and at most 3600 seconds, got {self.timeout!r}")
        if not isinstance(cast("object", self.max_connections), int) or self.max_connections < 1:
            raise InvalidArgumentError(f"max_connections must be at least 1, got {self.max_connections!r}")
        if self.read_from not in get_args(ReadFrom):
            ways = " or ".join(map(repr, get_args(ReadFrom)))
            raise InvalidArgumentError(f"read_from must be {ways}, got {self.read_from!r}")
        if self.read_from != "master" and (self.client is not None or not self.target.kind):
            raise ConfigurationError(
                f"read_from is {self.read_from!r} and {self.place} is one server: there is no replica to choose; name "
                "sentinels or a cluster, as in redis+sentinel://host1:26379,host2:26379/name/0, or leave read_from out"
            )

    @property
    def place(self) -> str:
        """The URL without user, password and options; what a client that was passed in is connected to."""
        return place_of(self.url) if self.client is None or self.url != DEFAULT_URL else _place_of_client(self.client)

    @property
    def target(self) -> Target:
        """What the URL points to."""
        return target_of(self.url)

    @property
    def is_clustered(self) -> bool:
        """Whether the names are divided among several servers."""
        return self.client is None and self.target.kind == "cluster"

    def at(self, node: Address) -> Settings:
        """The same for one node of a cluster, to be named in errors."""
        return replace(self, url=f"redis://{node}/0", read_from="master")

    def within(self, timeout: float) -> Settings:
        """The same for calls that have another time."""
        return replace(self, timeout=timeout)

    def connection(self, flavour: str) -> dict[str, Any]:
        """The arguments of a connection; `flavour` is the library's module for it."""
        parsed = imported(f"{flavour}.connection").parse_url(self.target.url)
        kind = parsed.get("connection_class", imported(f"{flavour}.connection").Connection)
        arguments: dict[str, Any] = {
            **parsed,
            # The async link has one deadline for all of a pipeline, and a timer for each reply would cost more than it.
            "socket_timeout": None if flavour == "redis.asyncio" else self.timeout,
            "socket_connect_timeout": self.timeout,
            "retry": imported(f"{flavour}.retry").Retry(imported("redis.backoff").NoBackoff(), 0),
            "retry_on_error": [],
            "health_check_interval": 0,
            "protocol": 2,
            "connection_class": kind,
            "decode_responses": False,
        }
        try:
            kind(**{name: value for name, value in arguments.items() if name != "connection_class"})
        except Exception as error:  # now, and not at the first call
            raise InvalidArgumentError(
                f"url {self.place!r} has an option that the library redis refuses: {error}"
            ) from None
        return arguments


def check_client(client: Any, *, is_async: bool) -> None:
    """Raise `ConfigurationError` where a client that was passed in is of the other flavour, or decodes what it
    reads.
    """
    kind = cast("type[object]", type(client))
    its = kind.__module__.split(".")
    if not callable(getattr(client, "pipeline", None)):
        raise ConfigurationError(f"client must be a client of redis or valkey, got {client!r}")
    if any(parent.__name__.endswith("Cluster") for parent in kind.__mro__):
        raise ConfigurationError(
            f"client is a {kind.__qualname__}, which cannot be used here; pass url='redis+cluster://host:6379' instead"
        )
    if ("asyncio" in its) is not is_async:
        have, module = ("a sync", "redis.asyncio") if is_async else ("an async", "redis")
        raise ConfigurationError(f"client is {have} {its[0]}.{kind.__qualname__}; pass one of {module}")
    if client.get_encoder().decode_responses:
        raise ConfigurationError("client decodes responses, and values are bytes; build it with decode_responses=False")


def _place_of_client(client: Any) -> str:
    to: dict[str, Any] = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
    if "path" in to:
        return f"unix://{to['path']}"
    if "host" in to:
        return f"redis://{to['host']}:{to.get('port', 6379)}/{to.get('db') or 0}"
    return f"the {type(client).__name__} that was passed in"


class NoTurnError(Exception):
    """A call's time was over, and the server is not to blame: it was never sent, or nobody looked for its reply."""


def is_own_delay(late: float, timeout: float) -> bool:
    """Whether this process itself came much too late, so many seconds after a call's time was over: then the reply may
    long have been there, and the server is not to blame.
    """
    return late > timeout / 5


def checked(replies: list[Any], settings: Settings) -> list[Any]:
    """The replies; raises the first refusal among them, as ours."""
    refused = refusal(replies)
    if refused is not None:
        raise failure_of(refused, settings)
    return replies


def failure_of(error: BaseException, settings: Settings) -> AICacheError:
    """A driver's error, or a server's, as ours, and as its cause; one of ours as it is."""
    if isinstance(error, AICacheError):
        return error
    if isinstance(error, NoTurnError):
        failure: BackendError = BackendBusyError(
            f"{settings.place} was not asked or not heard within {settings.timeout:g} s: "
            "this process had too much else to do; make fewer calls at once, or raise timeout"
        )
    elif is_late(error):
        failure = BackendTimeoutError(f"{settings.place} did not answer within {settings.timeout:g} s")
    else:
        kind = BackendUnavailableError if is_away(error) else BackendError
        failure = kind(f"{settings.place}: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def is_late(error: BaseException) -> bool:
    """Whether a driver's error says that it waited in vain."""
    return isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError"


def is_away(error: BaseException) -> bool:
    """Whether an error says that no connection could be made or kept, or that the server is not yet ready."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    lost = isinstance(error, OSError) or ("ConnectionError" in kinds and "AuthenticationError" not in kinds)
    return (lost and not is_late(error)) or str(error).startswith(_NOT_READY)
