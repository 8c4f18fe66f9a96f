"""Encode and decode: from a value to the bytes in a shared store and back."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import AsyncGenerator, Callable
from hashlib import blake2b
from typing import Any

import msgpack
from harness import Contender, Run, Scenario, called
from values import answer, embedding, text

__all__ = ["scenarios"]

SECRETS = {1: b"a secret of thirty-two bytes, ok"}

Dumps = Callable[[Any], bytes]
Loads = Callable[[bytes], Any]


def scenarios() -> list[Scenario]:
    """Three kinds of value."""
    values = {
        "a completion of 1.5 kB": answer(1_500),
        "an embedding of 1,536 floats": embedding(),
        "a text of 50 kB": text(50_000),
    }
    return [
        Scenario(f"codec, {name}", f"encode and decode {name}", _all(value), "aicache")
        for name, value in values.items()
    ]


def _all(value: Any) -> list[Contender]:
    from aicache import Codec, JsonSerializer, NullCompressor, ZlibCompressor

    def contender(name: str, dumps: Dumps, loads: Loads, note: str, *, is_floor: bool = False) -> Contender:
        async def opened() -> AsyncGenerator[Run]:
            def there_and_back(value: Any) -> Any:
                return loads(dumps(value))

            back = there_and_back(value)
            assert back == value, name
            assert type(back) is type(value), name
            yield called(there_and_back, value)

        return Contender(name, opened, f"{len(dumps(value)):,} B; {note}", is_floor)

    def aicache(name: str, codec: Codec, note: str) -> Contender:
        def dumps(value: Any) -> bytes:
            return codec.seal("key", codec.pack(codec.dumps(value)), created=1.0, fresh_for=60.0)

        return contender(name, dumps, lambda data: codec.open("key", data).value, note)

    return [
        aicache("aicache", Codec(), "msgpack, lz4 from 1 KiB up, BLAKE2b over header, key and body"),
        aicache("aicache, without msgspec", Codec(_without_msgspec()), "the same bytes, made without the extra `fast`"),
        aicache("aicache, uncompressed", Codec(compressor=NullCompressor()), "the same without lz4"),
        aicache("aicache, signed", Codec(secrets=SECRETS), "the same, keyed"),
        aicache("aicache, encrypted", Codec(secrets=SECRETS, encrypt=True), "and AES-256-GCM"),
        aicache("aicache, json + zlib", Codec(JsonSerializer(), ZlibCompressor()), "the same envelope"),
        contender("json", lambda v: json.dumps(v).encode(), json.loads, "no compression, no check, few types"),
        contender("pickle", pickle.dumps, pickle.loads, "no compression, no check; runs code that the bytes choose"),
        contender(
            "pickle + zlib",
            lambda v: zlib.compress(pickle.dumps(v)),
            lambda data: pickle.loads(zlib.decompress(data)),
            "no check; runs code that the bytes choose",
        ),
        contender("msgpack", msgpack.packb, msgpack.unpackb, "no compression, no check, few types"),
        contender("floor: msgpack + BLAKE2b", _tagged, _untagged, "what a checked envelope costs", is_floor=True),
    ]


def _without_msgspec() -> Any:
    from aicache.codecs import msgpack as engines

    serializer: Any = engines.MsgpackSerializer()
    serializer._encode, serializer._decode = engines._encode, engines._decode  # noqa: SLF001 as where it is missing
    return serializer


def _tagged(value: Any) -> bytes:
    data = msgpack.packb(value)
    return blake2b(data, digest_size=16).digest() + data


def _untagged(data: bytes) -> Any:
    assert blake2b(data[16:], digest_size=16).digest() == data[:16]
    return msgpack.unpackb(data[16:])
