"""The names on the server: values, and what stands beside them in the same slot of a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache_redis._leases import heard, notices
from aicache_redis._names import Names, slot_of

PREFIXES = ["", "aicache:", "a{1}:", "é:"]


@pytest.mark.parametrize(("name", "slot"), [(b"foo", 12182), (b"123456789", 12739), (b"{foo}bar", 12182)])
def test_slots_are_those_of_the_specification(name, slot):
    assert slot_of(name) == slot


@given(st.sampled_from(PREFIXES), st.text(min_size=1), st.booleans())
def test_a_key_comes_back_from_its_name_and_nothing_else_is_a_key(prefix, key, clustered):
    names = Names(prefix, clustered=clustered)
    value = names.value(key)
    assert names.key(value) == key
    beside = [names.token(value), names.lock(value), names.tag(key), names.feed]
    assert [names.key(name) for name in beside] == [None] * 4
    assert len({value, *beside}) == 5
    assert all(name.startswith(prefix.encode()) for name in (value, *beside))


@given(st.sampled_from(PREFIXES), st.text(min_size=1))
def test_in_a_cluster_a_token_and_a_lock_are_where_their_value_is(prefix, key):
    names = Names(prefix, clustered=True)
    value = names.value(key)
    assert slot_of(value) == slot_of(names.token(value)) == slot_of(names.lock(value))


def entry(number, *fields):
    return [f"{number}-0".encode(), [b"w", b"me", *fields]]


def replies(*entries, oldest="1-0"):
    return [[[b"feed", list(entries)]] if entries else None, [[oldest.encode(), []]] if oldest else []]


def test_a_feed_says_what_happened_and_where_to_go_on():
    said = heard("5-0", replies(entry(6, b"k", b"a", b"t", b"x"), entry(9, b"k", b"b")), None)
    assert said == ("9-0", ["a", "b"], ["x"], True, [])
    assert heard("5-0", replies(), None) == ("5-0", [], [], True, [])


def test_what_one_writer_did_can_be_left_out():
    assert heard("5-0", replies(entry(6, b"k", b"a")), b"me") == ("6-0", [], [], True, [])


@pytest.mark.parametrize("oldest", ["5-1", "6-0", "", "10-0"])
def test_a_feed_that_no_longer_holds_the_position_is_not_whole(oldest):
    assert not heard("5-0", replies(oldest=oldest), None).is_whole


@pytest.mark.parametrize("oldest", ["5-0", "4-99", "0-1"])
def test_a_feed_that_holds_the_position_or_an_older_entry_is_whole(oldest):
    assert heard("5-0", replies(oldest=oldest), None).is_whole


def test_a_clear_is_not_whole():
    assert not heard("5-0", replies(entry(6, b"c", b"")), None).is_whole


def test_of_many_names_of_any_kind_is_told_some_at_a_time():
    told = {"keys": [f"k{n}" for n in range(700)], "tags": ["t", "t"], "filled": [f"f{n}" for n in range(400)]}
    commands = notices(Names("p:"), b"writer", **told, is_clear=True)
    assert [command[:8] for command in commands] == [
        ("XADD", b"p:\0f", "MAXLEN", "~", 10_000, "*", b"w", b"writer")
    ] * 3
    fields = [list(zip(command[8::2], command[9::2], strict=True)) for command in commands]
    assert [len(own) for own in fields] == [500, 500, 102]
    said = [(b"k", f"k{n}".encode()) for n in range(700)] + [(b"t", b"t")]
    said += [(b"f", f"f{n}".encode()) for n in range(400)] + [(b"c", b"")]
    assert [field for own in fields for field in own] == said


def test_of_nothing_nothing_is_told():
    assert notices(Names("p:"), b"writer") == []
