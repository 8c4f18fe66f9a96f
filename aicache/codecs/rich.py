"""The types that msgpack does not know, each as something it does: the closed list behind `MsgpackSerializer`.

What is one thing (a date, a decimal) is an extension with its content. What holds other values (a tuple, a set, a dict
with tuples for keys) is an array whose first item is an empty extension, the marker: so a nested value is never copied
for each level it lies in. The codes below are in stored bytes: none ever changes its meaning or is used again.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack

from aicache.codecs.numbered import is_number
from aicache.codecs.vectors import VECTOR, floats_of, packed_floats
from aicache.errors import ConfigurationError, SerializationError

__all__ = ["Reader", "Writer", "checked_types"]

_INT, _BYTEARRAY, _DATETIME, _DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _FLOATS = range(1, 10)
_TUPLE, _SET, _FROZENSET, _DICT, _ENUM, _DATACLASS, _NDARRAY, _NUMPY = range(32, 40)
_CONTAINERS: Final = frozenset(range(32, 40))
_NUMBERS: Final = "biufcmM"  # the kinds of numpy that are plain bytes

_pack: Final = msgpack.packb
_unpack: Final = msgpack.unpackb


def checked_types(types: Mapping[int, type]) -> dict[int, type]:
    """The registered classes by number; raises `ConfigurationError` for what cannot be registered."""
    known: dict[int, type] = {}
    for code, cls in types.items():
        if not is_number(code, 0, 2**31 - 1):
            raise ConfigurationError(
                f"types is {{number: class}}, with a number from 0 up that never changes; got {code!r}"
            )
        if not _can_register(cls):
            raise ConfigurationError(f"types[{code}] must be a dataclass or an Enum, got {cls!r}")
        if cls in known.values():
            raise ConfigurationError(f"types[{code}]: {cls.__qualname__} is registered twice; give it one number")
        known[code] = cls
    return known


def _can_register(cls: object) -> bool:
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or issubclass(cls, enum.Enum))


def _ext(code: int, content: bytes = b"") -> Any:
    return msgpack.ExtType(code, content)


# ---------------------------------------------------------------------------------------------------------------------
# Writing


class Writer:
    """Makes of a value what msgpack can pack, or says where in it lies what cannot be kept."""

    def __init__(self, types: Mapping[int, type], max_depth: int) -> None:
        self._codes = {cls: code for code, cls in types.items()}
        self._max_depth = max_depth
        self._kinds: dict[type, Callable[[Any, str, int], Any]] = {
            int: self._int,
            list: self._list,
            tuple: lambda v, path, depth: self._items(v, path, depth, [_ext(_TUPLE)]),
            set: lambda v, path, depth: self._items(v, path, depth, [_ext(_SET)]),
            frozenset: lambda v, path, depth: self._items(v, path, depth, [_ext(_FROZENSET)]),
            dict: self._dict,
            bytearray: lambda v, _path, _depth: _ext(_BYTEARRAY, bytes(v)),
            datetime: self._datetime,
            date: lambda v, _path, _depth: _ext(_DATE, _pack([v.year, v.month, v.day])),
            time: self._time,
            timedelta: lambda v, _path, _depth: _ext(_TIMEDELTA, _pack([v.days, v.seconds, v.microseconds])),
            Decimal: lambda v, _path, _depth: _ext(_DECIMAL, str(v).encode()),
            UUID: lambda v, _path, _depth: _ext(_UUID, v.bytes),
        }

    def convert(self, value: Any, path: str = "", depth: int = 0) -> Any:
        """`value` as msgpack's own types; raises `SerializationError` naming the place below `path`."""
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
        if value is None or kind in (str, bytes, float, bool):
            return value
        handler = self._kinds.get(kind)
        if handler is not None:
            return handler(value, path, depth)
        if kind in self._codes:
            return self._registered(value, kind, path, depth)
        if kind.__module__ == "numpy" and "numpy" in sys.modules:
            return self._numpy(value, kind, path)
        raise _refused(
            path,
            f"is a {kind.__module__}.{kind.__qualname__}, which cannot be kept exactly",
            "convert it to a built-in type, or register a dataclass or an Enum: MsgpackSerializer(types={1: ...})",
        )

    def _int(self, value: int, path: str, depth: int) -> Any:  # noqa: ARG002 every handler is called alike
        if -(2**63) <= value < 2**64:
            return value
        return _ext(_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))

    def _list(self, value: list[Any], path: str, depth: int) -> Any:
        if len(value) >= VECTOR and type(value[0]) is float:
            packed = packed_floats(value)
            if packed is not None:
                self._deeper(path, depth)
                return _ext(_FLOATS, packed)
        return self._items(value, path, depth, [])

    def _items(self, value: Any, path: str, depth: int, out: list[Any]) -> list[Any]:
        self._deeper(path, depth)
        for at, item in enumerate(value):
            out.append(self.convert(item, f"{path}[{at}]", depth + 1))
        return out

    def _dict(self, value: dict[Any, Any], path: str, depth: int) -> Any:
        self._deeper(path, depth)
        pairs: list[tuple[Any, Any]] = []
        flat = True
        for key, item in value.items():
            place = f"{path}[{key!r}]"
            name: Any = self.convert(key, f"{place} (the key)", depth + 1)
            flat = flat and not isinstance(name, list)
            pairs.append((cast("Any", name), self.convert(item, place, depth + 1)))
        if flat:
            return dict(pairs)
        return [_ext(_DICT), *(part for pair in pairs for part in pair)]  # a key that is an array is none for msgpack

    def _deeper(self, path: str, depth: int) -> None:
        if depth >= self._max_depth:
            raise _refused(path, f"lies deeper than {self._max_depth} levels", "flatten it, or raise max_depth")

    def _datetime(self, v: datetime, path: str, depth: int) -> Any:  # noqa: ARG002 every handler is called alike
        parts = [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.fold, _zone(v.tzinfo, path)]
        return _ext(_DATETIME, _pack(parts))

    def _time(self, v: time, path: str, depth: int) -> Any:  # noqa: ARG002 every handler is called alike
        return _ext(_TIME, _pack([v.hour, v.minute, v.second, v.microsecond, v.fold, _zone(v.tzinfo, path)]))

    def _registered(self, value: Any, kind: type, path: str, depth: int) -> Any:
        self._deeper(path, depth)
        code = self._codes[kind]
        if isinstance(value, enum.Enum):
            if kind(value.value) is not value:
                raise _refused(path, f"is {value!r}, which its value does not bring back", "use a plain Enum")
            return [_ext(_ENUM), code, self.convert(value.value, f"{path}.value", depth + 1)]
        names = [field.name for field in dataclasses.fields(value)]
        extra = set(getattr(value, "__dict__", ())) - set(names)
        if extra:
            raise _refused(f"{path}.{min(extra)}", "is no field of its dataclass", "declare it, or leave it out")
        try:
            fields = {name: getattr(value, name) for name in names}
        except AttributeError as error:
            raise _refused(path, f"has a field without a value ({error})", "give it one") from error
        content = {name: self.convert(item, f"{path}.{name}", depth + 1) for name, item in fields.items()}
        return [_ext(_DATACLASS), code, content]

    def _numpy(self, value: Any, kind: type, path: str) -> Any:
        dtype = getattr(value, "dtype", None)
        if dtype is None or dtype.kind not in _NUMBERS or dtype.names or dtype.metadata:
            raise _refused(path, f"is a numpy {kind.__qualname__} of {dtype!r}", "use an array of numbers or dates")
        if kind.__qualname__ == "ndarray":
            order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            return [_ext(_NDARRAY), dtype.str, list(value.shape), order, value.tobytes(order)]
        return [_ext(_NUMPY), dtype.str, value.tobytes()]


def _zone(zone: tzinfo | None, path: str) -> list[Any] | None:
    if zone is None:
        return None
    if zone is UTC:
        return ["u"]
    if isinstance(zone, timezone):
        offset = zone.utcoffset(None)
        micros = (offset.days * 86_400 + offset.seconds) * 1_000_000 + offset.microseconds
        name = zone.tzname(None)
        return ["f", micros, None if name == timezone(offset).tzname(None) else name]
    if type(zone) is ZoneInfo and isinstance(getattr(zone, "key", None), str):  # it has none when made from a file
        return ["z", zone.key]
    raise _refused(
        path, f"has the zone {zone!r}, which has no name to bring it back", "use UTC, an offset or a ZoneInfo key"
    )


def _refused(path: str, what: str, cure: str) -> SerializationError:
    return SerializationError(f"{path or 'the value'} {what}; {cure}", path=path)


# ---------------------------------------------------------------------------------------------------------------------
# Reading


class _Marker:
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


class Reader:
    """Makes the value again. One for each reading: it counts the markers, so that none is left lying in the value."""

    __slots__ = ("_markers", "_types")

    def __init__(self, types: Mapping[int, type]) -> None:
        self._types = types
        self._markers = 0

    def read(self, data: memoryview) -> Any:
        """The value; raises whatever goes wrong."""
        value = msgpack.unpackb(
            data, strict_map_key=False, unicode_errors="surrogatepass", ext_hook=self._extension, list_hook=self._list
        )
        if self._markers:
            raise ValueError("a marker that begins no container")
        return value

    def _extension(self, code: int, content: bytes) -> Any:
        if code in _CONTAINERS and not content:
            self._markers += 1
            return _Marker(code)
        return _SCALARS[code](content)

    def _list(self, items: list[Any]) -> Any:
        if not items or type(items[0]) is not _Marker:
            return items
        self._markers -= 1
        return self._made(items[0].code, items[1:])

    def _made(self, code: int, parts: list[Any]) -> Any:
        if code in _PLAIN:
            return _PLAIN[code](parts)
        if code == _ENUM:
            number, value = parts
            return self._types[number](value)
        if code == _DATACLASS:
            number, fields = parts
            return _restored(self._types[number], fields)
        if code == _NDARRAY:
            dtype, shape, order, content = parts
            return _array(dtype, content).reshape(shape, order=order).copy(order)
        dtype, content = parts
        return _array(dtype, content)[0]


_PLAIN: Final[dict[int, Callable[[list[Any]], Any]]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _DICT: lambda parts: dict(zip(parts[::2], parts[1::2], strict=True)),
}


def _restored(cls: type, fields: dict[str, Any]) -> Any:
    names = {field.name for field in dataclasses.fields(cls)}
    if names != fields.keys():
        raise ValueError(f"the fields of {cls.__qualname__} have changed since")
    made = cast("Any", object.__new__(cls))
    for name, value in fields.items():
        object.__setattr__(made, name, value)  # not through __init__: it may compute, and the class may be frozen
    return made


def _array(dtype: str, content: bytes) -> Any:
    import numpy  # only where a value needs it

    kind = numpy.dtype(dtype)
    if kind.kind not in _NUMBERS:
        raise ValueError(f"an array of {dtype}")
    return numpy.frombuffer(content, kind)


def _zone_again(zone: Any) -> tzinfo | None:
    match zone:
        case None:
            return None
        case ["u"]:
            return UTC
        case ["f", int() as micros, None]:
            return timezone(timedelta(microseconds=micros))
        case ["f", int() as micros, str() as name]:
            return timezone(timedelta(microseconds=micros), name)
        case ["z", str() as key]:
            return ZoneInfo(key)
        case _:
            raise ValueError("a zone of another shape")


def _datetime_again(content: bytes) -> datetime:
    year, month, day, hour, minute, second, micro, fold, zone = _unpack(content)
    return datetime(year, month, day, hour, minute, second, micro, _zone_again(zone), fold=fold)


def _time_again(content: bytes) -> time:
    hour, minute, second, micro, fold, zone = _unpack(content)
    return time(hour, minute, second, micro, _zone_again(zone), fold=fold)


def _date_again(content: bytes) -> date:
    year, month, day = _unpack(content)
    return date(year, month, day)


def _timedelta_again(content: bytes) -> timedelta:
    days, seconds, micros = _unpack(content)
    return timedelta(days, seconds, micros)


_SCALARS: Final[dict[int, Callable[[bytes], Any]]] = {
    _INT: lambda b: int.from_bytes(b, "big", signed=True),
    _BYTEARRAY: bytearray,
    _DATETIME: _datetime_again,
    _DATE: _date_again,
    _TIME: _time_again,
    _TIMEDELTA: _timedelta_again,
    _DECIMAL: lambda b: Decimal(b.decode()),
    _UUID: lambda b: UUID(bytes=b),
    _FLOATS: floats_of,
}
