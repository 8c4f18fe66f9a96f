"""`MsgpackSerializer`: gives back exactly what it was given, type for type, or refuses it by name.

A value of None, bool, int, float, str, bytes, lists and dicts with texts for keys is plain msgpack, readable by
anybody. Any other is `0xC1`, a byte that msgpack never uses, and then msgpack with the extensions of
`aicache.codecs.rich`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import local
from typing import Any, Final

import msgpack

from aicache.codecs.budget import HARMLESS, check_budget
from aicache.codecs.rich import VECTOR, Reader, Writer, checked_types
from aicache.errors import EnvelopeError, InvalidArgumentError, SerializationError

__all__ = ["MsgpackSerializer"]

_RICH: Final = b"\xc1"
_LONG: Final = 16
_LEAVES: Final = frozenset({str, int, float, bool, type(None), bytes})

_unpack: Final = msgpack.unpackb


class MsgpackSerializer:
    """Exact msgpack, the default. Safe from any thread; runs no code that bytes choose.

    Kept: None, bool, int of any size, float (-0.0 and NaN too), str (lone surrogates too), bytes, bytearray, list,
    tuple, dict in its order and with any kept key, set, frozenset, datetime and time with their zone and fold, date,
    timedelta, Decimal, UUID, and arrays and numbers of numpy. A subclass of these is another type, and refused.
    `types`: dataclasses and Enums to be kept too, each under a number that never changes: `{1: Usage, 2: Finish}`. The
    bytes hold the number, never a class's name. A dataclass comes back without its `__init__` being run.
    `max_depth`, `max_items`: how deep and how many items a value may be, in writing and in reading; items are counted
    in values over 64 KiB.
    """

    id: int = 1

    def __init__(
        self, types: Mapping[int, type] | None = None, *, max_depth: int = 32, max_items: int = 200_000
    ) -> None:
        if not 1 <= max_depth <= 500:
            raise InvalidArgumentError(f"max_depth must be from 1 to 500, got {max_depth!r}")
        if max_items < 1:
            raise InvalidArgumentError(f"max_items must be at least 1, got {max_items!r}")
        self._types = checked_types(types)
        self._writer = Writer(self._types, max_depth)
        self._max_depth = max_depth
        self._max_items = max_items
        self._packers = local()
        self._decode = _fast_decoder()

    def dumps(self, value: Any) -> bytes:
        """The bytes; raises `SerializationError`, whose `path` says where, for what cannot be kept exactly."""
        raw: bytes | None = None
        if _is_plain(value, self._max_depth):
            try:
                raw = self._packer().pack(value)
            except (OverflowError, UnicodeEncodeError):  # an int beyond 64 bits, a lone surrogate
                raw = None
        if raw is None:
            try:
                raw = _RICH + msgpack.packb(self._writer.convert(value), unicode_errors="surrogatepass")
            except RecursionError as error:
                raise SerializationError("the value holds itself; break the circle") from error
        if len(raw) > HARMLESS:
            try:
                self._check(raw)
            except EnvelopeError as over:
                raise SerializationError(f"the value has {over}; split it, or raise max_items") from over
        return raw

    def loads(self, data: bytes) -> Any:
        """The value; raises whatever goes wrong on bytes that `dumps` did not make, `EnvelopeError` over a limit."""
        if len(data) > HARMLESS:
            self._check(data)
        if data[:1] == _RICH:
            return Reader(self._types).read(memoryview(data)[1:])
        if self._decode is not None:
            try:
                return self._decode(data)
            except Exception:
                pass  # a lone surrogate is read below, and what is wrong is said there
        return _unpack(data, strict_map_key=False, unicode_errors="surrogatepass", ext_hook=_no_extension)

    def _check(self, raw: bytes) -> None:
        check_budget(raw, 1 if raw[:1] == _RICH else 0, self._max_depth, self._max_items)

    def _packer(self) -> Any:
        packer = getattr(self._packers, "packer", None)
        if packer is None:  # one for each thread: it has a buffer of its own
            packer = self._packers.packer = msgpack.Packer()
        return packer


@cache
def _fast_decoder() -> Callable[[bytes], Any] | None:
    """msgspec's, where it is installed (extra `fast`): the same values in half the time."""
    try:
        from msgspec.msgpack import Decoder
    except ImportError:
        return None
    return Decoder(ext_hook=_no_extension).decode


def _is_plain(value: Any, depth: int) -> bool:
    """Whether msgpack alone keeps `value`, not over `depth` levels; written for speed, as it sees every value."""
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
    if kind is dict:
        if not depth:
            return False
        for key in value:
            if type(key) is not str:
                return False
        for item in value.values():  # noqa: SIM110 a generator costs more
            if type(item) not in _LEAVES and not _is_plain(item, depth - 1):
                return False
        return True
    if kind is list:
        if not depth:
            return False
        if len(value) > _LONG:
            if len(value) >= VECTOR and type(value[0]) is float is type(value[-1]):
                return False  # it may be a vector: the writer looks at all of it, once
            if set(map(type, value)) <= _LEAVES:
                return True
        for item in value:  # noqa: SIM110 a generator costs more
            if type(item) not in _LEAVES and not _is_plain(item, depth - 1):
                return False
        return True
    return kind in _LEAVES


def _no_extension(code: int, _: object) -> Any:
    raise ValueError(f"extension {code} in a plain value")
