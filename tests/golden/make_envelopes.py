"""Writes the golden envelopes of one version of the wire format, once: `python tests/golden/make_envelopes.py`.

What is there is never written again: bytes that a released version stored must be read for ever.
"""

from __future__ import annotations

import os
from pathlib import Path

from aicache import (
    Codec,
    JsonSerializer,
    Lz4Compressor,
    MsgpackSerializer,
    NullCompressor,
    ZlibCompressor,
    ZstdCompressor,
)

HERE = Path(__file__).parent
VERSION = "envelope-v1"
KEY = "golden:é\ud800"
SECRETS = {3: b"golden secret, not for real use!", 4: b"the other golden secret, as weak"}
JSON_VALUE = {"text": "It is 42. " * 20, "n": [1, -2.5, True, None], "é": {"deep": {"er": [[]]}}}
SERIALIZERS = {"msgpack": MsgpackSerializer(), "json": JsonSerializer()}
COMPRESSORS = {
    "null": NullCompressor(),
    "lz4": Lz4Compressor(min_size=0),
    "zlib": ZlibCompressor(min_size=0),
    "zstd": ZstdCompressor(min_size=0),
}
MODES = {"plain": {}, "signed": {"secrets": SECRETS}, "encrypted": {"secrets": SECRETS, "encrypt": True}}


def main() -> None:
    """Write what is missing."""
    folder = HERE / VERSION
    folder.mkdir(exist_ok=True)
    for mode, options in MODES.items():
        for name, serializer in SERIALIZERS.items():
            for how, compressor in COMPRESSORS.items():
                path = folder / f"{name}-{how}-{mode}.bin"
                if path.exists():
                    continue
                codec = Codec(serializer, compressor, **options)
                packed = codec.pack(codec.dumps(JSON_VALUE))
                path.write_bytes(codec.seal(KEY, packed, created=1.75e9, fresh_for=3600.0, stale_for=0.5))
                os.chmod(path, 0o444)


if __name__ == "__main__":
    main()
