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
from values import answer, embedding

__all__ = ["scenarios"]

SECRETS = {1: b"a secret of thirty-two bytes, ok"}


def scenarios() -> list[Scenario]:
    """Three kinds of value."""
    values = {
        "a completion of 2 kB": answer(2_000),
        "an embedding of 1,536 floats": embedding(),
        "a completion of 50 kB": answer(50_000),
    }
    return [
        Scenario(f"codec, {name}", f"encode and decode {name}", _all(value), "aicache")
        for name, value in values.items()
    ]


def _all(value: Any) -> list[Contender]:
    def codec(**options: Any) -> Callable[[], AsyncGenerator[Run]]:
        async def opened() -> AsyncGenerator[Run]:
            from aicache import Codec, JsonSerializer, ZlibCompressor

            parts = (JsonSerializer(), ZlibCompressor()) if options.get("json") else ()
            one = Codec(*parts, **{name: option for name, option in options.items() if name != "json"})

            def there_and_back() -> Any:
                sealed = one.seal("key", one.pack(one.dumps(value)), created=1.0, fresh_for=60.0)
                return one.open("key", sealed).value

            assert there_and_back() == value
            yield called(there_and_back)

        return opened

    def pair(dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> Callable[[], AsyncGenerator[Run]]:
        async def opened() -> AsyncGenerator[Run]:
            assert loads(dumps(value)) == value
            yield called(lambda: loads(dumps(value)))

        return opened

    def tagged(data: bytes) -> bytes:
        return blake2b(data, digest_size=16).digest() + data

    def untagged(data: bytes) -> bytes:
        assert blake2b(data[16:], digest_size=16).digest() == data[:16]
        return data[16:]

    return [
        Contender("aicache", codec(), "msgpack, lz4 from 1 KiB up, BLAKE2b over header, key and body"),
        Contender("aicache, signed", codec(secrets=SECRETS), "the same, keyed"),
        Contender("aicache, encrypted", codec(secrets=SECRETS, encrypt=True), "and AES-256-GCM"),
        Contender("aicache, json + zlib", codec(json=True), ""),
        Contender(
            "json",
            pair(lambda v: json.dumps(v).encode(), json.loads),
            "no compression, no check; exact for this value only",
        ),
        Contender("pickle", pair(pickle.dumps, pickle.loads), "runs code that the bytes choose"),
        Contender(
            "pickle + zlib",
            pair(lambda v: zlib.compress(pickle.dumps(v)), lambda b: pickle.loads(zlib.decompress(b))),
            "as the AI cache does that this library replaces",
        ),
        Contender(
            "floor: msgpack + 2 × BLAKE2b",
            pair(lambda v: tagged(msgpack.packb(v)), lambda b: msgpack.unpackb(untagged(b))),
            "no compression, no types beyond msgpack's",
            is_floor=True,
        ),
    ]
