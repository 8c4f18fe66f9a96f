"""What cannot be kept exactly is refused when it is written, by name, with the place where it lies."""

from __future__ import annotations

import collections
import enum
import fractions
import math
from datetime import datetime, timedelta, tzinfo

import numpy
import pytest

from aicache import Codec, JsonSerializer, MsgpackSerializer, NullCompressor
from aicache.errors import (
    ConfigurationError,
    EnvelopeError,
    InvalidArgumentError,
    MissingExtraError,
    SerializationError,
)


class Text(str):
    """A text of another type."""


class Number(enum.IntEnum):
    ONE = 1


Point = collections.namedtuple("Point", "x y")


class Somewhere(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1)


CIRCLE: list = []
CIRCLE.append(CIRCLE)

MSGPACK = {
    "a subclass of str": Text("a"),
    "a subclass of dict": collections.OrderedDict(a=1),
    "a default dict": collections.defaultdict(int),
    "a named tuple": Point(1, 2),
    "an unregistered enum": Number.ONE,
    "an object": object(),
    "a function": len,
    "a generator": (x for x in ()),
    "a complex": 1j,
    "a fraction": fractions.Fraction(1, 3),
    "a range": range(3),
    "a memoryview": memoryview(b"a"),
    "a datetime in an unnamed zone": datetime(2026, 1, 1, tzinfo=Somewhere()),
    "a class": int,
    "an exception": ValueError("a"),
    "an array of objects": numpy.array([None]),
    "a structured array": numpy.zeros(2, dtype=[("a", "i4")]),
    "a masked array": numpy.ma.masked_array([1, 2], mask=[True, False]),
}
PLACES = {
    "": lambda value: value,
    "['k']": lambda value: {"k": value},
    "[1][0]": lambda value: [0, [value]],
    "['a'][2]['b']": lambda value: {"a": (0, 1, {"b": value})},
}


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("what", MSGPACK)
def test_msgpack_names_the_place_and_the_type(what, path):
    value = MSGPACK[what]
    with pytest.raises(SerializationError) as refused:
        MsgpackSerializer().dumps(PLACES[path](value))
    assert refused.value.path == path
    assert (path or "the value") in str(refused.value)
    assert ";" in str(refused.value)  # what to do comes after it


@pytest.mark.parametrize("value", [Text("k"), Number.ONE, Point(1, 2), 1j], ids=repr)
def test_msgpack_names_a_key_that_cannot_be_kept(value):
    with pytest.raises(SerializationError, match="the key"):
        MsgpackSerializer().dumps({"a": {value: 1}})


def test_what_holds_itself_is_refused():
    with pytest.raises(SerializationError):
        MsgpackSerializer().dumps(CIRCLE)
    with pytest.raises(SerializationError):
        JsonSerializer().dumps(CIRCLE)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ((1,), ""),
        ({1: 2}, "[1]"),
        ({"a": [math.nan]}, "['a'][0]"),
        ([math.inf], "[0]"),
        ({"a": b"b"}, "['a']"),
        ([{"x": {1}}], "[0]['x']"),
        (Text("a"), ""),
        ({Text("a"): 1}, "['a']"),
        ([Number.ONE], "[0]"),
        (datetime(2026, 1, 1), ""),
    ],
    ids=repr,
)
def test_json_names_the_place(value, path):
    with pytest.raises(SerializationError) as refused:
        JsonSerializer().dumps(value)
    assert refused.value.path == path
    assert "MsgpackSerializer" in str(refused.value)


@pytest.mark.parametrize("serializer", [MsgpackSerializer(max_items=70_000), JsonSerializer(max_items=70_000)])
def test_too_many_items_are_refused_in_writing_and_in_reading(serializer):
    kept = list(range(69_000))
    assert serializer.loads(serializer.dumps(kept)) == kept
    with pytest.raises(SerializationError, match="max_items"):
        serializer.dumps(list(range(80_000)))
    with pytest.raises(Exception, match="more than 70000 items"):
        serializer.loads(type(serializer)().dumps(list(range(80_000))))


@pytest.mark.parametrize("size", [1_000, 70_000, 300_000], ids=["small", "large", "larger than max_items"])
@pytest.mark.parametrize("key", ["k", (1,)], ids=["plain", "rich"])
def test_too_deep_is_refused_in_writing_and_where_it_is_large_in_reading(key, size):
    def nested(levels):
        value = {key: "x" * size}
        for _ in range(levels - 1):
            value = [value]
        return value

    writer, reader = MsgpackSerializer(max_depth=40), MsgpackSerializer(max_depth=30)
    assert reader.loads(reader.dumps(nested(29))) == nested(29)
    with pytest.raises(SerializationError, match="30 levels"):
        reader.dumps(nested(32))
    if size > 64 * 1024:
        with pytest.raises(EnvelopeError, match="deeper than 30 levels") as refused:
            reader.loads(writer.dumps(nested(32)))
        assert refused.value.reason == "budget"


def test_a_list_twice_in_itself_is_refused_before_it_grows():
    twice: list = []
    twice += [twice, twice]
    for serializer in (MsgpackSerializer(), MsgpackSerializer(max_depth=500), JsonSerializer()):
        with pytest.raises(SerializationError):
            serializer.dumps(twice)


def test_what_is_refused_leaves_nothing_behind_in_the_codec():
    codec = Codec()
    whole = codec.seal("k", codec.pack(codec.dumps("v")), created=0, fresh_for=None)
    codec.open("k", whole)
    for serializer in range(256):
        for compressor in range(0, 256, 5):
            other = whole[:3] + bytes([serializer, compressor]) + whole[5:]
            if other != whole:
                with pytest.raises(EnvelopeError, match="tag"):
                    codec.open("k", other)
    assert len(codec._ways) == 1


def test_too_large_is_refused_in_both_directions():
    small = Codec(compressor=NullCompressor(), max_raw=1000, max_stored=900)
    with pytest.raises(SerializationError, match="max_raw=1000"):
        small.dumps("x" * 1000)
    with pytest.raises(SerializationError, match="max_stored=900"):
        small.seal("k", small.pack(small.dumps("x" * 900)), created=0, fresh_for=None)
    large = Codec(compressor=NullCompressor())
    sealed = large.seal("k", large.pack(large.dumps("x" * 2000)), created=0, fresh_for=None)
    for limits in ({"max_raw": 1000}, {"max_stored": 1000}):
        with pytest.raises(Exception, match="limit"):
            Codec(**limits).open("k", sealed)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_raw": 0}, "max_raw must be from 1 to"),
        ({"max_stored": 2**32}, "max_stored must be from 1 to"),
        ({"secrets": {}}, "secrets is empty"),
        ({"secrets": {1: b"short"}}, r"secrets\[1\] must be at least 16 random bytes"),
        ({"secrets": {1: "0123456789abcdef"}}, r"secrets\[1\]"),
        ({"secrets": {256: b"0" * 16}}, "from 0 to 255; got 256"),
        ({"secrets": {True: b"0" * 16}}, "got True"),
        ({"encrypt": True}, "encrypt=True needs secrets"),
        ({"serializer": MsgpackSerializer}, "not a class"),
        ({"serializer": ...}, "no serializer or compressor"),
    ],
    ids=repr,
)
def test_a_codec_that_makes_no_sense_is_refused(options, says):
    with pytest.raises((ConfigurationError, InvalidArgumentError), match=says) as refused:
        Codec(**options)
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ({-1: Number}, "a number from 0 up"),
        ({1: int}, r"types\[1\] must be a dataclass or an Enum"),
        ({1: Number, 2: Number}, "registered twice"),
        ({1: Number.ONE}, r"types\[1\]"),
    ],
)
def test_types_that_cannot_be_registered_are_refused(types, says):
    with pytest.raises(ConfigurationError, match=says):
        MsgpackSerializer(types)


def test_two_serializers_with_one_number_are_refused():
    class Mine:
        id = 1

        def dumps(self, value):
            return b""

        def loads(self, data):
            return None

    with pytest.raises(ConfigurationError, match="both have the id 1"):
        Codec(accept=[MsgpackSerializer(), Mine()])
    Mine.id = 0
    with pytest.raises(ConfigurationError, match="from 1 to 255, got 0"):
        Codec(Mine())


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingExtraError, match=r"aicache\[crypto\]"):
        Codec(secrets={1: b"0" * 16}, encrypt=True)
