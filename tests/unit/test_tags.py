"""What an entry says of its tags, and which keys in memory have one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import Codec, TieredCache
from aicache._kernel.tags import TagIndex, are_valid, packed_tags, unpacked_tags
from aicache.errors import EnvelopeError, InvalidArgumentError, InvalidTypeError
from aicache.options import checked_tags
from aicache.testing import SharedStore
from aicache_memory import MemoryBackend

VERSIONS = st.dictionaries(st.text(min_size=1, max_size=20), st.binary(min_size=1, max_size=20), max_size=8)


@given(VERSIONS)
def test_tags_come_back_with_their_versions_and_in_order(versions):
    back = unpacked_tags(packed_tags(versions))
    assert list(back.items()) == list(versions.items())


@given(VERSIONS, st.binary(max_size=40))
def test_what_is_no_tags_is_refused_and_nothing_else_is_raised(versions, junk):
    if versions:
        with pytest.raises(EnvelopeError):
            unpacked_tags(packed_tags(versions)[:-1])
    with suppress(EnvelopeError):
        unpacked_tags(junk)


@pytest.mark.parametrize(
    ("made_under", "now", "valid"),
    [
        ({}, {}, True),
        ({"a": b"1"}, {"a": b"1", "b": b"2"}, True),
        ({"a": b"1"}, {"a": b"2"}, False),
        ({"a": b"1"}, {}, False),
        ({"a": b"1", "b": b"2"}, {"a": b"1"}, False),
    ],
)
def test_an_entry_is_valid_while_each_of_its_tags_has_its_version(made_under, now, valid):
    assert are_valid(made_under, now) is valid


@pytest.mark.parametrize("options", [{}, {"secrets": {1: b"s" * 32}}, {"secrets": {1: b"s" * 32}, "encrypt": True}])
@given(versions=VERSIONS)
def test_an_envelope_keeps_them_under_its_tag(options, versions):
    codec = Codec(**options)
    sealed = codec.seal("k", codec.pack(codec.dumps("value")), created=1.0, fresh_for=60.0, tags=versions)
    opened = codec.open("k", sealed)
    assert opened.value == "value"
    assert dict(opened.tags) == versions
    plain = codec.seal("k", codec.pack(codec.dumps("value")), created=1.0, fresh_for=60.0)
    assert len(sealed) - len(plain) == (4 + len(packed_tags(versions)) if versions else 0)
    if versions:
        flipped = bytearray(sealed)
        flipped[5] &= ~4  # says that there are none
        with pytest.raises(EnvelopeError):
            codec.open("k", bytes(flipped))


@pytest.mark.parametrize("tags", ["user", None, 7, [7], [b"x"]])
def test_what_are_no_tags_is_refused_with_the_cure(tags):
    with pytest.raises(InvalidTypeError, match=r"tag"):
        checked_tags(tags)


@pytest.mark.parametrize("tags", [[""], ["x" * 1025], [str(number) for number in range(65)]])
def test_tags_beyond_their_bounds_are_refused(tags):
    with pytest.raises(InvalidArgumentError, match=r"tag"):
        checked_tags(tags)


def test_each_tag_counts_once():
    assert checked_tags(iter(["b", "a", "b"])) == ("b", "a")


def test_the_keys_of_a_tag_are_taken_once():
    index = TagIndex(lambda _: True)
    index.add("k1", ["a", "b"])
    index.add("k2", ["b"])
    index.add("k2", ["b"])
    assert sorted(index.take(["b", "unknown"])) == ["k1", "k2"]
    assert index.take(["b"]) == []
    assert index.take(["a"]) == ["k1"]
    index.add("k3", ["a"])
    index.clear()
    assert index.take(["a"]) == []


def test_what_has_left_the_tier_is_forgotten_in_time():
    here = set()
    index = TagIndex(here.__contains__)
    here.add("stays")
    index.add("stays", ["a"])
    for number in range(10_000):
        index.add(f"k{number}", ["a", f"own {number}"])
    assert index._count < 3_000
    assert sum(map(len, index._keys.values())) == index._count
    assert "stays" in index.take(["a"])


@pytest.mark.parametrize("verb", ["set", "set_many", "get_or_set", "get_or_set_many"])
async def test_one_text_is_not_taken_for_the_tags_that_its_letters_are(verb):
    async with TieredCache([MemoryBackend()]) as cache:
        calls = {
            "set": lambda: cache.set("k", "v", tags="ab"),
            "set_many": lambda: cache.set_many({"k": "v"}, tags="ab"),
            "get_or_set": lambda: cache.get_or_set("k", lambda: "v", tags="ab"),
            "get_or_set_many": lambda: cache.get_or_set_many(["k"], lambda keys: {}, tags="ab"),
        }
        with pytest.raises(InvalidTypeError, match="tags must be several texts"):
            await calls[verb]()
        assert await cache.get("k") is None


@pytest.mark.parametrize("tags", ["", None, 7])
async def test_what_is_no_tags_at_all_is_refused_where_a_load_would_be_stored_with_them(tags):
    async with TieredCache([MemoryBackend()]) as cache:
        for ttl in ({}, {"ttl": 5}):
            with pytest.raises(InvalidTypeError, match="tags must be several texts"):
                await cache.get_or_set("k", lambda: "v", tags=tags, **ttl)
        assert await cache.get("k") is None


async def test_who_joins_a_load_that_an_invalidation_of_its_tag_overtook_does_not_get_its_value():
    """No token is taken away by it, so the value is stored, under a version that is over."""
    store = SharedStore()
    begun, go_on, made = asyncio.Event(), asyncio.Event(), []

    async def load():
        made.append(len(made))
        begun.set()
        await go_on.wait()
        return made[-1]

    async with TieredCache([store]) as cache, TieredCache([store.peer()]) as other:
        first = asyncio.ensure_future(cache.get_or_set("k", load, tags=["t"]))
        await begun.wait()
        await other.invalidate_tags("t")
        late = asyncio.ensure_future(cache.get_or_set("k", load, tags=["t"]))
        many = asyncio.ensure_future(cache.get_or_set_many(["k"], lambda keys: dict.fromkeys(keys, 7), tags=["t"]))
        while cache.stats().joins < 2:  # noqa: ASYNC110 no clock is waited for
            await asyncio.sleep(0)
        go_on.set()
        assert await first == 0
        assert await late != 0
        assert (await many)["k"] != 0
