"""Vectors as bytes: a byte that says what was given, a byte for the packing, and the numbers, little-endian.

What comes back is what the packing can hold: float32 rounds to about seven digits, float16 to about three, float64 to
nothing. It is the same for the caller who had it made as for all who read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from struct import Struct, error
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

from aicache.errors import InvalidArgumentError, InvalidTypeError

__all__ = [
    "LIST",
    "ROWS",
    "Indexed",
    "Lists",
    "Packing",
    "check_packing",
    "packed_vectors",
    "size_of",
    "unpacked_array",
]

Packing: TypeAlias = Literal["float16", "float32", "float64"]

_WIDTHS: Final[dict[str, int]] = {"float16": 2, "float32": 4, "float64": 8}
_SIGNS: Final[dict[str, str]] = {"float16": "e", "float32": "f", "float64": "d"}
_MARKS: Final[dict[str, int]] = {"float16": 16, "float32": 32, "float64": 64}
LIST: Final = b"l"
"""The form of an answer, the first byte of what is packed: a list of lists."""
ROWS: Final = b"r"
"""A list of arrays."""
_ARRAY: Final = b"a"  # one array of two dimensions


class Indexed(Protocol):
    """A vector that says which text it is for, by position, as items of a provider's response do."""

    @property
    def index(self) -> int:
        """The position of the text."""
        ...

    @property
    def embedding(self) -> list[float]:
        """The vector."""
        ...


def check_packing(packing: object) -> Packing:
    """Return it, or raise."""
    if not isinstance(packing, str) or packing not in _WIDTHS:
        raise InvalidArgumentError(f'packing must be "float32", "float16" or "float64", got {packing!r}')
    return cast("Packing", packing)


def packed_vectors(answer: object, count: int, packing: Packing) -> list[bytes]:
    """The vectors of one answer of an embedder to `count` texts; raises where it cannot be right.

    `answer`: a list of vectors, each a list of numbers or an array, or of items with an index and a vector; or an array
    of two dimensions.
    """
    kind, rows = _rows(answer)
    if len(rows) != count:
        raise InvalidArgumentError(
            f"embed must return one vector for each text, in order; for {count} texts it returned {len(rows)} vectors"
        )
    head = kind + bytes([_MARKS[packing]])
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or 0 in sizes:
        raise InvalidArgumentError(f"embed must return vectors of one length, got lengths {sorted(sizes)}")
    pack = _packed_list if kind == LIST else _packed_array
    return [head + pack(row, at, packing) for at, row in enumerate(rows)]


def _rows(answer: Any) -> tuple[bytes, Sequence[Any]]:
    if hasattr(answer, "dtype"):
        if getattr(answer, "ndim", 0) != 2:
            raise InvalidTypeError(f"embed must return an array of two dimensions, got one of shape {answer.shape!r}")
        return _ARRAY, answer
    if not isinstance(answer, list | tuple):
        raise InvalidTypeError(
            f"embed must return a list of vectors or an array, one vector for each text, got {type(answer).__name__}; "
            "take the vectors out of the provider's response"
        )
    rows = _in_order(cast("Sequence[Any]", answer))
    arrays = {hasattr(row, "dtype") for row in rows}
    if arrays == {True}:
        if any(getattr(row, "ndim", 0) != 1 for row in rows):
            raise InvalidTypeError("embed must return arrays of one dimension, one for each text")
        return ROWS, rows
    wrong = next((row for row in rows if not isinstance(row, list | tuple)), None)
    if wrong is not None or len(arrays) > 1:
        raise InvalidTypeError(
            f"embed must return vectors that are all lists or all arrays, got {type(wrong).__name__}"
        )
    return LIST, rows


def _in_order(rows: Sequence[Any]) -> Sequence[Any]:
    """The vectors by their index, where they have one."""
    if all(isinstance(row, dict) and "index" in row and "embedding" in row for row in rows):
        indexed = [(row["index"], row["embedding"]) for row in rows]
    elif all(hasattr(row, "embedding") and isinstance(getattr(row, "index", None), int) for row in rows):
        indexed = [(row.index, row.embedding) for row in rows]
    else:
        return rows
    found = dict(indexed)
    if found.keys() != set(range(len(rows))):
        raise InvalidArgumentError(
            f"embed must return one vector for each text, got indexes {[index for index, _ in indexed]}"
        )
    return [found[at] for at in range(len(rows))]


def _packed_list(row: Sequence[Any], at: int, packing: Packing) -> bytes:
    try:
        content = _struct(len(row), packing).pack(*row)
        finite = isfinite(sum(row)) or all(map(isfinite, row))
    except (error, TypeError, OverflowError) as reason:
        raise InvalidArgumentError(f"vector {at} cannot be packed as {packing}: {reason}") from reason
    if not finite:
        raise _not_finite(at)
    return content


def _packed_array(row: Any, at: int, packing: Packing) -> bytes:
    import numpy  # it is there: this is an array

    if row.dtype.kind not in "fiu":
        raise InvalidTypeError(f"vector {at} must be an array of numbers, got {row.dtype}")
    with numpy.errstate(over="ignore"):
        narrow = row.astype(f"<f{_WIDTHS[packing]}")
    if not numpy.isfinite(narrow).all():
        raise (
            _not_finite(at)
            if not numpy.isfinite(row).all()
            else InvalidArgumentError(f"vector {at} cannot be packed as {packing}: a number is too large")
        )
    content: bytes = narrow.tobytes()
    return content


def _not_finite(at: int) -> InvalidArgumentError:
    return InvalidArgumentError(f"vector {at} has a number that is not finite; the embedder has failed")


def size_of(packed: object, packing: Packing) -> int | None:
    """How many dimensions a stored vector has; None where it is none of this packing."""
    if not isinstance(packed, bytes) or len(packed) < 3 or packed[:1] not in (LIST, ROWS, _ARRAY):
        return None
    dimensions, rest = divmod(len(packed) - 2, _WIDTHS[packing])
    return None if rest or packed[1] != _MARKS[packing] else dimensions


def unpacked_array(vectors: Sequence[bytes], dimensions: int, packing: Packing, *, as_rows: bool) -> Any:
    """A fresh array of two dimensions, or with `as_rows` a list of fresh arrays."""
    import numpy

    content = bytearray().join([memoryview(packed)[2:] for packed in vectors])
    array: Any = numpy.frombuffer(content, f"<f{_WIDTHS[packing]}").reshape(len(vectors), dimensions)
    if packing == "float16":
        array = array.astype("<f4")  # exactly: what computes with it needs no half precision
    return [row.copy() for row in array] if as_rows else array


class Lists:
    """Makes lists of packed vectors, and keeps the numbers that were last made: making a float is what takes long.

    `most`: numbers to keep; 200,000 take some 7 MB.
    """

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._made: dict[bytes, tuple[float, ...]] = {}

    def unpacked(self, vectors: Sequence[bytes], dimensions: int, packing: Packing) -> list[list[float]]:
        """Fresh lists."""
        unpack, made = _struct(dimensions, packing).unpack_from, self._made
        room = self._most // dimensions
        if len(vectors) > room:
            return [list(unpack(packed, 2)) for packed in vectors]
        lists: list[list[float]] = []
        for packed in vectors:
            numbers = made.get(packed)
            if numbers is None:
                numbers = unpack(packed, 2)
                while len(made) >= room:
                    made.pop(next(iter(made.copy())), None)
                made[packed] = numbers
            lists.append(list(numbers))
        return lists


_structs: Final[dict[tuple[int, str], Struct]] = {}


def _struct(dimensions: int, packing: Packing) -> Struct:
    made = _structs.get((dimensions, packing))
    if made is None:
        made = _structs[dimensions, packing] = Struct(f"<{dimensions}{_SIGNS[packing]}")
        if len(_structs) > 100:
            _structs.clear()
    return made
