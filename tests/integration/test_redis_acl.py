"""The user that the document tells to create can do all that the backend does, and so needs no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aicache.errors import BackendError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/how-to/use-redis.md"


@pytest.fixture
def user(raw, redis_prefix):
    """A user by the document's own line, under the test's prefix."""
    (line,) = re.findall(r"^ACL SETUSER .*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    words = line.replace("~shop:*", f"~{redis_prefix}*").split()
    raw.execute_command(*words)
    yield words
    raw.acl_deluser("shop")


@pytest.fixture
def url(redis_url):
    return redis_url.replace("://", "://shop:password@").removesuffix("0") + "1"


async def test_the_documents_user_can_call_every_verb(make, user, url):
    backend = make(url=url)
    await backend.set("a", b"1", ttl=60)
    await backend.set_many({"b": (b"2", None), "c": (b"3", 60.0)})
    assert await backend.get("a") == b"1"
    assert await backend.get_many(["a", "b"]) == {"a": b"1", "b": b"2"}
    assert (await backend.get_with_ttl(["b"]))["b"] == (b"2", None)
    assert sorted(await backend.scan()) == ["a", "b", "c"]
    assert await backend.delete("a") is True
    assert await backend.delete_many(["b", "a"]) == 1
    assert (await backend.info())["connected_clients"] >= 1
    token = (await backend.lease(["d"], seconds=9, holder="me", lock=9))["d"].token
    assert await backend.renew(["d"], holder="me", lock=9) == {"d"}
    assert await backend.fill({"d": (b"4", None, token)}, holder="me") == {"d"}
    await backend.release(["d"], holder="me")
    begun = await backend.follow(None, 0.01)
    assert (await backend.follow(begun.position, 0.01)).is_whole
    assert list(await backend.tag_versions(["t"], create=True)) == ["t"]
    await backend.invalidate_tags(["t"])
    await backend.clear()
    assert await backend.scan() == []


async def test_the_documents_user_has_nothing_beside_the_prefix(make, user, url):
    stranger = make(url=url, prefix="not-the-shops:")
    for call in (stranger.get("k"), stranger.set("k", b"v"), stranger.delete("k")):
        with pytest.raises(BackendError, match=r"NoPermission|NOPERM"):
            await call


@pytest.mark.parametrize(
    "command",
    [
        *("getrange", "get", "set", "unlink", "pttl", "pexpire", "scan", "info", "select"),
        *("xadd", "xread", "xrange"),
    ],
)
async def test_each_command_of_the_documents_user_is_needed(make, user, url, raw, command):
    assert f"+{command}" in user
    raw.execute_command("ACL", "SETUSER", "shop", f"-{command}")
    backend = make(url=url)

    async def every_verb():
        await backend.set("k", b"v")
        await backend.get("k")
        await backend.get_with_ttl(["k"])
        await backend.delete("k")
        await backend.scan()
        await backend.info()
        await backend.lease(["k"], seconds=9, holder="me", lock=9)
        await backend.lease(["k"], seconds=9, holder="me", lock=9)
        await backend.follow((await backend.follow(None, 0.01)).position, 0.01)

    with pytest.raises(BackendError, match=r"NoPermission|NOPERM|ACL failure|can't run this command"):
        await every_verb()
