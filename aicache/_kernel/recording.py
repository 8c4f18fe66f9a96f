"""A stream of chunks: while it runs, a tape for any number of readers; afterwards, a recording, which is a plain value.

A recording is a dict that any serializer keeps and any reader knows again, so a key holds one as it holds any value:

    {"aicache.stream": 1, "chunks": [chunk, …], "at": [microseconds, …]}

`at` has the microseconds from the call of the factory to each chunk, and to the end: one number more than there are
chunks. They are whole, since a long list of floats is looked at as a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getsizeof
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from aicache._kernel.immutable import is_immutable, size_in_memory
from aicache.errors import InvalidArgumentError, InvalidTypeError, SerializationError

__all__ = [
    "Pacing",
    "Reader",
    "Recording",
    "Tape",
    "check_chunks",
    "checked_bytes",
    "checked_pacing",
    "microseconds",
    "recording_in",
]

Pacing: TypeAlias = Literal["instant", "recorded"]

_MARK: Final = "aicache.stream"
_VERSION: Final = 1
_TAKEN: Final = object()
_WHOLE: Final = {int}
_EMPTY: Final = getsizeof(b"")
_BESIDE: Final = 64  # bytes that a chunk takes beside its value


class Recording(NamedTuple):
    """The chunks of a stream that has ended well, and when they came, in microseconds."""

    chunks: list[Any]
    at: list[int]

    def value(self) -> dict[str, Any]:
        """The value that it is kept as."""
        return {_MARK: _VERSION, "chunks": self.chunks, "at": self.at}

    def rest(self) -> Recording:
        """The same without its first chunk."""
        return Recording(self.chunks[1:], self.at[1:])


def recording_in(value: object) -> Recording | None:
    """The recording that a value is; None where it is anything else."""
    fields: Any = value
    if type(value) is not dict:
        return None
    version, held = fields.get(_MARK), Recording(fields.get("chunks", ()), fields.get("at", ()))
    if type(version) is not int or version != _VERSION or type(held.chunks) is not list or type(held.at) is not list:
        return None
    at = held.at
    return held if len(at) == len(held.chunks) + 1 and set(map(type, at)) == _WHOLE and min(at) >= 0 else None


def microseconds(seconds: float) -> int:
    """The same time in whole microseconds, as a recording has it."""
    return int(seconds * 1e6 + 0.5)


class _Chunk:
    """One chunk and the way to the next. `upto`: about how many bytes there are up to its end."""

    __slots__ = ("next", "raw", "upto", "value")

    def __init__(self, value: object, raw: bytes | None, upto: int) -> None:
        self.value = value
        self.raw = raw
        self.upto = upto
        self.next: _Chunk | None = None


class Reader:
    """Where one reader of a tape is: at the chunk that it took last, which knows the next where there is one."""

    __slots__ = ("place",)

    def __init__(self, place: _Chunk) -> None:
        self.place = place


class Tape:
    """The chunks of one running stream. Each knows the next, so what every reader has passed goes by itself, once the
    tape has let go of its beginning: that is when it holds more than `max_bytes`. From then on nobody can begin to
    read, and nothing is stored.

    `dumps`, `loads`: make copies of chunks that their readers could change. `refused`: why the stream is not stored;
    None: it may be. It has no lock; a shell that needs one holds it.
    """

    def __init__(self, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any], max_bytes: int) -> None:
        self._dumps = dumps
        self._loads = loads
        self._max_bytes = max_bytes
        self._last = _Chunk(None, None, 0)
        self._start: _Chunk | None = self._last
        self._kept: list[Any] = []  # what is to be stored, as long as it may be, beside what the readers go along
        self._raws: dict[int, bytes] = {}  # of those that can be changed, by number
        self._at: list[int] = []
        self.readers: set[Reader] = set()
        self.refused: str | None = None
        self.ended = False
        self.error: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no chunk has come yet."""
        return self._last.upto == 0

    @property
    def is_whole(self) -> bool:
        """Whether it still has its beginning, so that one more can read it."""
        return self._start is not None

    @property
    def is_full(self) -> bool:
        """Whether the slowest reader is so far behind that nothing more may come before it has moved on."""
        if self._start is not None:
            return False
        behind = min([reader.place.upto for reader in tuple(self.readers)], default=self._last.upto)
        return self._last.upto - behind > self._max_bytes

    def join(self) -> Reader:
        """One more reader, who begins at the beginning; the tape must be whole."""
        start: Any = self._start
        reader = Reader(start)
        self.readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """A reader that reads no more."""
        self.readers.discard(reader)

    def is_wanted(self, completes: bool) -> bool:
        """Whether there is a reason to go on: somebody reads, or it is to be completed and may be stored."""
        return bool(self.readers) or (completes and self.refused is None)

    def refuse(self, reason: str) -> None:
        """Do not store it; the first reason is the one that counts."""
        if self.refused is None:
            self.refused = reason

    def add(self, value: Any, at: float) -> None:
        """One chunk more, that came `at` seconds after the beginning."""
        raw: bytes | None = None
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] of Any
        if kind is bytes:
            size = _EMPTY + len(value)
        elif kind is str:
            size = getsizeof(value)
        else:
            raw = self._copy(value)
            size = size_in_memory(value) if raw is None else _EMPTY + len(raw)
        last = self._last
        upto = last.upto + size + _BESIDE
        last.next = self._last = _Chunk(value, raw, upto)
        if self._start is None:
            return
        if upto > self._max_bytes:
            self._start = None
            self._kept, self._raws, self._at = [], {}, []
            self.refuse("size")
            return
        if raw is not None:
            self._raws[len(self._kept)] = raw
            value = None
        self._kept.append(value)
        self._at.append(microseconds(at))

    def _copy(self, value: object) -> bytes | None:
        """What copies are made from; None where nobody can change the value, or it cannot be kept."""
        if is_immutable(value):
            return None
        try:
            return self._dumps(value)
        except SerializationError:
            self.refuse("unserializable")
            return None

    def take(self, reader: Reader) -> Any:
        """The reader's next chunk: the very one for whoever is first, a copy for the others if it can be changed."""
        chunk: Any = reader.place.next
        reader.place = chunk
        if chunk.raw is None:
            return chunk.value
        value, chunk.value = chunk.value, _TAKEN
        return self._loads(chunk.raw) if value is _TAKEN else value

    def chunks(self) -> list[Any]:
        """All chunks, with copies of those that can be changed; the tape must be whole."""
        chunks = self._kept.copy()
        for number, raw in self._raws.items():
            chunks[number] = self._loads(raw)
        return chunks

    def recording(self, at: float) -> Recording:
        """All chunks, and when they came; the end came `at` seconds after the beginning."""
        return Recording(self.chunks(), [*self._at, microseconds(at)])


def checked_pacing(pacing: object) -> Pacing:
    """Return `pacing`, or raise."""
    if pacing not in ("instant", "recorded"):
        raise InvalidArgumentError(f'pacing must be "instant" or "recorded", got {pacing!r}')
    return pacing


def checked_bytes(max_bytes: object) -> int:
    """Return `max_bytes`, or raise."""
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
        raise InvalidTypeError(f"max_bytes must be a whole number of bytes, got {max_bytes!r}")
    if max_bytes < 1:
        raise InvalidArgumentError(f"max_bytes must be at least 1, got {max_bytes!r}; a stream that is held needs some")
    return max_bytes


def check_chunks(upstream: object, attribute: str, cure: str = "") -> None:
    """Raise where a factory returned what has no chunks, as `attribute` shows; a text is one chunk, not its letters."""
    if not hasattr(upstream, attribute) or isinstance(upstream, str | bytes | bytearray | memoryview | dict):
        raise InvalidTypeError(f"factory must return an iterator of chunks here, got {upstream!r}{cure}")
