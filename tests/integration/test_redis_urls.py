"""What the URL of a Redis backend may say, and what is never shown of it."""

from __future__ import annotations

import traceback

import pytest

from aicache import open_backend, open_sync_backend
from aicache.errors import InvalidArgumentError
from aicache_redis import RedisBackend, SyncRedisBackend
from aicache_redis._url import target_of

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
        "redis+sentinel://user:s3cret@host",
        "redis+sentinel://user:s3cret@host:port/main",
        "redis+sentinel://user:s3/cret@host/main",
        "redis+sentinel://host/main?sentinel_password=s3@cret&nonsense=1",
        "redis+cluster://user:s3cret@host,/0",
        "redis+cluster://user:s3cret@host/1",
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
        (
            "redis+sentinel://host:26379",
            r"must name the master, as in redis\+sentinel://host1:26379,host2:26379/name/0",
        ),
        ("redis+sentinel://host:26379/", "must name the master"),
        ("redis+sentinel://host:26379/main/db", "check its db"),
        ("redis+sentinel://one,two:0/main", "check its hosts and ports"),
        ("redis+sentinel://one,,two/main", "check its hosts and ports"),
        ("redis+sentinel://one:1:2/main", "check its hosts and ports"),
        ("redis+sentinel:///main", "check its hosts and ports"),
        ("redis+sentinel://host/main?ssl_cert_reqs=none", "without TLS"),
        ("redis://host/0?sentinel_password=x", "not the URL's to decide"),
        ("redis+cluster://", "check its hosts and ports"),
        ("redis+cluster://host:65536", "check its hosts and ports"),
        ("redis+cluster://host/1", "a cluster has only 0"),
        ("redis+cluster://host/name", "a cluster has only 0"),
        ("redis+cluster://host?db=2", "a cluster has only 0"),
        ("redis+cluster://host?sentinel_password=x", "not the URL's to decide"),
        ("redis+other://host", "url must begin with"),
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "redis+sentinel://user:s3%2Fcr%40t@one:1,two/main/3?client_name=me&sentinel_username=a&sentinel_password=b%26",
            (
                "sentinel",
                "redis://user:s3%2Fcr%40t@one:1/3?client_name=me",
                (("one", 1), ("two", 26379)),
                "main",
                {"username": "a", "password": "b&"},
            ),
        ),
        (
            "VALKEY+SENTINEL://[::1]:7,10.0.0.1/my%20main",
            ("sentinel", "redis://[::1]:7/0", (("::1", 7), ("10.0.0.1", 26379)), "my main", {}),
        ),
        (
            "valkeys+cluster://:p@one,two:2?ssl_check_hostname=false",
            ("cluster", "rediss://:p@one:6379/0?ssl_check_hostname=false", (("one", 6379), ("two", 2)), "", {}),
        ),
        ("rediss+cluster://one:1/0", ("cluster", "rediss://one:1/0", (("one", 1),), "", {})),
        ("valkey://host:7/1", ("", "redis://host:7/1", (), "", {})),
    ],
)
def test_a_url_of_several_hosts_is_taken_apart(url, expected):
    assert target_of(url) == expected


@BOTH
def test_what_is_shown_of_several_hosts_is_where_they_are(kind):
    backend = kind("redis+sentinel://user:s3cret@one:1,two/main/3?sentinel_password=s3cret")
    assert repr(backend) == f"{kind.__name__}('redis+sentinel://one:1,two/main/3', prefix='aicache:')"


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_every_scheme_opens_its_backend(scheme):
    for url in (f"{scheme}+sentinel://host/main", f"{scheme}+cluster://host"):
        assert isinstance(open_backend(url), RedisBackend)
        assert isinstance(open_sync_backend(url), SyncRedisBackend)
