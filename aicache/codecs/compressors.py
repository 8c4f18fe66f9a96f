"""Compressors: smaller bytes where that pays, and never more than asked for on the way back."""

from __future__ import annotations

import importlib
import zlib
from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any, Final

from aicache.errors import InvalidArgumentError, MissingExtraError

__all__ = ["Lz4Compressor", "NullCompressor", "ZlibCompressor", "ZstdCompressor", "default_compressor"]

_MIN_SIZE: Final = 1024


class NullCompressor:
    """Leaves everything as it is."""

    id: int = 0

    def compress(self, data: bytes) -> bytes | None:  # noqa: ARG002 whatever it is
        """None: not compressed."""
        return None

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The same bytes; raises `ValueError` where they are more than `max_size`."""
        if len(data) > max_size:
            raise ValueError(f"{len(data)} bytes, more than {max_size}")
        return data


class _Compressor(ABC):
    def __init__(self, min_size: int) -> None:
        if min_size < 0:
            raise InvalidArgumentError(f"min_size must not be negative, got {min_size!r}; 0 compresses everything")
        self.min_size = min_size

    def compress(self, data: bytes) -> bytes | None:
        """The compressed bytes; None below `min_size`, and where they would not be a tenth fewer at least."""
        if len(data) < self.min_size:
            return None
        packed = self._compress(data)
        return packed if 10 * len(packed) <= 9 * len(data) else None

    @abstractmethod
    def _compress(self, data: bytes) -> bytes: ...


class Lz4Compressor(_Compressor):
    """LZ4 blocks: the fastest. `min_size`: bytes below which nothing is compressed."""

    id: int = 1

    def __init__(self, min_size: int = _MIN_SIZE) -> None:
        super().__init__(min_size)
        block: Any = _imported("lz4.block", "lz4")
        self._shrink, self._expand = block.compress, block.decompress

    def _compress(self, data: bytes) -> bytes:
        packed: bytes = self._shrink(data, "default", False)  # by position: names cost a tenth of its time
        return packed

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The original bytes; raises where they are more than `max_size`."""
        raw: bytes = self._expand(data, max_size)
        return raw


class ZlibCompressor(_Compressor):
    """DEFLATE (RFC 1950), in every Python. `level`: 1, fastest, to 9, smallest."""

    id: int = 2

    def __init__(self, level: int = 6, min_size: int = _MIN_SIZE) -> None:
        super().__init__(min_size)
        if not 1 <= level <= 9:
            raise InvalidArgumentError(f"level must be from 1 to 9, got {level!r}")
        self._level = level

    def _compress(self, data: bytes) -> bytes:
        return zlib.compress(data, self._level)

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The original bytes; raises where they are more than `max_size`, or where the stream is not whole."""
        stream = zlib.decompressobj()
        raw = stream.decompress(data, max_size + 1)
        if len(raw) > max_size or not stream.eof or stream.unused_data:
            raise ValueError("not a whole stream of the size expected")
        return raw


class ZstdCompressor(_Compressor):
    """Zstandard (RFC 8878): smaller than LZ4, slower. In Python from 3.14 on, before that behind the extra `zstd`.

    `level`: 1, fastest, to 22, smallest. Raises `MissingExtraError` where it is not there.
    """

    id: int = 3

    def __init__(self, level: int = 3, min_size: int = _MIN_SIZE) -> None:
        super().__init__(min_size)
        if not 1 <= level <= 22:
            raise InvalidArgumentError(f"level must be from 1 to 22, got {level!r}")
        self._level = level
        try:
            self._zstd: Any = importlib.import_module("compression.zstd")
        except ImportError:
            self._zstd = _imported("backports.zstd", "zstd")

    def _compress(self, data: bytes) -> bytes:
        packed: bytes = self._zstd.compress(data, self._level)
        return packed

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """The original bytes; raises where they are more than `max_size`, or where the frame is not whole."""
        stream = self._zstd.ZstdDecompressor()
        raw: bytes = stream.decompress(data, max_size + 1)
        if len(raw) > max_size or not stream.eof or stream.unused_data:
            raise ValueError("not a whole frame of the size expected")
        return raw


def default_compressor(min_size: int = _MIN_SIZE) -> Lz4Compressor | ZlibCompressor:
    """LZ4, or zlib at its fastest where LZ4 has no release for this Python yet."""
    try:
        return Lz4Compressor(min_size)
    except MissingExtraError:
        return ZlibCompressor(level=1, min_size=min_size)


def _imported(module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        cure = "pip install lz4" if extra == "lz4" else f"pip install 'aicache[{extra}]'"
        raise MissingExtraError(f"{module} is not installed; {cure}") from error
