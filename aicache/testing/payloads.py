"""Values for property tests of serializers, and what "comes back exactly" means, judged without any serializer.

Needs the library hypothesis, which the extra `test` brings.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

__all__ = ["json_payloads", "payloads", "same"]

_ZONES: Final = ("Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
_ATOMS: Final = (bool, int, str, bytes, bytearray, date, timedelta, UUID, type(None))


def same(a: object, b: object) -> bool:
    """Whether `a` and `b` are equal and of the same types, all the way down.

    `1`, `1.0` and `True` differ, and so do a tuple and a list, 0.0 and -0.0, a dict and the same in another order, the
    two folds of a time, two zones with the same offset; a NaN is the same as itself, bit for bit.
    """
    if type(a) is not type(b):
        return False
    one, other = cast("Any", a), cast("Any", b)
    if isinstance(a, float):
        return struct.pack(">d", one) == struct.pack(">d", other)
    if isinstance(a, Decimal):
        return bool(one.as_tuple() == other.as_tuple())
    if isinstance(a, list | tuple):
        return len(one) == len(other) and all(same(x, y) for x, y in zip(one, other, strict=True))
    if isinstance(a, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(a, set | frozenset):
        return len(one) == len(other) and all(any(same(x, y) for y in other) for x in one)
    if isinstance(a, datetime | time):
        return _same_but_for_the_zone(one, other) and _same_zone(one, other)
    if not isinstance(a, _ATOMS):
        raise TypeError(f"same() has no opinion on a {type(a).__qualname__}")
    return bool(one == other)


def _same_but_for_the_zone(a: Any, b: Any) -> bool:
    return bool(a.fold == b.fold and a.replace(tzinfo=None) == b.replace(tzinfo=None))


def _same_zone(a: Any, b: Any) -> bool:
    return type(a.tzinfo) is type(b.tzinfo) and str(a.tzinfo) == str(b.tzinfo) and a.utcoffset() == b.utcoffset()


def _texts() -> st.SearchStrategy[str]:
    return st.text(st.characters() | st.characters(categories=["Cs"]), max_size=40)


def _zones() -> st.SearchStrategy[tzinfo | None]:
    offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
    fixed = st.builds(timezone, offsets)
    named = st.builds(timezone, offsets, st.text(max_size=10))
    return st.none() | st.just(UTC) | fixed | named | st.sampled_from(_ZONES).map(ZoneInfo)


def _hashables() -> st.SearchStrategy[Hashable]:
    atoms: st.SearchStrategy[Hashable] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        _texts(),
        st.binary(max_size=40),
        st.dates(),
        st.timedeltas(),
        st.datetimes(timezones=st.none() | st.just(UTC)),
        st.builds(datetime.replace, st.datetimes(timezones=_zones(), allow_imaginary=True), fold=st.integers(0, 1)),
        st.builds(time.replace, st.times(timezones=_zones()), fold=st.integers(0, 1)),
        st.decimals().filter(lambda number: not number.is_snan()),  # a signaling NaN cannot be hashed
        st.uuids(),
    )
    return st.recursive(
        atoms, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4), max_leaves=6
    )


def payloads(max_leaves: int = 20) -> st.SearchStrategy[Any]:
    """Every kind of value that `MsgpackSerializer` keeps without registration and without numpy."""
    keys = _hashables()
    atoms = keys | st.binary(max_size=40).map(bytearray) | st.just(Decimal("sNaN"))
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, max_size=6),
            st.lists(inner, max_size=4).map(tuple),
            st.lists(st.floats(), min_size=30, max_size=36),  # an embedding
            st.dictionaries(_texts(), inner, max_size=6),
            st.dictionaries(keys, inner, max_size=4),
            st.sets(keys, max_size=4),
            st.frozensets(keys, max_size=4),
        ),
        max_leaves=max_leaves,
    )


def json_payloads(max_leaves: int = 20) -> st.SearchStrategy[Any]:
    """Every kind of value that JSON keeps exactly."""
    atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts()
    return st.recursive(
        atoms,
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_texts(), inner, max_size=6),
        max_leaves=max_leaves,
    )
