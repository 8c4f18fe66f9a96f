"""Leases, the feed and the versions of tags on a real server, with scripts and, where those are denied, without."""

from __future__ import annotations

import pytest

from aicache.protocols import SupportsFeed, SupportsLeases, SupportsTags, SyncSupportsLeases, supports

from .conftest import WAIT

SCRIPTLESS = (
    "ACL SETUSER scriptless on >password ~* resetchannels -@all +getrange +get +set +unlink +pttl +pexpire +scan +info "
    "+select +xadd +xread +xrange +watch +multi +exec +unwatch"
)


@pytest.fixture(params=["scripts", "steps", "client", "client, RESP3", "client, steps"])
def build(request, make, make_with_client, raw, redis_url):
    """Makes backends that may run scripts, or that may not, by URL or on a client."""
    url = redis_url
    if "steps" in request.param:
        raw.execute_command(*SCRIPTLESS.split())
        url = redis_url.replace("://", "://scriptless:password@")
    if "client" in request.param:
        protocol = 3 if "RESP3" in request.param else 2
        yield lambda **options: make_with_client(url, {"protocol": protocol}, **options)
    else:
        yield lambda **options: make(url=url, **options)
    if "steps" in request.param:
        raw.acl_deluser("scriptless")


def token_of(raw, prefix, key):
    return raw.get(f"{prefix}\0t{key}")


def test_both_flavours_say_what_they_can(make):
    backend = make().backend
    assert supports(backend, SupportsLeases) == supports(backend, SyncSupportsLeases)
    assert all(supports(backend, capability) for capability in (SupportsLeases, SupportsFeed, SupportsTags))


# -- leases


async def test_a_value_that_is_there_is_leased_with_its_life_and_no_token(build, raw, redis_prefix):
    raw.set(redis_prefix + "k", b"v", px=60_000)
    raw.set(redis_prefix + "for ever", b"w")
    found = await build().lease(["k", "for ever"], seconds=10)
    assert (found["k"].value, found["k"].token, found["k"].holds) == (b"v", None, False)
    assert 50 < found["k"].left <= 60
    assert (found["for ever"].value, found["for ever"].left) == (b"w", None)
    assert token_of(raw, redis_prefix, "k") is None


async def test_who_finds_nothing_gets_a_token_that_others_share(build, raw, redis_prefix):
    one = (await build().lease(["k"], seconds=10))["k"]
    other = (await build().lease(["k"], seconds=100))["k"]
    assert one.value is None
    assert one.holds
    assert one.token == other.token == token_of(raw, redis_prefix, "k")
    assert 90_000 < raw.pttl(f"{redis_prefix}\0tk") <= 100_000


@pytest.mark.parametrize("foreign", ["list", "oversized"])
async def test_what_is_no_value_of_ours_is_leased_as_missing_and_filled_over(build, raw, redis_prefix, foreign):
    if foreign == "list":
        raw.rpush(redis_prefix + "k", b"x")
    else:
        raw.set(redis_prefix + "k", b"x" * 101)
    backend = build(max_value_bytes=100)
    token = (await backend.lease(["k"], seconds=10))["k"].token
    assert token is not None
    assert await backend.fill({"k": (b"mine", None, token)}) == {"k"}
    assert raw.get(redis_prefix + "k") == b"mine"


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0", b"v", bytes(range(256)), b"x" * 100_000])
async def test_a_fill_stores_any_value_for_its_ttl_while_the_token_stands(build, raw, redis_prefix, value):
    raw.set(f"{redis_prefix}\0tk", b"token")
    backend = build()
    assert await backend.fill({"k": (value, 60.0, b"token")}) == {"k"}
    assert (await backend.lease(["k"], seconds=1))["k"].value == value
    assert 50_000 < raw.pttl(redis_prefix + "k") <= 60_000


@pytest.mark.parametrize("standing", [None, b"another"])
async def test_a_fill_whose_token_is_gone_changes_nothing(build, raw, redis_prefix, standing):
    if standing is not None:
        raw.set(f"{redis_prefix}\0tk", standing)
    raw.set(redis_prefix + "k", b"newer")
    assert await build().fill({"k": (b"older", None, b"token")}) == set()
    assert raw.get(redis_prefix + "k") == b"newer"


async def test_many_keys_are_leased_and_filled_each_by_its_own(build, raw, redis_prefix):
    keys = [f"k{number}" for number in range(30)]
    backend = build()
    tokens = {key: leased.token for key, leased in (await backend.lease(keys, seconds=10)).items()}
    raw.delete(f"{redis_prefix}\0tk7")
    stored = await backend.fill({key: (key.encode(), None, token) for key, token in tokens.items()})
    assert stored == {*keys} - {"k7"}
    assert raw.get(redis_prefix + "k8") == b"k8"
    assert raw.get(redis_prefix + "k7") is None


FORGETTING = {
    "set": lambda backend: backend.set("k", b"newer"),
    "set_many": lambda backend: backend.set_many({"k": (b"newer", None)}),
    "delete": lambda backend: backend.delete("k"),
    "delete_many": lambda backend: backend.delete_many(["k", "other"]),
    "clear": lambda backend: backend.clear(),
}


@pytest.mark.parametrize("verb", FORGETTING)
async def test_whatever_writes_or_forgets_takes_the_token_away(build, raw, redis_prefix, verb):
    raw.set(f"{redis_prefix}\0tk", b"token")
    raw.set(f"{redis_prefix}\0lk", b"holder")
    await FORGETTING[verb](build())
    assert token_of(raw, redis_prefix, "k") is None
    assert raw.get(f"{redis_prefix}\0lk") is None


# -- one load in the fleet


async def test_one_holder_at_a_time(build, raw, redis_prefix):
    one = (await build().lease(["k"], seconds=10, holder="one", lock=5))["k"]
    two = (await build().lease(["k"], seconds=10, holder="two", lock=5))["k"]
    again = (await build().lease(["k"], seconds=10, holder="one", lock=5))["k"]
    assert (one.holds, two.holds, again.holds) == (True, False, True)
    assert one.token == two.token
    assert 0 < raw.pttl(f"{redis_prefix}\0lk") <= 5000


async def test_a_fill_gives_the_lock_back_and_one_by_who_has_lost_it_changes_nothing(build, raw, redis_prefix):
    raw.set(f"{redis_prefix}\0tk", b"token")
    raw.set(f"{redis_prefix}\0lk", b"one")
    backend = build()
    assert await backend.fill({"k": (b"two's", None, b"token")}, holder="two") == set()
    assert await backend.fill({"k": (b"one's", None, b"token")}, holder="one") == {"k"}
    assert raw.get(redis_prefix + "k") == b"one's"
    assert raw.get(f"{redis_prefix}\0lk") is None


async def test_a_lock_is_renewed_and_given_back_by_its_holder_alone(build, raw, redis_prefix):
    raw.set(f"{redis_prefix}\0lk", b"one", px=1000)
    backend = build()
    assert await backend.renew(["k", "gone"], holder="two", lock=60) == set()
    assert raw.pttl(f"{redis_prefix}\0lk") <= 1000
    assert await backend.renew(["k", "gone"], holder="one", lock=60) == {"k"}
    assert raw.pttl(f"{redis_prefix}\0lk") > 50_000
    await backend.release(["k"], holder="two")
    assert raw.get(f"{redis_prefix}\0lk") == b"one"
    await backend.release(["k"], holder="one")
    assert raw.get(f"{redis_prefix}\0lk") is None


# -- the feed

TELLING = {
    "set": (lambda backend: backend.set("k", b"v"), ["k"]),
    "set_many": (lambda backend: backend.set_many({"a": (b"1", None), "b\0 ☕": (b"2", 1.0)}), ["a", "b\0 ☕"]),
    "delete": (lambda backend: backend.delete("k"), ["k"]),
    "delete_many": (lambda backend: backend.delete_many(["a", "b"]), ["a", "b"]),
}


@pytest.mark.parametrize("verb", TELLING)
async def test_what_one_does_another_hears(build, verb):
    call, keys = TELLING[verb]
    follower, other = build(), build()
    begun = await follower.follow(None, WAIT)
    assert not begun.is_whole
    await call(other)
    heard = await follower.follow(begun.position, WAIT)
    assert (heard.keys, heard.tags, heard.is_whole) == (keys, [], True)
    assert (await follower.follow(heard.position, WAIT))[1:] == ([], [], True, [])


async def test_a_clear_is_heard_as_the_loss_of_everything(build):
    follower, other = build(), build()
    begun = await follower.follow(None, WAIT)
    await other.clear()
    assert not (await follower.follow(begun.position, WAIT)).is_whole


async def test_what_one_does_itself_it_hears_only_if_it_wants_to(build):
    backend = build()
    begun = await backend.follow(None, WAIT)
    await backend.set("k", b"v")
    assert (await backend.follow(begun.position, WAIT)).keys == []
    assert (await backend.follow(begun.position, WAIT, own=True)).keys == ["k"]


async def test_a_fill_is_not_told(build, raw, redis_prefix):
    raw.set(f"{redis_prefix}\0tk", b"token")
    follower, other = build(), build()
    begun = await follower.follow(None, WAIT)
    assert await other.fill({"k": (b"v", None, b"token")}) == {"k"}
    assert (await follower.follow(begun.position, WAIT)).keys == []


async def test_a_holder_that_has_filled_or_given_up_is_told_of_to_those_who_wait(build, raw, redis_prefix):
    follower, other = build(), build()
    for end in ("fill", "release"):
        token = (await other.lease(["k"], seconds=10, holder="one", lock=5))["k"].token
        begun = await follower.follow(None, WAIT)
        if end == "fill":
            assert await other.fill({"k": (b"v", None, token)}, holder="one") == {"k"}
        else:
            await other.release(["k"], holder="one")
        assert (await follower.follow(begun.position, WAIT))[1:] == ([], [], True, ["k"])
        raw.delete(redis_prefix + "k")


async def test_a_feed_that_was_lost_is_heard_as_the_loss_of_everything(build, raw, redis_prefix):
    follower, other = build(), build()
    begun = await follower.follow(None, WAIT)
    await other.set("k", b"v")
    raw.delete(redis_prefix + "\0f")
    await other.set("another", b"v")
    heard = await follower.follow(begun.position, WAIT)
    assert not heard.is_whole
    again = await follower.follow(None, WAIT)
    await other.set("k", b"v")
    assert (await follower.follow(again.position, WAIT)).keys == ["k"]


async def test_a_follower_that_slept_while_more_came_than_is_kept_knows_it(build, raw, redis_prefix):
    follower = build()
    begun = await follower.follow(None, WAIT)
    with raw.pipeline(transaction=False) as pipeline:
        for number in range(12_000):
            pipeline.xadd(redis_prefix + "\0f", {"w": "x", "k": str(number)}, maxlen=10_000)
        pipeline.execute()
    assert not (await follower.follow(begun.position, WAIT)).is_whole


@pytest.mark.parametrize("verb", ["set_many", "delete_many"])
async def test_many_keys_are_told_some_at_a_time(build, raw, redis_prefix, verb):
    follower, other = build(), build()
    keys = [f"k{number}" for number in range(1_200)]
    begun = await follower.follow(None, WAIT)
    await getattr(other, verb)(dict.fromkeys(keys, (b"v", None)) if verb == "set_many" else keys)
    heard = await follower.follow(begun.position, WAIT)
    assert (heard.keys, heard.is_whole) == (keys, True)
    notices = raw.xrange(redis_prefix + "\0f")[1:]  # the first is the follower's own
    assert len(notices) == 3


async def test_nothing_of_ours_is_listed_as_a_key(build, raw, redis_prefix):
    backend = build()
    await backend.set("k", b"v")
    await backend.set("\0t", b"v")
    await backend.lease(["missing"], seconds=10, holder="me", lock=10)
    await backend.tag_versions(["tag"], create=True)
    assert sorted(await backend.scan()) == ["\0t", "k"]
    assert await backend.scan("\0") == ["\0t"]
    await backend.clear()
    assert raw.keys(redis_prefix + "*") == [(redis_prefix + "\0f").encode()]


# -- tags


async def test_a_tag_has_no_version_until_it_is_given_one_and_keeps_it(build):
    one, other = build(), build()
    assert await one.tag_versions(["a", "b"]) == {}
    versions = await one.tag_versions(["a", "b"], create=True)
    assert sorted(versions) == ["a", "b"]
    assert versions["a"] != versions["b"]
    assert await other.tag_versions(["b", "a", "c"], create=True) != versions
    assert await other.tag_versions(["a", "b"]) == versions


async def test_an_invalidated_tag_never_has_an_old_version_again(build):
    backend = build()
    before = (await backend.tag_versions(["a"], create=True))["a"]
    await backend.invalidate_tags(["a", "unknown"])
    assert await backend.tag_versions(["a"]) == {}
    assert (await backend.tag_versions(["a"], create=True))["a"] != before


async def test_an_invalidated_tag_is_heard(build):
    follower, other = build(), build()
    begun = await follower.follow(None, WAIT)
    await other.invalidate_tags(["a", "é"])
    assert (await follower.follow(begun.position, WAIT)).tags == ["a", "é"]


async def test_a_feed_that_is_gone_is_missed_once_and_then_followed_again(build, raw, redis_prefix):
    backend, other = build(), build()
    position = (await backend.follow(None, WAIT)).position
    raw.delete(f"{redis_prefix}\0f")
    gone = await backend.follow(position, WAIT)
    assert not gone.is_whole
    again = await backend.follow(gone.position, WAIT)
    assert again.is_whole
    await other.set("k", b"v")
    assert (await backend.follow(again.position, WAIT)).keys == ["k"]
