"""What the URL of a Redis backend may say, and what is never shown of it."""

from __future__ import annotations

import traceback

import pytest

from aicache.errors import InvalidArgumentError
from aicache_redis import RedisBackend, SyncRedisBackend

BOTH = pytest.mark.parametrize("kind", [RedisBackend, SyncRedisBackend])


@BOTH
@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3/cret@host:6379/0",
        "redis://user:123/cret@host:6379/0",
        "redis://:s3?cret@host/0",
        "redis://:s3#cret@host/0",
        "redis://user:123?cret@host/0",
        "redis://user:s3cret@[::1/0",
        "redis://user:s3cret@ho\u2100st/0",  # has a slash in it: the standard library's error shows all
        "http://user:s3cret@host",
        "http://user:s3/cret@host",
        "redis://user:s3cret@host/database",
        "redis://user:s3cret@host:99999/0",
        "redis://user:s3cret@host/0?db=one",
        "redis://user:s3cret@host/0?timeout=s3cret",
        "redis://host/0?password=s3@cret&nonsense=1",
        "rediss://user:s3cret@host/0?ssl_nonsense=1",
    ],
)
def test_a_url_that_is_refused_shows_no_password(kind, url):
    with pytest.raises(InvalidArgumentError, match="url") as refused:
        kind(url)
    told = "".join(traceback.format_exception(refused.value, chain=True)).splitlines()
    assert not [line for line in told if "cret" in line and "kind(url)" not in line]


@BOTH
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://user:pass/word@host/0", r"percent-encode.*quote\(text, safe=''\)"),
        ("redis://host/database", "check port and db, as in redis://localhost:6379/0"),
        ("redis://host/-1", "check port and db"),
        ("redis://host/1/2", "check port and db"),
        ("redis://host:0/0", "check port and db"),
        ("redis://host:65536/0", "check port and db"),
        ("redis://host/0?db=-1", "db='-1' is no number"),
        ("redis://host/0?ssl_cert_reqs=none", "ssl_cert_reqs.*without TLS; begin it with rediss://"),
        ("rediss://host/0?ssl_cert_reqs=bogus", "option that the library redis refuses.*bogus"),
        ("rediss://host/0?ssl_nonsense=1", "option that the library redis refuses.*ssl_nonsense"),
        ("redis:host", "url must begin with"),
        ("unix://", "path of a socket"),
        ("unix://?db=0", "path of a socket"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_when_the_backend_is_built(kind, url, says):
    with pytest.raises(InvalidArgumentError, match=says):
        kind(url)


def arguments(backend):
    return backend._links._arguments


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://user:s3%2Fcr%40t@host:7000/3", {"username": "user", "password": "s3/cr@t", "host": "host", "db": 3}),
        ("redis://host?db=4&client_name=me&password=s3@cret", {"db": 4, "client_name": "me", "password": "s3@cret"}),
        ("REDIS://host:7000/", {"host": "host", "port": 7000}),
        ("valkey://[::1]:7000/1", {"host": "::1", "port": 7000, "db": 1}),
        ("unix:///run/a@b.sock?db=2", {"path": "/run/a@b.sock", "db": 2}),
        ("rediss://host/0?ssl_cert_reqs=none&ssl_check_hostname=false", {"ssl_cert_reqs": "none"}),
    ],
)
def test_what_a_url_says_reaches_the_connection(url, expected):
    found = arguments(SyncRedisBackend(url))
    assert {name: found[name] for name in expected} == expected
    assert (found["socket_timeout"], found["socket_connect_timeout"], found["decode_responses"]) == (0.25, 0.25, False)
