"""The budget counts levels and items as they are, whatever the bytes look like, and refuses from one more on."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.codecs.budget import check_budget
from aicache.errors import EnvelopeError

NO_LIMIT = 10**9
ATOMS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
SIZES = st.sampled_from([0, 1, 31, 32, 255, 256, 65_536])
LONG = SIZES.map("x".__mul__) | SIZES.map(bytes) | SIZES.map(lambda size: msgpack.ExtType(1, bytes(size)))
RUNS = st.lists(st.sampled_from([[0] * 20, [0.5] * 20, [""] * 20, [[]] * 20, [{}, 300], ["text"] * 3])).map(
    lambda runs: [item for run in runs for item in run]
)
VALUES = st.recursive(ATOMS | LONG | RUNS, lambda inner: st.lists(inner) | st.dictionaries(ATOMS, inner), max_leaves=30)


def items(value: object) -> int:
    """How many there are, the value itself included."""
    if isinstance(value, dict):
        return 1 + sum(1 + items(part) for part in value.values())
    if isinstance(value, list):
        return 1 + sum(map(items, value))
    return 1


def levels(value: object) -> int:
    """How many containers lie in each other; an empty one holds no level."""
    if isinstance(value, dict | list) and value:
        return 1 + max(map(levels, value.values() if isinstance(value, dict) else value))
    return 0


def refusal(data: bytes, depth: int, most: int) -> str | None:
    try:
        check_budget(data, 0, depth, most)
    except EnvelopeError as refused:
        return refused.reason
    return None


@given(value=VALUES)
def test_items_and_levels_are_counted_one_by_one(value):
    data, count, depth = msgpack.packb(value), items(value), levels(value)
    assert refusal(data, max(depth, 1), count) is None
    if depth > 1:
        assert refusal(data, depth - 1, NO_LIMIT) == "budget"
    if count > 1:
        assert refusal(data, 100, count - 1) == "budget"


@given(value=VALUES, cut=st.integers(1, 20), more=st.binary(min_size=1, max_size=5))
def test_bytes_too_few_and_too_many_are_refused(value, cut, more):
    data = msgpack.packb(value)
    assert refusal(data[:-cut], 100, NO_LIMIT) == "parse"
    assert refusal(data + more, 100, NO_LIMIT) == "parse"


@pytest.mark.parametrize("count", [32, 1536])
def test_a_vector_is_an_item_for_each_of_its_floats(count):
    data = msgpack.packb([msgpack.ExtType(9, bytes(8 * count))])
    assert refusal(data, 1, count + 2) is None
    assert refusal(data, 1, count + 1) == "budget"
