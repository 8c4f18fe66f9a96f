"""Small bytes that would become something huge cost little before they are refused, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import json, sys, time, tracemalloc, zlib
if sys.argv[2] == "without msgspec":
    sys.modules["msgspec.msgpack"] = None
import lz4.block, msgpack
from aicache import Codec, Lz4Compressor
from aicache._kernel.envelope import kind_of, seal_envelope
from aicache.codecs import ZstdCompressor
from aicache.errors import EnvelopeError

def sealed(body, serializer=1, compressor=0, raw_size=None):
    return seal_envelope("key", body, kind_of(serializer, compressor), created=1.0, fresh_for=None, stale_for=0.0,
                         raw_size=len(body) if raw_size is None else raw_size)

zeros = bytes(100 * 2**20)
maps = b"\\xdd" + (8 * 2**20 - 100).to_bytes(4, "big") + b"\\x80" * (8 * 2**20 - 100)
nested = b"\\x91" * (8 * 2**20 - 100) + b"\\x01"
lists = b"[" + b"[]," * (2**20) + b"[]]"
one_int = bytes([0xC1, 0xC9]) + (8 * 2**20 - 100).to_bytes(4, "big") + b"\\x01" + b"\\x7f" * (8 * 2**20 - 100)
BOMBS = {
    "zeros-lz4": lambda: sealed(lz4.block.compress(zeros, store_size=False), compressor=1, raw_size=len(zeros)),
    "zeros-lz4-lying": lambda: sealed(lz4.block.compress(zeros, store_size=False), compressor=1, raw_size=1000),
    "zeros-zlib": lambda: sealed(zlib.compress(zeros), compressor=2, raw_size=len(zeros)),
    "zeros-zlib-lying": lambda: sealed(zlib.compress(zeros), compressor=2, raw_size=8 * 2**20),
    "zeros-zstd-lying": lambda: sealed(ZstdCompressor().compress(zeros), compressor=3, raw_size=8 * 2**20),
    "maps-lz4": lambda: sealed(lz4.block.compress(maps, store_size=False), compressor=1, raw_size=len(maps)),
    "maps-bare": lambda: sealed(maps),
    "nested": lambda: sealed(nested),
    "json-lists": lambda: sealed(lists, serializer=2),
    "huge-array": lambda: sealed(b"\\xdd\\xff\\xff\\xff\\xff"),
    "huge-int": lambda: sealed(one_int),
    "floats": lambda: sealed(
        b"\\xc1\\xc9" + (8 * 2**20 - 104).to_bytes(4, "big") + b"\\x09" + bytes(8 * 2**20 - 104)
    ),
    "huge-decimal": lambda: sealed(b"\\xc1" + msgpack.packb(msgpack.ExtType(7, b"1E+999999999999999999"))),
    "many-digits": lambda: sealed(b"9" * (8 * 2**20 - 100), serializer=2),
    "claims": lambda: sealed((b"\\xdd" + (150_000).to_bytes(4, "big")) * 900 + b"\\x01" * 185_000),
    "maps-of-200-kB": lambda: sealed(b"\\xdd" + (199_994).to_bytes(4, "big") + b"\\x80" * 199_994),
}
bomb = BOMBS[sys.argv[1]]()
del zeros, maps, nested, lists, one_int
codec = Codec()
codec.open("key", sealed(b"\\x01"))

def explode():
    try:
        codec.open("key", bomb)
    except EnvelopeError as refused:
        return refused.reason
    return "a value"

start = time.process_time()
reason = explode()
cpu = time.process_time() - start
tracemalloc.start()  # after what is timed: to trace each allocation takes several times as long as to make it
explode()
print(json.dumps({"bytes": len(bomb), "reason": reason, "cpu": cpu, "peak": tracemalloc.get_traced_memory()[1]}))
"""

BOMBS = {
    "zeros-lz4": ("limit",),
    "zeros-lz4-lying": ("decompress",),
    "zeros-zlib": ("limit",),
    "zeros-zlib-lying": ("decompress",),
    "zeros-zstd-lying": ("decompress",),
    "maps-lz4": ("budget",),
    "maps-bare": ("budget",),
    "nested": ("budget",),
    "json-lists": ("budget",),
    "huge-array": ("parse", "budget"),
    "huge-int": ("a value", "parse", "budget"),
    "floats": ("budget",),
    "huge-decimal": ("a value", "parse"),
    "many-digits": ("parse",),
    "claims": ("budget",),
    "maps-of-200-kB": ("a value",),
}


@pytest.mark.parametrize("engine", ["with msgspec", "without msgspec"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little(bomb, engine, record_property):
    command = [sys.executable, "-c", PROBE, bomb, engine]
    for _ in range(3):  # a busy machine only adds to what it costs, so the least is what it is
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
        cost = json.loads(done.stdout)
        record_property("cost", cost)
        assert cost["reason"] in BOMBS[bomb], cost
        assert cost["peak"] <= 64 * 2**20, cost
        if cost["cpu"] <= 1.0:  # 0.15 s is the promise, and what is measured on an idle one
            break
    else:
        pytest.fail(f"{cost}")
