"""The transports for httpx."""

from __future__ import annotations

from aicache.contrib.http._async.body import Body as AsyncBody
from aicache.contrib.http._async.body import KeptBody as AsyncKeptBody
from aicache.contrib.http._async.transport import Transport as AsyncTransport
from aicache.contrib.http._sync.body import Body, KeptBody
from aicache.contrib.http._sync.transport import Transport
from aicache.contrib.http.libraries import Library
from aicache.errors import MissingExtraError

try:
    import httpx
except ImportError as error:
    raise MissingExtraError("aicache.contrib.http.httpx needs httpx; run: pip install httpx") from error

__all__ = ["AsyncCachingTransport", "CachingTransport"]


class _AsyncStream(AsyncBody, httpx.AsyncByteStream):
    """The body, as httpx knows it."""


class _Stream(Body, httpx.SyncByteStream):
    """The body, as httpx knows it."""


class _AsyncKept(AsyncKeptBody, httpx.AsyncByteStream):
    """That of a kept answer."""


class _Kept(KeptBody, httpx.SyncByteStream):
    """That of a kept answer."""


def _limits() -> httpx.Limits:
    return httpx.Limits(max_connections=1000, max_keepalive_connections=100)


def _async_inner() -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(limits=_limits())


def _inner() -> httpx.HTTPTransport:
    return httpx.HTTPTransport(limits=_limits())


class AsyncCachingTransport(AsyncTransport, httpx.AsyncBaseTransport):
    """A transport of httpx that answers from a cache what it has, and keeps what the provider answers.

    `cache`: a `TieredCache`; it is not closed with the transport. `inner`: the transport that sends; None: a new
    `httpx.AsyncHTTPTransport`, with the limits that the SDKs set.
    `rules`: the endpoints that are known; requests to others are passed on untouched. `store`: which requests and
    answers are kept.
    `scope`: the tenant or user whose answers these are; None: nobody's in particular. Different scopes share nothing.
    `namespace`: what the keys begin with. `ttl`: seconds that answers are kept; None: no expiry; left out: the cache's
    policy. `pacing`: whether a kept stream comes at once ("instant"), or with the pauses of the original ("recorded").
    `max_bytes`: an answer that takes more memory is passed on and not kept. `ledger`: where it is counted what answers
    saved; one of its own unless transports and caches are to share one.

    Each response says in `x-aicache` where it comes from: hit, join, stale, miss or bypass. Raises
    `ConfigurationError`, `InvalidArgumentError` and `InvalidTypeError` where the arguments make no sense.
    """

    _library = Library(httpx.Response, _AsyncStream, _AsyncKept, _async_inner)


class CachingTransport(Transport, httpx.BaseTransport):
    """A transport of httpx that answers from a cache what it has, and keeps what the provider answers.

    `cache`: a `SyncTieredCache`; it is not closed with the transport. `inner`: the transport that sends; None: a new
    `httpx.HTTPTransport`, with the limits that the SDKs set.
    `rules`: the endpoints that are known; requests to others are passed on untouched. `store`: which requests and
    answers are kept.
    `scope`: the tenant or user whose answers these are; None: nobody's in particular. Different scopes share nothing.
    `namespace`: what the keys begin with. `ttl`: seconds that answers are kept; None: no expiry; left out: the cache's
    policy. `pacing`: whether a kept stream comes at once ("instant"), or with the pauses of the original ("recorded").
    `max_bytes`: an answer that takes more memory is passed on and not kept. `ledger`: where it is counted what answers
    saved; one of its own unless transports and caches are to share one.

    Each response says in `x-aicache` where it comes from: hit, join, stale, miss or bypass. Raises
    `ConfigurationError`, `InvalidArgumentError` and `InvalidTypeError` where the arguments make no sense.
    """

    _library = Library(httpx.Response, _Stream, _Kept, _inner)
