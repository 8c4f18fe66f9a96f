"""Every error that aicache raises, under one root.

    AICacheError
    ├── ConfigurationError      wrong wiring, found when the cache or a backend is built
    │   ├── UnknownBackendError     no backend of that name or URL scheme is installed
    │   └── MissingExtraError       a library behind an extra is not installed (also an ImportError)
    ├── ClosedError             the cache or backend was closed before this call
    ├── LoadCancelledError      a factory was cancelled, by itself or as the cache was closed
    ├── LoadTimeoutError        a factory took longer than the policy's hard_timeout (also a TimeoutError)
    ├── ReentrantLoadError      a factory asked for the key that it is itself loading
    ├── UnsupportedError        the verb needs a capability that a tier's backend does not have
    ├── InvalidArgumentError    a bad argument (also a ValueError)
    ├── InvalidTypeError        an argument of the wrong type (also a TypeError)
    │   └── KeyEncodingError        an argument cannot be part of a key
    ├── SerializationError      a value cannot be kept exactly; nothing was written
    ├── EnvelopeError           stored bytes are refused; inside a cache, a counted miss
    └── BackendError            a store failed or did not answer; inside a cache, a counted miss
        ├── BackendUnavailableError  no connection could be made or kept
        └── BackendTimeoutError     it did not answer within its deadline (also a TimeoutError)
            └── BackendBusyError        all of our own connections were in use until then; it was not asked

Every message of the first six names the argument, the value and the cure.
"""

from __future__ import annotations

__all__ = [
    "AICacheError",
    "BackendBusyError",
    "BackendError",
    "BackendTimeoutError",
    "BackendUnavailableError",
    "ClosedError",
    "ConfigurationError",
    "EnvelopeError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "KeyEncodingError",
    "LoadCancelledError",
    "LoadTimeoutError",
    "MissingExtraError",
    "ReentrantLoadError",
    "SerializationError",
    "UnknownBackendError",
    "UnsupportedError",
]


class AICacheError(Exception):
    """The root: `except AICacheError` catches whatever this library raises on its own account."""


class InvalidArgumentError(AICacheError, ValueError):
    """An argument has the right type and an impossible value; nothing was read or written."""


class InvalidTypeError(AICacheError, TypeError):
    """An argument has the wrong type; nothing was read or written."""


class KeyEncodingError(InvalidTypeError):
    """An argument cannot be encoded into a key without ambiguity; `path` says where it lies in the arguments."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class ConfigurationError(AICacheError):
    """Wrong wiring, refused by a constructor before the first call."""


class UnknownBackendError(ConfigurationError):
    """No installed package offers a backend under that name or URL scheme."""


class MissingExtraError(ConfigurationError, ImportError):
    """A library that an extra brings is not installed; the message has the `pip install` line."""


class ClosedError(AICacheError):
    """The cache or backend was closed; build a new one."""


class LoadCancelledError(AICacheError):
    """The load that this caller waited for was cancelled, by its own factory or because the cache was closed."""


class LoadTimeoutError(AICacheError, TimeoutError):
    """A factory took longer than the policy's `hard_timeout`, and there was no stale value to serve."""


class ReentrantLoadError(AICacheError):
    """A factory waits, directly or through other loads, for the very key it is loading: it would wait for ever."""


class UnsupportedError(AICacheError):
    """The verb needs something that the backend of a tier cannot do; nothing was changed in any tier."""


class SerializationError(AICacheError):
    """A value cannot be kept so that it comes back equal and of the same types.

    `path` says where in the value the trouble lies, as Python would spell it (`messages[3].content`; empty for the
    value itself).
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class EnvelopeError(AICacheError):
    """Stored bytes were refused: damaged, foreign, over a limit, or bound to another key.

    `reason` is one word for counting (`"tag"`, `"version"`, `"truncated"`, …); the value is never returned.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class BackendError(AICacheError):
    """A store failed; the driver's own error is the `__cause__`."""


class BackendUnavailableError(BackendError):
    """No connection to a store could be made or kept: it is down, or the way there is."""


class BackendTimeoutError(BackendError, TimeoutError):
    """A store did not answer within its deadline, waiting for a connection included."""


class BackendBusyError(BackendTimeoutError):
    """The deadline passed while the call waited for one of our own connections, so the store was never asked.

    A backend that can tell raises this, and no breaker holds it against the store.
    """
