"""Registered classes and numpy, the values that a strategy cannot know."""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
import sys
import threading

import numpy
import pytest

from aicache import JsonSerializer, MsgpackSerializer
from aicache.codecs import vectors
from aicache.errors import SerializationError
from aicache.testing.payloads import same


@dataclasses.dataclass
class Usage:
    input_tokens: int
    output_tokens: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    text: str
    usage: Usage
    parts: tuple[object, ...] = ()
    stop: Finish | None = None


class Finish(enum.Enum):
    STOP = "stop"
    LENGTH = ("length", 2)


class Level(enum.IntEnum):
    LOW = 1


class Tone(enum.StrEnum):
    WARM = "warm"


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Counted:
    """Its `__init__` computes; what was stored must not be computed again."""

    value: int
    doubled: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.doubled = self.value * 2


serializer = MsgpackSerializer({1: Usage, 2: Answer, 3: Finish, 4: Level, 5: Tone, 6: Flags, 7: Counted})


@pytest.mark.parametrize(
    "value",
    [
        Usage(1, 2),
        Answer("a", Usage(3), (None, {"k": Usage(4)}), Finish.LENGTH),
        [Finish.STOP, Level.LOW, Tone.WARM, Flags.A | Flags.B],
        {Finish.STOP: 1, Tone.WARM: Level.LOW},
    ],
    ids=repr,
)
def test_registered_classes_come_back(value):
    again = serializer.loads(serializer.dumps(value))
    assert again == value
    assert repr(again) == repr(value)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1536])
def test_vectors_are_kept_float_for_float(count):
    vector = [-0.0, math.nan, math.inf, 5e-324, *(number / 7 for number in range(count))][:count]
    for value in (vector, {"embedding": vector}, [vector, (vector,)], [*vector, 1]):
        again = serializer.loads(serializer.dumps(value))
        assert same(again, value)
    assert len(serializer.dumps(vector)) <= 8 * count + 9 if count >= 32 else True


def test_a_vector_is_an_item_for_each_float():
    small = MsgpackSerializer(max_items=20_000)
    assert len(small.loads(small.dumps([0.5] * 19_000))) == 19_000
    with pytest.raises(SerializationError, match="max_items"):
        small.dumps({"embedding": [0.5] * 21_000})


def test_a_dataclass_comes_back_without_its_init():
    changed = Counted(2)
    changed.doubled = 5
    assert serializer.loads(serializer.dumps(changed)) == changed


def test_the_bytes_name_no_class():
    raw = serializer.dumps(Answer("a", Usage(3), (), Finish.STOP))
    for name in (b"Answer", b"Usage", b"Finish", b"STOP", b"test_codec_types"):
        assert name not in raw


def test_what_is_not_registered_or_has_changed_is_refused():
    raw = serializer.dumps([Usage(1)])
    with pytest.raises(SerializationError, match="Usage"):
        MsgpackSerializer().dumps([Usage(1)])
    with pytest.raises(KeyError):
        MsgpackSerializer().loads(raw)
    with pytest.raises(ValueError, match="fields of Counted have changed"):
        MsgpackSerializer({1: Counted}).loads(raw)


def test_a_dataclass_with_more_or_less_than_its_fields_is_refused():
    more, less = Usage(1), Usage(1)
    more.extra = 1
    del less.__dict__["input_tokens"]
    with pytest.raises(SerializationError, match=r"\.extra") as refused:
        serializer.dumps({"u": more})
    assert refused.value.path == "['u'].extra"
    with pytest.raises(SerializationError, match="without a value"):
        serializer.dumps(less)
    with pytest.raises(SerializationError) as inner:
        serializer.dumps(Usage(object()))
    assert inner.value.path == ".input_tokens"


@pytest.mark.parametrize(
    "array",
    [
        numpy.array([1.5, -0.0, numpy.nan, numpy.inf]),
        numpy.arange(6, dtype="<i2").reshape(2, 3),
        numpy.asfortranarray(numpy.arange(6, dtype=">f4").reshape(2, 3)),
        numpy.arange(24).reshape(2, 3, 4)[:, ::2, 1],
        numpy.zeros((0, 3)),
        numpy.array(7, dtype="u1"),
        numpy.array([True, False]),
        numpy.array([1 + 2j]),
        numpy.array(["2026-11-23"], dtype="M8[D]"),
        numpy.array([5], dtype="m8[ms]"),
        numpy.array([0.5], dtype="f2"),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_come_back(array):
    again = serializer.loads(serializer.dumps({"vector": [array]}))["vector"][0]
    assert (type(again), again.dtype, again.shape) == (numpy.ndarray, array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()
    assert again.flags.writeable
    assert again.flags.f_contiguous >= (array.flags.f_contiguous and not array.flags.c_contiguous)


@pytest.mark.parametrize(
    "number",
    [numpy.float32(0.1), numpy.int64(-3), numpy.bool_(True), numpy.complex64(1j), numpy.datetime64("2026-11-23", "s")],
    ids=repr,
)
def test_numbers_of_numpy_come_back(number):
    again = serializer.loads(serializer.dumps([number]))[0]
    assert type(again) is type(number)
    assert (again.dtype, again.tobytes()) == (number.dtype, number.tobytes())


def test_a_changed_array_changes_nothing_that_is_kept():
    array = numpy.ones(3)
    raw = serializer.dumps(array)
    array[0] = 5
    first, second = serializer.loads(raw), serializer.loads(raw)
    first[1] = 7
    assert second.tolist() == [1, 1, 1]


def test_numpy_is_not_imported_for_values_that_are_none_of_its_own(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert serializer.loads(serializer.dumps({"a": (1, Usage(2))})) == {"a": (1, Usage(2))}


@pytest.mark.parametrize("chosen", [serializer, JsonSerializer()], ids=["msgpack", "json"])
def test_a_serializer_is_safe_from_many_threads(chosen):
    wrong = []

    def work(number):
        value = {"number": number, "texts": [str(number)] * 50}
        wrong.extend(number for _ in range(300) if chosen.loads(chosen.dumps(value)) != value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("order", ["little", "big"])
def test_floats_are_little_endian_whatever_the_machine(order, monkeypatch):
    numbers = [1.5, -0.0, 5e-324]
    content = struct.pack("<3d", *numbers)
    assert vectors.packed_floats(numbers) == content
    if order != sys.byteorder:  # what this machine takes for its own order is then the other
        content = struct.pack(">3d" if sys.byteorder == "little" else "<3d", *numbers)
    monkeypatch.setattr(sys, "byteorder", order)
    assert same(vectors.floats_of(content), numbers)


@pytest.mark.parametrize("other", [1, True, None, numpy.float64(0.5), "0.5"], ids=repr)
@pytest.mark.parametrize("at", [0, 20, -1])
def test_one_item_that_is_no_float_makes_a_list_no_vector(other, at):
    numbers = [0.5] * 40
    numbers[at] = other
    again = serializer.loads(serializer.dumps(numbers))
    assert [type(item) for item in again] == [type(item) for item in numbers]
    assert again == numbers
