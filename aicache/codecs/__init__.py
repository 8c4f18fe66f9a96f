"""How values become bytes and come back: serializers, compressors, and the codec that pairs them in an envelope."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aicache.codecs.codec import Codec as Codec
    from aicache.codecs.codec import Opened as Opened
    from aicache.codecs.codec import Packed as Packed
    from aicache.codecs.compressors import Lz4Compressor as Lz4Compressor
    from aicache.codecs.compressors import NullCompressor as NullCompressor
    from aicache.codecs.compressors import ZlibCompressor as ZlibCompressor
    from aicache.codecs.compressors import ZstdCompressor as ZstdCompressor
    from aicache.codecs.compressors import default_compressor as default_compressor
    from aicache.codecs.json import JsonSerializer as JsonSerializer
    from aicache.codecs.msgpack import MsgpackSerializer as MsgpackSerializer

_HOMES = {
    "Codec": "codec",
    "JsonSerializer": "json",
    "Lz4Compressor": "compressors",
    "MsgpackSerializer": "msgpack",
    "NullCompressor": "compressors",
    "Opened": "codec",
    "Packed": "codec",
    "ZlibCompressor": "compressors",
    "ZstdCompressor": "compressors",
    "default_compressor": "compressors",
}

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll] one table, not two


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # the next use finds it at once
    return value
