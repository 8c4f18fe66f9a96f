"""Keys of calls: two different calls never look alike, two equal ones always do."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import combinations
from uuid import UUID

import pytest

from aicache._kernel.arguments import namer
from aicache._kernel.canonical import canonical, digest
from aicache.errors import KeyEncodingError


class Colour(Enum):
    RED = 1


class Other(Enum):
    RED = 1


ALL_DIFFERENT = [
    None, True, False, 0, 1, -1, 255, 256, -128, 2**64, 0.0, 1.0, -0.0, float("nan"), float("inf"), 1j,
    "", "1", "True", "None", "a|b", "a_b", "[1]", "\ud800", "\U00010000", "\ud800\udc00", b"", b"1", bytearray(b"1"),
    [], [1], [[1]], ["1"], [1, 2], [2, 1], ["ab"], ["a", "b"], [["a"], "b"], ["a", ["b"]], (), (1,), ([1],),
    {}, {"a": 1}, {"a": "1"}, {"a": None}, {"a": "1&b=2"}, {"a": "1", "b": "2"}, {1: "a"}, {True: "a"}, {"1": "a"},
    {"a": {"b": 1}}, set(), {1}, {1, 2}, frozenset(), frozenset({1}), date(2024, 1, 1), datetime(2024, 1, 1),
    datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(2024, 1, 1, fold=1), timedelta(1), timedelta(0, 1), Decimal("1"), Decimal("1.0"), Decimal("-0"),
    UUID(int=1), Colour.RED, Other.RED,
]  # fmt: skip


def test_values_that_differ_have_keys_that_differ():
    for one, other in combinations(ALL_DIFFERENT, 2):
        assert canonical(one) != canonical(other), (one, other)


def test_the_order_of_dict_keys_and_of_sets_does_not_count():
    assert canonical({"a": 1, "b": {"c": 2, "d": 3}}) == canonical({"b": {"d": 3, "c": 2}, "a": 1})
    assert canonical({"x", "y", "z"}) == canonical({"z", "y", "x"})


@pytest.mark.parametrize("name", ["", "n", "naïve ☕", "\ud800", "n" * 63, "n" * 64, "n" * 65])
def test_a_name_that_is_remembered_is_encoded_as_it_is_written_out(name):
    def written_out(tag: bytes, content: bytes) -> bytes:
        return tag + len(content).to_bytes(8, "big") + content

    pair = written_out(b"S", name.encode("utf-8", "surrogatepass")) + written_out(b"N", b"")
    for _ in range(2):
        assert canonical({name: None}) == written_out(b"O", pair)
    subclass = type("Name", (str,), {})
    with pytest.raises(KeyEncodingError, match="is a Name"):
        canonical({subclass(name): None})


def test_what_has_no_place_in_a_key_is_refused_by_its_path():
    with pytest.raises(KeyEncodingError, match="messages") as caught:
        canonical([{"content": object()}], "messages")
    assert caught.value.path == "messages[0]['content']"
    loop: list = []
    loop.append(loop)
    with pytest.raises(KeyEncodingError, match="nested deeper"):
        canonical(loop)


def test_a_key_is_the_same_in_every_process():
    script = "from aicache._kernel.canonical import digest; print(digest([{'a', 'b', 'c'}, {'x': 1, 'y': [2.5]}]))"
    made = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("0", "1", "12345")
    }
    assert made == {digest([{"a", "b", "c"}, {"x": 1, "y": [2.5]}])}


def test_a_call_has_one_key_however_its_arguments_are_passed():
    def f(a, b=2, *, c=3):
        raise NotImplementedError

    key = namer(f)
    assert len({key(1), key(1, 2), key(a=1), key(b=2, a=1), key(1, c=3), key(1, 2, c=3)}) == 1
    assert len({key(1), key(2), key(1, 3), key(1, c=4), key("1"), key(1.0)}) == 6


def test_extra_arguments_are_in_the_key():
    def f(a, /, *args, **kwargs):
        raise NotImplementedError

    key = namer(f)
    different = [key(1), key(1, 2), key(1, (2,)), key(1, 2, 3), key(1, b=2), key(1, c=2), key(1, a=2), key(1, [2])]
    assert len(set(different)) == len(different)
    assert key(1, x=1, y=2) == key(1, y=2, x=1)


def test_two_functions_never_share_a_key():
    def f(a):
        raise NotImplementedError

    def g(a):
        raise NotImplementedError

    assert namer(f)(1) != namer(g)(1)


def test_an_argument_given_twice_raises_as_the_call_would():
    def f(a):
        raise NotImplementedError

    with pytest.raises(TypeError, match="multiple values for argument 'a'"):
        namer(f)(1, a=1)
