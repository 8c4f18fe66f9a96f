"""The envelope: what stands before a stored value, so that a reader can tell whether the bytes are what it asked for.

     0  magic       2    AC 1C                        16  fresh_for  f32  seconds; infinity: no expiry
     2  version     u8   1                            20  stale_for  f32  seconds after that
     3  serializer  u8                                24  raw_size   u32  bytes that the serializer made
     4  compressor  u8   0: not compressed            28  body_size  u32  bytes as stored
     5  flags       u8   1 keyed, 2 encrypted, 4 tags 32  extension       key id u8 where keyed, nonce 12 where
     encrypted 6  header_size u16  the 32 and the extension         tag        16
     8  created     u64  milliseconds since 1970          body

Numbers are big-endian. The tag is BLAKE2b with 16 bytes (RFC 7693) over the header, the length of the cache key (u32),
the cache key and the body, keyed where there is a secret. Where there are tags, the body begins with them: their length
(u32), and each with its version (see `_kernel/tags`). The cache key is under the tag, so bytes that came to the
wrong key, through a desynchronised connection, a forked client or a copy, are refused. Nothing is parsed before the tag
holds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Mapping
from hashlib import blake2b
from hmac import compare_digest
from math import inf
from typing import Any, Final, TypeAlias

from aicache.errors import EnvelopeError

__all__ = [
    "CIPHER_OVERHEAD",
    "ENCRYPTED",
    "HEADER_SIZE",
    "KEYED",
    "PLAIN",
    "TAGGED",
    "UNSIGNED",
    "Envelope",
    "kind_of",
    "open_envelope",
    "parts_of",
    "seal_envelope",
    "signed_with",
    "with_tags",
    "without_tags",
]

PLAIN: Final = 0
KEYED: Final = 1
ENCRYPTED: Final = 3  # what is encrypted is keyed too
TAGGED: Final = 4  # beside any of these

_KIND: Final = struct.Struct(">2sBBBBH")  # up to the header's size: the same in all that are written alike
_FIXED: Final = struct.Struct(f">{_KIND.size}sQffII")
_LENGTH: Final = struct.Struct(">I")
_MAGIC: Final = b"\xac\x1c"
_VERSION: Final = 1
_TAG_SIZE: Final = 16
CIPHER_OVERHEAD: Final = 16  # of AES-GCM
_SMALLEST: Final = _FIXED.size + _TAG_SIZE
HEADER_SIZE: Final = {PLAIN: _FIXED.size, KEYED: _FIXED.size + 1, ENCRYPTED: _FIXED.size + 13}
_PERSON: Final = b"aicache-env-v1"
_LONGEST: Final = 3e38  # seconds that a 32-bit float holds

Envelope: TypeAlias = tuple[bytes, float, "float | None", float, int, bytes, bytes]
"""What an envelope says, once its tag holds: its kind, created, fresh_for, stale_for, raw_size, body, and what is under
the tag besides, which begins with the header.
"""


def signed_with(secret: bytes) -> Any:
    """BLAKE2b as it begins under `secret`; nothing: under none. It is copied for each tag: that costs less than to
    begin anew.
    """
    return blake2b(digest_size=_TAG_SIZE, key=secret, person=_PERSON)


UNSIGNED: Final = signed_with(b"")


def kind_of(serializer: int, compressor: int, flags: int = PLAIN, *, tagged: bool = False) -> bytes:
    """How the header begins."""
    own = flags | TAGGED if tagged else flags
    return _KIND.pack(_MAGIC, _VERSION, serializer, compressor, own, HEADER_SIZE[flags])


def parts_of(kind: bytes, flags: int) -> tuple[int, int, bool]:
    """The serializer and the compressor of an envelope that begins with `kind`, and whether it has tags; raises
    `EnvelopeError` where it is none that a reader which demands `flags` can read.
    """
    magic, version, serializer, compressor, found, size = _KIND.unpack(kind)
    if magic != _MAGIC:
        raise EnvelopeError("magic", "not an envelope")
    if version != _VERSION:
        raise EnvelopeError("version", f"version {version}")
    if found & ~TAGGED != flags:
        raise EnvelopeError("policy", f"flags {found}, this reader demands {flags}")
    if size != HEADER_SIZE[flags]:
        raise EnvelopeError("header", f"a header of {size} bytes")
    return serializer, compressor, bool(found & TAGGED)


def with_tags(tags: bytes, body: bytes) -> bytes:
    """A body with its tags before it."""
    return b"".join((_LENGTH.pack(len(tags)), tags, body))


def without_tags(body: bytes) -> tuple[bytes, bytes]:
    """The tags, and the body without them; raises `EnvelopeError`."""
    start = _LENGTH.size + int.from_bytes(body[: _LENGTH.size], "big")
    if start > len(body):
        raise EnvelopeError("tags", f"{start} bytes of tags in {len(body)}")
    return body[_LENGTH.size : start], body[start:]


def seal_envelope(
    key: str,
    body: bytes,
    kind: bytes,
    created: float,
    fresh_for: float | None,
    stale_for: float,
    raw_size: int,
    extension: bytes = b"",
    signing: Any = UNSIGNED,
    encrypt: Callable[[bytes, bytes], bytes] | None = None,
) -> bytes:
    """Header, tag and body.

    `kind` comes from `kind_of` and `signing` from `signed_with`. `encrypt` makes of the body, and of the header with
    the cache key, what is stored in place of the body.
    """
    if fresh_for is None or fresh_for > _LONGEST:
        fresh_for = inf
    if stale_for > _LONGEST:
        stale_for = _LONGEST
    when = round(created * 1000) if created > 0 else 0
    size = len(body) if encrypt is None else len(body) + CIPHER_OVERHEAD
    header = _FIXED.pack(kind, when, fresh_for, stale_for, raw_size, size) + extension
    name = key.encode("utf-8", "surrogatepass")
    bound = header + _LENGTH.pack(len(name)) + name
    if encrypt is not None:
        body = encrypt(body, bound)
    digest = signing.copy()
    digest.update(bound)
    digest.update(body)
    return b"".join((header, digest.digest(), body))


def open_envelope(key: str, data: bytes, flags: int, signing: Mapping[int, Any], known: Container[bytes]) -> Envelope:
    """What is in `data`, if it is whole and was sealed for `key`; raises `EnvelopeError` with the reason.

    `flags`: what this reader demands. `signing`: what `signed_with` made of each of its secrets, by number; the bytes
    only say which of them they were sealed with. `known`: kinds that `parts_of` has passed before.
    """
    size = len(data)
    if size < _SMALLEST:
        raise EnvelopeError("truncated", f"{size} bytes")
    kind, created, fresh, stale, raw_size, body_size = _FIXED.unpack_from(data)
    if kind not in known:
        parts_of(kind, flags)
    end = HEADER_SIZE[flags]
    start = end + _TAG_SIZE
    if size != start + body_size:
        raise EnvelopeError("truncated", f"{size} bytes of {start + body_size}")
    if flags:
        number = data[_FIXED.size]
        if number not in signing:
            raise EnvelopeError("secret", f"secret {number} is not known here")
        digest = signing[number].copy()
    else:
        digest = UNSIGNED.copy()
    body, name = data[start:], key.encode("utf-8", "surrogatepass")
    bound = data[:end] + _LENGTH.pack(len(name)) + name
    digest.update(bound)
    digest.update(body)
    found, tag = data[end:start], digest.digest()
    if found != tag if not flags else not compare_digest(found, tag):  # where there is no secret, time tells nothing
        raise EnvelopeError("tag", "damaged, or sealed for another key or with another secret")
    if not (fresh >= 0 and stale >= 0):  # NaN too
        raise EnvelopeError("times", "a life that is not a number of seconds")
    return kind, created / 1000, None if fresh == inf else fresh, stale, raw_size, body, bound
