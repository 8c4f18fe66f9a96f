"""`MsgpackSerializer`: gives back exactly what it was given, type for type, or refuses it by name.

A value of None, bool, int, float, str, bytes, lists and dicts with texts for keys is plain msgpack, readable by
anybody. Any other is `0xC1`, a byte that msgpack never uses, and then msgpack with the extensions of
`aicache.codecs.rich`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import local
from typing import TYPE_CHECKING, Any, Final

import msgpack

from aicache.codecs.budget import HARMLESS, check_budget
from aicache.codecs.vectors import VECTOR
from aicache.errors import EnvelopeError, InvalidArgumentError, SerializationError

if TYPE_CHECKING:
    from aicache.codecs.rich import Writer

__all__ = ["MsgpackSerializer"]

_RICH: Final = b"\xc1"
_LONG: Final = 16
_LEAVES: Final = frozenset({str, int, float, bool, type(None), bytes})

_Engine = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]  # encode, decode


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
        self._max_depth = max_depth
        self._max_items = max_items
        self._types: dict[int, type] = {}
        if types:
            from aicache.codecs.rich import checked_types

            self._types = checked_types(types)
        self._writer: Writer | None = None
        self._encode: Callable[[Any], bytes] | None = None
        self._decode: Callable[[bytes], Any] | None = None

    def dumps(self, value: Any) -> bytes:
        """The bytes; raises `SerializationError`, whose `path` says where, for what cannot be kept exactly."""
        if not _is_plain(value, self._max_depth):
            return self._rich(value)
        try:
            raw = (self._encode or self._engine()[0])(value)
        except (OverflowError, UnicodeEncodeError):  # an int beyond 64 bits, a lone surrogate
            return self._rich(value)
        if len(raw) > HARMLESS and len(raw) > self._max_items:  # no item takes less than a byte
            self._check_own(raw)
        return raw

    def loads(self, data: bytes) -> Any:
        """The value; raises whatever goes wrong on bytes that `dumps` did not make, `EnvelopeError` over a limit."""
        if len(data) > HARMLESS:
            return self._loads_large(data)
        if data[0] == 0xC1:
            return self._loads_rich(data)
        try:
            return (self._decode or self._engine()[1])(data)
        except Exception:  # a lone surrogate is read here, and what is wrong is said
            return _decode(data)

    # -- what is rich, and what is large

    def _rich(self, value: Any) -> bytes:
        if self._writer is None:
            from aicache.codecs.rich import Writer  # its types, only where there are values of them

            self._writer = Writer(self._types, self._max_depth)
        try:
            raw = _RICH + msgpack.packb(self._writer.convert(value), unicode_errors="surrogatepass")
        except RecursionError as error:
            raise SerializationError("the value holds itself; break the circle") from error
        if len(raw) > HARMLESS:
            self._check_own(raw)
        return raw

    def _loads_rich(self, data: bytes) -> Any:
        from aicache.codecs.rich import Reader

        return Reader(self._types).read(memoryview(data)[1:])

    def _loads_large(self, data: bytes) -> Any:
        if data[:1] == _RICH:
            self._check(data)
            return self._loads_rich(data)
        if len(data) <= self._max_items:  # so it has no more items than it may; its depth shows sooner once it is made
            try:
                value = (self._decode or self._engine()[1])(data)
            except Exception:
                pass
            else:
                if _is_plain(value, self._max_depth):
                    return value
        self._check(data)
        try:
            return (self._decode or self._engine()[1])(data)
        except Exception:
            return _decode(data)

    def _check(self, raw: bytes) -> None:
        check_budget(raw, 1 if raw[:1] == _RICH else 0, self._max_depth, self._max_items)

    def _check_own(self, raw: bytes) -> None:
        try:
            self._check(raw)
        except EnvelopeError as over:
            raise SerializationError(f"the value has {over}; split it, or raise max_items") from over

    def _engine(self) -> _Engine:
        engine = self._encode, self._decode = _engine()
        return engine


# ---------------------------------------------------------------------------------------------------------------------
# Who packs and unpacks


@cache
def _engine() -> _Engine:
    """msgspec's, where it is installed (extra `fast`): the same bytes and the same values in half the time.

    It is imported with the first value, not with the cache: that takes longer than all the rest.
    """
    try:
        from msgspec.msgpack import Decoder, Encoder
    except ImportError:
        return _encode, _decode
    return Encoder().encode, Decoder(ext_hook=_no_extension).decode


_packers: Final = local()


def _encode(value: Any) -> bytes:
    packer = getattr(_packers, "packer", None)
    if packer is None:  # one for each thread: it has a buffer of its own
        packer = _packers.packer = msgpack.Packer()
    raw: bytes = packer.pack(value)
    return raw


def _decode(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass", ext_hook=_no_extension)


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
