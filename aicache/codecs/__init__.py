"""How values become bytes and come back: serializers, compressors, and the codec that pairs them in an envelope."""

from aicache.codecs.codec import Codec, Opened, Packed
from aicache.codecs.compressors import Lz4Compressor, NullCompressor, ZlibCompressor, ZstdCompressor, default_compressor
from aicache.codecs.json import JsonSerializer
from aicache.codecs.msgpack import MsgpackSerializer

__all__ = [
    "Codec",
    "JsonSerializer",
    "Lz4Compressor",
    "MsgpackSerializer",
    "NullCompressor",
    "Opened",
    "Packed",
    "ZlibCompressor",
    "ZstdCompressor",
    "default_compressor",
]
