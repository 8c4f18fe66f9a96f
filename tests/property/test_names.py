"""A call that is like an earlier one gets its key from memory, and it is the key that a digest would give."""

from __future__ import annotations

import array
import enum
from marshal import loads

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aicache._kernel import names
from aicache._kernel.canonical import digest
from aicache._kernel.names import Names
from aicache.errors import KeyEncodingError
from aicache.testing.payloads import payloads


class Word(enum.StrEnum):
    A = "a"


class Text(str):
    """Equal to a str, and not one."""

    __slots__ = ()


LOOKALIKES = [
    0, 0.0, -0.0, False, None, "", b"", bytearray(), (), [], {}, 1, 1.0, True, "1", b"1", bytearray(b"1"),
    memoryview(b"1"), array.array("b", b"1"), "a", Word.A, Text("a"), b"a", ("a",), ["a"], {"a": 1}, {1: "a"}, {"a"},
    frozenset("a"), float("nan"), 2**70, "\ud800", Ellipsis, int,
]  # fmt: skip


def make(*args, **kwargs):
    return digest([list(args), kwargs])


def said(call, args, kwargs):
    try:
        return call(args, kwargs)
    except KeyEncodingError as error:
        return str(error)


ARGUMENTS = st.sampled_from(LOOKALIKES) | payloads(max_leaves=5)
CALLS = st.tuples(
    st.lists(ARGUMENTS, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(["a", "b", "a=1"]), ARGUMENTS, max_size=2),
)


@given(st.lists(CALLS, max_size=8))
@example([((one,), {}) for one in LOOKALIKES])
@example([(([one],), {"x": one}) for one in LOOKALIKES])
@example([((1,), {"a": 2}), ((1, 2), {}), ((1, ("a", 2)), {})])
def test_the_key_is_the_one_that_a_digest_would_give(calls):
    remembering = Names(make, remembers=True)
    for _ in range(2):
        for args, kwargs in calls:
            assert said(remembering.of, args, kwargs) == said(lambda a, k: make(*a, **k), args, kwargs)
            if len(args) == 1 and type(args[0]) is str and not kwargs:
                assert remembering.texts.get(args[0], make(*args)) == make(*args)
    assert all(type(text) is str for text in remembering.texts)


def test_a_call_like_the_last_one_takes_no_digest():
    made = []
    remembering = Names(lambda *args, **kwargs: made.append(args) or f"key {len(made)}", remembers=True)
    messages = [{"role": "user", "content": "hello"}]
    assert [remembering.of((messages,), {"temperature": 0.0}) for _ in range(3)] == ["key 1"] * 3
    messages[0]["content"] = "changed"
    assert remembering.of((messages,), {"temperature": 0.0}) == "key 2"
    assert remembering.of(("text",), {}) == "key 3"
    assert remembering.texts == {"text": "key 3"}


def test_a_call_of_plain_values_like_an_earlier_one_takes_no_digest():
    made = []
    remembering = Names(lambda *args, **kwargs: made.append((args, kwargs)) or make(*args, **kwargs), remembers=True)
    calls = [((word,), {"t": t}) for word in ("a", "b") for t in (0.5, 0.0, 0, False, 1, 1.0, True, None, "")]
    keys = [remembering.of(*call) for call in calls * 2]
    assert keys == [make(*args, **kwargs) for args, kwargs in calls] * 2
    assert len(set(keys)) == len(calls)
    assert made == calls


@pytest.mark.parametrize("zeros", [(0.0, -0.0), (-0.0, 0.0)])
def test_the_sign_of_a_zero_counts(zeros):
    remembering = Names(make, remembers=True)
    for _ in range(2):
        for zero in zeros:
            assert remembering.of(("text",), {"t": zero}) == make("text", t=zero)
            assert remembering.of(("text", zero), {}) == make("text", zero)


def test_an_argument_that_raises_when_it_is_hashed_is_refused_like_any_other():
    class Unhashable:
        def __hash__(self):
            raise RuntimeError("no")

    with pytest.raises(KeyEncodingError, match="Unhashable"):
        Names(make, remembers=True).of((Unhashable(),), {"t": 1})


def test_what_cannot_be_told_apart_and_what_is_long_is_not_remembered():
    remembering = Names(make, remembers=True)
    for argument in (b"bytes", [b"bytes"], {"a": b"bytes"}, {"set"}, 1j, "x" * 20_000):
        for kwargs in ({}, {"t": 0.5}):
            remembering.of((1,), {})  # and of plain values the next one may be
            remembering.of((argument,), kwargs)
    assert remembering._plain.cache_info().currsize == 1
    assert ([loads(call) for call in remembering._keys], remembering.texts) == ([((1,), {})], {})


def test_a_maker_of_the_users_own_is_asked_each_time():
    answers = iter("ab")
    forgetful = Names(lambda: next(answers), remembers=False)
    assert [forgetful.of((), {}), forgetful.of((), {})] == ["a", "b"]


@pytest.mark.parametrize("most", [1, 7])
def test_no_more_are_remembered_than_the_bound(monkeypatch, most):
    monkeypatch.setattr(names, "_MOST", most)
    remembering = Names(make, remembers=True)
    for number in range(50):
        remembering.of((str(number),), {})
        remembering.of((number,), {})
        remembering.of(([number],), {})
        assert remembering._plain.cache_info().currsize <= most
        assert len(remembering._keys) <= most
        assert len(remembering.texts) <= most
