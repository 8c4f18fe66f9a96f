"""Tells a monitor what each answer weighs before and after compression, wherever in a cache it is compressed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from aicache.ai.monitor import CachePerformanceMonitor
from aicache.protocols import Compressor

__all__ = ["MeasuredCompressor", "measuring"]

_record: ContextVar[Callable[[int, int], None] | None] = ContextVar("aicache_compression", default=None)


class MeasuredCompressor:
    """A compressor that tells what it did to whoever is `measuring`."""

    def __init__(self, inner: Compressor) -> None:
        self._inner = inner
        self.id = inner.id

    def compress(self, data: bytes) -> bytes | None:
        """What the inner one makes of it."""
        packed = self._inner.compress(data)
        record = _record.get()
        if record is not None:
            record(len(data), len(data if packed is None else packed))
        return packed

    def decompress(self, data: bytes, max_size: int) -> bytes:
        """What the inner one makes of it."""
        return self._inner.decompress(data, max_size)


@contextmanager
def measuring(monitor: CachePerformanceMonitor, operation: str) -> Generator[None]:
    """Have `monitor` told of what is compressed in the block, and in the tasks it starts."""
    token = _record.set(lambda before, after: monitor.record_compression_ratio(before, after, operation))
    try:
        yield
    finally:
        _record.reset(token)
