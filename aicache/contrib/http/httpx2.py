"""The transports for httpx2."""

from __future__ import annotations

from aicache.contrib.http._async.body import Body as AsyncBody
from aicache.contrib.http._async.body import KeptBody as AsyncKeptBody
from aicache.contrib.http._async.transport import Transport as AsyncTransport
from aicache.contrib.http._sync.body import Body, KeptBody
from aicache.contrib.http._sync.transport import Transport
from aicache.contrib.http.libraries import Library
from aicache.errors import MissingExtraError

try:
    import httpx2
except ImportError as error:
    raise MissingExtraError("aicache.contrib.http needs httpx2; run: pip install 'aicache[http]'") from error

__all__ = ["AsyncCachingTransport", "CachingTransport"]


class _AsyncStream(AsyncBody, httpx2.AsyncByteStream):
    """The body, as httpx2 knows it."""


class _Stream(Body, httpx2.SyncByteStream):
    """The body, as httpx2 knows it."""


class _AsyncKept(AsyncKeptBody, httpx2.AsyncByteStream):
    """That of a kept answer."""


class _Kept(KeptBody, httpx2.SyncByteStream):
    """That of a kept answer."""


def _limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


def _async_inner() -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(limits=_limits())


def _inner() -> httpx2.HTTPTransport:
    return httpx2.HTTPTransport(limits=_limits())


class AsyncCachingTransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """A transport of httpx2 that answers from a cache what it has, and keeps what the provider answers.

    `cache`: a `TieredCache`; it is not closed with the transport. `inner`: the transport that sends; None: a new
    `httpx2.AsyncHTTPTransport`, with the limits that the SDKs set.
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

    _library = Library(httpx2.Response, _AsyncStream, _AsyncKept, _async_inner)


class CachingTransport(Transport, httpx2.BaseTransport):
    """A transport of httpx2 that answers from a cache what it has, and keeps what the provider answers.

    `cache`: a `SyncTieredCache`; it is not closed with the transport. `inner`: the transport that sends; None: a new
    `httpx2.HTTPTransport`, with the limits that the SDKs set.
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

    _library = Library(httpx2.Response, _Stream, _Kept, _inner)
