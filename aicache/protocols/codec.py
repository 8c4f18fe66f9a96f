"""What a codec is made of."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Compressor", "Serializer"]


@runtime_checkable
class Serializer(Protocol):
    """Turns values into bytes and back, exactly: `loads(dumps(x))` equals `x` and has the same types, all the way down.

    What it cannot keep so, `dumps` refuses with a `SerializationError` that names the path. `loads` may raise anything
    at all on bytes that `dumps` did not make, and must not run code that those bytes choose.
    """

    @property
    def id(self) -> int:
        """1 to 255, written into each envelope. 1 to 127 are ours; a plug-in takes one from 128 up and keeps it for
        ever.
        """
        ...

    def dumps(self, value: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


@runtime_checkable
class Compressor(Protocol):
    """Makes bytes smaller and back, exactly."""

    @property
    def id(self) -> int:
        """1 to 255 as for `Serializer`; 0 is "not compressed" and belongs to `NullCompressor`."""
        ...

    def compress(self, data: bytes) -> bytes | None:
        """The compressed bytes, or None where it is not worth it (too small, not smaller)."""
        ...

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The original bytes; raises, having made at most `max_size` bytes, where there would be more."""
        ...
