"""`CacheKeyGenerator`: one key for each AI request, with everything in it that can change the answer.

    <namespace>:[<scope>]:op:<operation>|<text>|<version><digest>

The scope with its brackets is there where there is one, the text where it was asked for; both, and the operation, are
escaped (`aicache.ai.escaping`). The digest covers version, scope, operation, text, options and question in the
encoding of `aicache._kernel.canonical`, in which no two different values look alike. What stands before it is for
people, and for invalidation by what a key begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from aicache._kernel.canonical import canonical
from aicache.ai.differences import Difference, first_difference
from aicache.ai.escaping import checked_namespace, checked_scope, escaped, named, scoped_namespace
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError

if TYPE_CHECKING:
    from aicache.ai.monitor import CachePerformanceMonitor

__all__ = ["CacheKeyGenerator"]

Request: TypeAlias = "Mapping[str, Any] | tuple[Any, ...]"

_VERSION: Final = "1-"
_LONGEST_KEY: Final = 300
_LONGEST_OPERATION: Final = 64


class CacheKeyGenerator:
    """Makes keys; the same request has the same key in every process.

    `text_hash_threshold`: texts of at most so many characters are shown in their key, where they fit; 0, the default:
    none is, so that no prompt can be read in a list of keys.
    `hash_algorithm`: a constructor of `hashlib` with digests of at least 32 bytes; they are never truncated.
    `performance_monitor`: is told how long each key took; None: nobody is.
    `namespace`: ASCII letters, digits and `_.-`, 32 at most. `scope`: the tenant or user whose answers these are, any
    text; None: nobody's in particular. Different scopes have different keys, always.

    Raises `ConfigurationError` where these make no sense.
    """

    def __init__(
        self,
        text_hash_threshold: int = 0,
        hash_algorithm: Callable[[bytes], Any] = sha256,
        performance_monitor: CachePerformanceMonitor | None = None,
        *,
        namespace: str = "ai_cache",
        scope: str | None = None,
    ) -> None:
        if not isinstance(cast(object, text_hash_threshold), int) or text_hash_threshold < 0:
            raise ConfigurationError(
                f"text_hash_threshold must be a number of characters from 0 up, got {text_hash_threshold!r}"
            )
        size = getattr(hash_algorithm(b""), "digest_size", 0)
        if not 32 <= size <= 64:
            raise ConfigurationError(
                f"hash_algorithm must make digests of 32 to 64 bytes, got {hash_algorithm!r} with {size}; "
                "take hashlib.sha256"
            )
        self.namespace = checked_namespace(namespace)
        self.scope = checked_scope(scope)
        self.text_hash_threshold = text_hash_threshold
        self.hash_algorithm = hash_algorithm
        self._monitor = performance_monitor
        self.prefix = f"{scoped_namespace(namespace, scope)}op:"
        """What every key of this namespace and scope begins with, and no other key does."""
        self._prefixes: dict[str, str] = {}

    def scoped(self, scope: str, performance_monitor: CachePerformanceMonitor | None = None) -> CacheKeyGenerator:
        """The same for one tenant or user."""
        if not isinstance(cast(object, scope), str):
            raise InvalidTypeError(f"scope must be a str, got {scope!r}")
        return CacheKeyGenerator(
            self.text_hash_threshold, self.hash_algorithm, performance_monitor, namespace=self.namespace, scope=scope
        )

    def operation_prefix(self, operation: str) -> str:
        """What every key of this operation begins with, and no other key does."""
        prefix = self._prefixes.get(_checked_operation(operation))
        if prefix is None:
            prefix = f"{self.prefix}{named(operation, _LONGEST_OPERATION)}|"
            if len(self._prefixes) < 1000:  # operations are few, unless somebody makes them of user input
                self._prefixes[operation] = prefix
        return prefix

    def generate_cache_key(
        self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None = None
    ) -> str:
        """The key of a request, at most 300 bytes, and the very key under which a shared tier holds the answer.

        `options`: whatever else can change the answer, the model and its parameters first of all; None is `{}`. The
        order of a dict's keys does not count, that of a list does. Raises `KeyEncodingError`, which names the place,
        for an option that has no unambiguous encoding.
        """
        if self._monitor is None:
            return self._generated(text, operation, options, question)
        start = perf_counter()
        key = self._generated(text, operation, options, question)
        self._monitor.record_key_generation_time(perf_counter() - start, len(text), operation)
        return key

    def _generated(self, text: str, operation: str, options: Mapping[str, Any] | None, question: str | None) -> str:
        if not isinstance(cast(object, text), str):
            raise InvalidTypeError(f"text must be a str, got {text!r}")
        if question is not None and not isinstance(cast(object, question), str):
            raise InvalidTypeError(f"question must be a str or None, got {question!r}")
        try:
            prefix = self._prefixes[operation]
        except (KeyError, TypeError):
            prefix = self.operation_prefix(operation)
        request = canonical((_VERSION, self.scope, operation, text, question))
        digest = self.hash_algorithm(request + canonical(_checked_options(options), "options")).hexdigest()
        if text and len(text) <= self.text_hash_threshold:
            shown = escaped(text)
            if len(prefix) + len(shown) + len(digest) + 8 <= _LONGEST_KEY:
                return f"{prefix}txt:{shown}|{_VERSION}{digest}"
        return f"{prefix}{_VERSION}{digest}"

    def explain(self, request_a: Request, request_b: Request) -> Difference | None:
        """The first part in which two requests differ, and so have different keys; None where they have the same key.

        A request is what `generate_cache_key` takes: a mapping of its arguments by name, or a tuple of them in order.
        """
        a, b = _parts(request_a, "request_a"), _parts(request_b, "request_b")
        return None if self._generated(*a) == self._generated(*b) else first_difference(a, b)


def _parts(request: Request, name: str) -> tuple[str, str, Mapping[str, Any] | None, str | None]:
    try:
        return _as_arguments(**request) if isinstance(request, Mapping) else _as_arguments(*request)
    except TypeError as error:
        raise InvalidTypeError(
            f"{name} must be text, operation, options and question, as a mapping or a tuple, got {request!r}"
        ) from error


def _as_arguments(
    text: str, operation: str, options: Mapping[str, Any] | None = None, question: str | None = None
) -> tuple[str, str, Mapping[str, Any] | None, str | None]:
    return text, operation, options, question


def _checked_operation(operation: object) -> str:
    if not isinstance(operation, str):
        raise InvalidTypeError(f"operation must be a str, got {operation!r}")
    if not operation:
        raise InvalidArgumentError("operation must not be empty, got ''; name what is asked, such as 'summarize'")
    return operation


def _checked_options(options: object) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InvalidTypeError(f"options must be a mapping or None, got {options!r}")
    return dict(cast("Mapping[str, Any]", options))
