"""The envelope: what stands before a stored value, so that a reader can tell whether the bytes are what it asked for.

     0  magic       2    AC 1C                        16  fresh_for  f32  seconds; infinity: no expiry
     2  version     u8   1                            20  stale_for  f32  seconds after that
     3  serializer  u8                                24  raw_size   u32  bytes that the serializer made
     4  compressor  u8   0: not compressed            28  body_size  u32  bytes as stored
     5  flags       u8   1 keyed, 2 encrypted         32  extension       key id u8 where keyed, nonce 12 where
     encrypted 6  header_size u16  the 32 and the extension         tag        16
     8  created     u64  milliseconds since 1970          body

Numbers are big-endian. The tag is BLAKE2b with 16 bytes (RFC 7693) over the header, the length of the cache key (u32),
the cache key and the body, keyed where there is a secret. The cache key is under the tag, so bytes that came to the
wrong key, through a desynchronised connection, a forked client or a copy, are refused. Nothing is parsed before the tag
holds.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from hmac import compare_digest
from math import inf
from typing import Final, TypeAlias

from aicache.errors import EnvelopeError

__all__ = ["ENCRYPTED", "KEYED", "PLAIN", "Envelope", "bound_to", "header_of", "open_envelope", "seal_envelope"]

PLAIN: Final = 0
KEYED: Final = 1
ENCRYPTED: Final = 3  # what is encrypted is keyed too

_HEADER: Final = struct.Struct(">2sBBBBHQffII")
_MAGIC: Final = b"\xac\x1c"
_VERSION: Final = 1
_TAG_SIZE: Final = 16
_SMALLEST: Final = _HEADER.size + _TAG_SIZE
_EXTENSION: Final = {PLAIN: 0, KEYED: 1, ENCRYPTED: 13}
_PERSON: Final = b"aicache-env-v1"
_UNKEYED: Final = blake2b(digest_size=_TAG_SIZE, person=_PERSON)  # to be copied: it costs less than to begin anew
_LONGEST: Final = 3e38  # seconds that a 32-bit float holds


Envelope: TypeAlias = tuple[int, int, float, "float | None", float, int, bytes, bytes, bytes]
"""What an envelope says, once its tag holds.

Serializer, compressor, created, fresh_for, stale_for, raw_size, extension, header and body.
"""


def bound_to(header: bytes, key: str) -> bytes:
    """The header and the cache key, so that neither can run into the other."""
    name = key.encode("utf-8", "surrogatepass")
    return header + len(name).to_bytes(4, "big") + name


def header_of(
    *,
    serializer: int,
    compressor: int,
    created: float,
    fresh_for: float | None,
    stale_for: float,
    raw_size: int,
    body_size: int,
    flags: int = PLAIN,
    extension: bytes = b"",
) -> bytes:
    """The header's bytes, the extension included."""
    fresh = inf if fresh_for is None or fresh_for > _LONGEST else fresh_for
    size = _HEADER.size + len(extension)
    when = max(0, round(created * 1000))
    fixed = _HEADER.pack(
        _MAGIC,
        _VERSION,
        serializer,
        compressor,
        flags,
        size,
        when,
        fresh,
        min(stale_for, _LONGEST),
        raw_size,
        body_size,
    )
    return fixed + extension


def seal_envelope(key: str, header: bytes, body: bytes, secret: bytes = b"") -> bytes:
    """Header, tag and body."""
    return b"".join((header, _tag(key, header, body, secret), body))


def open_envelope(key: str, data: bytes, *, flags: int, secrets: dict[int, bytes]) -> Envelope:
    """What is in `data`, if it is whole and was sealed for `key`; raises `EnvelopeError` with the reason.

    `flags`: what this reader demands; the bytes only say which of its `secrets` they were sealed with.
    """
    if len(data) < _SMALLEST:
        raise EnvelopeError("truncated", f"{len(data)} bytes")
    magic, version, serializer, compressor, found, size, created, fresh, stale, raw_size, body_size = (
        _HEADER.unpack_from(data)
    )
    if magic != _MAGIC:
        raise EnvelopeError("magic", "not an envelope")
    if version != _VERSION:
        raise EnvelopeError("version", f"version {version}")
    if found != flags:
        raise EnvelopeError("policy", f"flags {found}, this reader demands {flags}")
    if size != _HEADER.size + _EXTENSION[flags]:
        raise EnvelopeError("header", f"a header of {size} bytes")
    start = size + _TAG_SIZE
    if len(data) != start + body_size:
        raise EnvelopeError("truncated", f"{len(data)} bytes of {start + body_size}")
    header, body = data[:size], data[start:]
    secret = b""
    if flags:
        if header[_HEADER.size] not in secrets:
            raise EnvelopeError("secret", f"secret {header[_HEADER.size]} is not known here")
        secret = secrets[header[_HEADER.size]]
    if not compare_digest(data[size:start], _tag(key, header, body, secret)):
        raise EnvelopeError("tag", "damaged, or sealed for another key or with another secret")
    if not (fresh >= 0 and stale >= 0):  # NaN too
        raise EnvelopeError("times", "a life that is not a number of seconds")
    return (
        serializer,
        compressor,
        created / 1000,
        None if fresh == inf else fresh,
        stale,
        raw_size,
        header[_HEADER.size :],
        header,
        body,
    )


def _tag(key: str, header: bytes, body: bytes, secret: bytes) -> bytes:
    digest = blake2b(digest_size=_TAG_SIZE, key=secret, person=_PERSON) if secret else _UNKEYED.copy()
    digest.update(bound_to(header, key))
    digest.update(body)
    return digest.digest()
