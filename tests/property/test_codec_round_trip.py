"""What a codec accepts comes back equal and of the same types, for each serializer, compressor and kind of envelope."""

from __future__ import annotations

import math
import sys

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicache import (
    Codec,
    JsonSerializer,
    Lz4Compressor,
    MsgpackSerializer,
    NullCompressor,
    ZlibCompressor,
    ZstdCompressor,
)
from aicache.codecs import msgpack as engines
from aicache.errors import SerializationError
from aicache.testing.payloads import json_payloads, payloads, same

SECRETS = {7: b"0123456789abcdef"}
MODES = {"plain": {}, "signed": {"secrets": SECRETS}, "encrypted": {"secrets": SECRETS, "encrypt": True}}
COMPRESSORS = {
    "null": NullCompressor(),
    "lz4": Lz4Compressor(min_size=0),
    "zlib": ZlibCompressor(min_size=0),
    "zstd": ZstdCompressor(min_size=0),
}
SERIALIZERS = {"msgpack": (MsgpackSerializer(), payloads()), "json": (JsonSerializer(), json_payloads())}

KEYS = st.text(st.characters() | st.characters(categories=["Cs"]), min_size=1, max_size=30)
SECONDS = st.floats(0, 1e9, width=32)


# Of each of the 24 kinds a quarter of the profile's examples in every run, and all of them at night.
@pytest.mark.parametrize("share", [4, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_what_is_accepted_comes_back(serializer: str, compressor: str, mode: str, share: int) -> None:
    chosen, values = SERIALIZERS[serializer]
    codec = Codec(chosen, COMPRESSORS[compressor], **MODES[mode])

    @settings(max_examples=settings().max_examples // share)
    @given(value=values, key=KEYS, created=st.integers(0, 2**40), fresh_for=st.none() | SECONDS, stale_for=SECONDS)
    def check(value, key, created, fresh_for, stale_for):
        raw = codec.dumps(value)
        sealed = codec.seal(key, codec.pack(raw), created=created / 1000, fresh_for=fresh_for, stale_for=stale_for)
        opened = codec.open(key, sealed)
        assert same(opened.value, value)
        assert same(opened.thaw(opened.raw), value)
        assert (opened.created, opened.fresh_for, opened.stale_for) == (created / 1000, fresh_for, stale_for)
        assert len(sealed) <= len(raw) + {"plain": 48, "signed": 49, "encrypted": 48 + 13 + 16}[mode]
        assert codec.loads(raw) is not codec.loads(raw) or not isinstance(value, list | dict | set | bytearray)

    check()


def with_and_without_msgspec() -> tuple[MsgpackSerializer, MsgpackSerializer]:
    """One that packs with it, as the extra `fast` comes with the tests, and one that does without."""
    fast, other = MsgpackSerializer(), MsgpackSerializer()
    assert fast._engine()[0].__self__.__class__.__module__.startswith("msgspec")
    other._encode, other._decode = engines._encode, engines._decode
    return fast, other


@given(value=payloads() | json_payloads())
def test_with_and_without_msgspec_the_bytes_and_the_values_are_the_same(value):
    fast, other = with_and_without_msgspec()
    stored = other.dumps(value)
    assert fast.dumps(value) == stored
    assert same(fast.loads(stored), value)
    assert same(other.loads(stored), value)


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()


@given(value=st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(SCALARS, inner), max_leaves=20))
def test_what_other_programs_pack_is_read_the_same_with_and_without_msgspec(value):
    fast, other = with_and_without_msgspec()
    stored = msgpack.packb(value)
    assert same(fast.loads(stored), value)
    assert same(other.loads(stored), value)


def test_without_the_extra_msgpack_alone_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "msgspec.msgpack", None)
    engines._engine.cache_clear()
    try:
        serializer = MsgpackSerializer()
        assert serializer._engine() == (engines._encode, engines._decode)
    finally:
        engines._engine.cache_clear()
    for value in ({"a": [1, "\ud800"]}, {"a": [1, b"b", None, 0.5]}, [2**64]):
        assert same(serializer.loads(serializer.dumps(value)), value)


@given(value=payloads())
def test_the_serializer_alone_keeps_them_too(value):
    serializer = MsgpackSerializer()
    assert same(serializer.loads(serializer.dumps(value)), value)


@given(value=payloads(max_leaves=5), depth=st.integers(1, 40), kind=st.sampled_from(["list", "tuple", "dict"]))
def test_nesting_is_kept_up_to_the_limit_and_refused_beyond(value, depth, kind):
    serializer = MsgpackSerializer(max_depth=30)
    wrap = {"list": lambda v: [v], "tuple": lambda v: (v,), "dict": lambda v: {"k": v}}[kind]
    for _ in range(depth):
        value = wrap(value)
    if height(value) <= 30:
        assert same(serializer.loads(serializer.dumps(value)), value)
    else:
        with pytest.raises(SerializationError, match="30 levels"):
            serializer.dumps(value)


def height(value: object) -> int:
    """How many containers lie in each other."""
    if isinstance(value, dict):
        return 1 + max([height(part) for pair in value.items() for part in pair], default=0)
    if isinstance(value, list | tuple | set | frozenset):
        return 1 + max(map(height, value), default=0)
    return 0


@pytest.mark.parametrize(
    "pair",
    [
        (1, True),
        (1, 1.0),
        (0, False),
        ((1,), [1]),
        (0.0, -0.0),
        (b"a", bytearray(b"a")),
        ({1}, frozenset({1})),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{1: 1}], [{1.0: 1}]),
        ("1", 1),
        (math.nan, math.inf),
    ],
    ids=repr,
)
def test_the_oracle_tells_apart_what_equality_does_not(pair):
    one, other = pair
    assert not same(one, other)
    assert same(one, one)
    assert same(other, other)


def test_the_oracle_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="no opinion"):
        same(object(), object())
