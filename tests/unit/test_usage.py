"""`Usage`: what a call used, kept in a form that any serializer takes, and never a zero for what is unknown."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.ai.usage import Usage
from aicache.codecs import MsgpackSerializer
from aicache.errors import InvalidArgumentError, InvalidTypeError

counts = st.none() | st.integers(0, 2**40)
seconds = st.none() | st.floats(0, 1e12)
names = st.none() | st.text(max_size=20)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_input_tokens=counts,
    model=names,
    provider=names,
    first_token_seconds=seconds,
    total_seconds=seconds,
    created=seconds,
)


@given(usages)
def test_what_was_kept_comes_back(usage: Usage) -> None:
    plain = usage.to_dict()
    assert Usage.from_dict(plain) == usage
    assert Usage.from_dict(json.loads(json.dumps(plain))) == usage
    serializer = MsgpackSerializer()
    assert Usage.from_dict(serializer.loads(serializer.dumps(plain))) == usage


def test_the_kept_form_is_compact_and_does_not_change() -> None:
    usage = Usage(input_tokens=12, output_tokens=0, model="m", created=3.5)
    assert usage.to_dict() == {"v": 1, "in": 12, "out": 0, "model": "m", "created": 3.5}
    every = Usage(
        input_tokens=1,
        output_tokens=2,
        cached_input_tokens=3,
        model="m",
        provider="p",
        first_token_seconds=4,
        total_seconds=5,
        created=6,
    )
    assert every.to_dict() == {
        "v": 1,
        "in": 1,
        "out": 2,
        "cached": 3,
        "model": "m",
        "provider": "p",
        "first": 4,
        "total": 5,
        "created": 6,
    }


def test_unknown_is_none_and_is_not_kept() -> None:
    usage = Usage()
    assert {getattr(usage, field.name) for field in fields(usage)} == {None}
    assert usage.to_dict() == {"v": 1}


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        [],
        "v",
        {},
        {"v": 2, "in": 1},
        {"v": "1"},
        {"v": 1, "in": "12"},
        {"v": 1, "in": -1},
        {"v": 1, "model": 3},
        {"v": 1, "total": math.nan},
        {"v": 1, "out": True},
    ],
)
def test_what_is_no_kept_usage_is_unknown(foreign: object) -> None:
    assert Usage.from_dict(foreign) is None


def test_what_a_newer_writer_adds_is_passed_over() -> None:
    assert Usage.from_dict({"v": 1, "in": 1, "later": "x"}) == Usage(input_tokens=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("input_tokens", 1.5), ("output_tokens", "1"), ("model", 1), ("created", "now"), ("cached_input_tokens", True)],
)
def test_a_wrong_type_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidTypeError, match=field):
        Usage(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("input_tokens", -1), ("total_seconds", math.inf), ("first_token_seconds", math.nan)]
)
def test_an_impossible_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=field):
        Usage(**{field: value})


def test_it_cannot_be_changed() -> None:
    usage = Usage(input_tokens=1)
    with pytest.raises(FrozenInstanceError):
        usage.input_tokens = 2  # type: ignore[misc]
    assert not hasattr(usage, "__dict__")
