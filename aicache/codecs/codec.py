"""`Codec`: a serializer and a compressor, and the envelope round what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import Any, Final, NamedTuple

from aicache._kernel.envelope import (
    ENCRYPTED,
    HEADER_SIZE,
    KEYED,
    PLAIN,
    UNSIGNED,
    kind_of,
    open_envelope,
    parts_of,
    seal_envelope,
    signed_with,
    with_tags,
    without_tags,
)
from aicache._kernel.tags import NO_TAGS, packed_tags, unpacked_tags
from aicache.codecs.compressors import Lz4Compressor, NullCompressor, ZlibCompressor, ZstdCompressor, default_compressor
from aicache.codecs.encryption import NONCE_SIZE, Cipher, checked_secrets, tag_keys
from aicache.codecs.msgpack import MsgpackSerializer
from aicache.codecs.numbered import is_number
from aicache.errors import ConfigurationError, EnvelopeError, InvalidArgumentError, SerializationError
from aicache.protocols import Compressor, Serializer

__all__ = ["Codec", "Opened", "Packed"]

# A named tuple in half the time of its own constructor.
_made: Final[Callable[..., Any]] = tuple.__new__  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

_Way = tuple[Callable[[bytes], Any], Callable[[bytes, int], bytes] | None, bool]
"""How to read one kind of envelope: loads; decompress, where it is compressed; whether it has tags."""


class Packed(NamedTuple):
    """A serialized value as its body: compressed where that paid."""

    body: bytes
    compressor: int
    raw_size: int


class Opened(NamedTuple):
    """What was in an envelope."""

    value: Any
    raw: bytes
    thaw: Callable[[bytes], Any]
    created: float
    fresh_for: float | None
    stale_for: float
    compressed: bool
    tags: Mapping[str, bytes] = NO_TAGS


class Codec:
    """Turns values into envelopes and back.

    `serializer`, `compressor`: what it writes with; by default msgpack, and lz4 from 1 KiB up. It reads whatever any
    shipped one wrote, and those in `accept`, so either can be changed in a running fleet.
    `secrets`: numbered random bytes, 16 at least. The first one signs what is written; all are accepted, so that a new
    one can be put first while the old entries last. With secrets, unsigned bytes are refused. Without, the tag finds
    accidents and mix-ups, not somebody who can write to the store.
    `encrypt`: bodies are AES-256-GCM under the same secrets (extra `crypto`); then others are refused.
    `max_stored`, `max_raw`: bytes of an envelope, and of a serialized value; larger ones are refused in both
    directions.

    Raises `ConfigurationError` where these make no sense.
    """

    def __init__(
        self,
        serializer: Serializer | None = None,
        compressor: Compressor | None = None,
        *,
        accept: Iterable[Serializer | Compressor] = (),
        secrets: Mapping[int, bytes] | None = None,
        encrypt: bool = False,
        max_stored: int = 8 * 2**20,
        max_raw: int = 8 * 2**20,
    ) -> None:
        self.serializer = MsgpackSerializer() if serializer is None else serializer
        self.compressor = default_compressor() if compressor is None else compressor
        for name, limit in (("max_stored", max_stored), ("max_raw", max_raw)):
            if not 1 <= limit < 2**32:
                raise InvalidArgumentError(f"{name} must be from 1 to {2**32 - 1} bytes, got {limit!r}")
        if secrets is not None and not secrets:
            raise ConfigurationError("secrets is empty, so nothing would be signed; give one, or leave it out")
        if encrypt and not secrets:
            raise ConfigurationError("encrypt=True needs secrets={1: ...}, 16 random bytes at least")
        self._max_stored = max_stored
        self._max_raw = max_raw
        self._serializers: dict[int, Serializer] = {}
        self._compressors: dict[int, Compressor] = {}
        for part in (*accept, self.serializer, self.compressor):
            self._accept(part)
        known = checked_secrets(secrets or {})
        self._writes_with = next(iter(known), 0)
        self._signing = {number: signed_with(key) for number, key in tag_keys(known).items()}
        self._signs_with = self._signing.get(self._writes_with, UNSIGNED)
        self._cipher = Cipher(known) if encrypt else None
        self._flags = ENCRYPTED if encrypt else KEYED if known else PLAIN
        self._extension = bytes([self._writes_with]) if known else b""
        self._kinds: dict[int, bytes] = {}  # how a header begins, by compressor
        self._ways: dict[bytes, _Way] = {}  # and what it takes to read one that begins so: found once, not each time

    def _accept(self, part: Serializer | Compressor) -> None:
        for verbs, table in ((("dumps", "loads"), self._serializers), (("compress", "decompress"), self._compressors)):
            if all(callable(getattr(part, verb, None)) for verb in verbs) and not isinstance(part, type):
                number = part.id
                lowest = 1 if table is self._serializers else 0
                if not is_number(number, lowest, 255):
                    raise ConfigurationError(f"{type(part).__name__}.id must be from {lowest} to 255, got {number!r}")
                other = table.get(number)
                if other is not None and type(other) is not type(part):
                    raise ConfigurationError(
                        f"{type(part).__name__} and {type(other).__name__} both have the id {number}; give one another"
                    )
                table[number] = part  # type: ignore[assignment]  # pyright: ignore[reportArgumentType] its verbs say
                return
        raise ConfigurationError(
            f"{part!r} is no serializer or compressor; pass an object with their verbs, not a class"
        )

    # -- writing

    def dumps(self, value: Any) -> bytes:
        """The serialized value; raises `SerializationError` where it cannot be kept, or is over `max_raw`."""
        raw = self.serializer.dumps(value)
        if len(raw) > self._max_raw:
            raise SerializationError(
                f"the value takes {len(raw)} bytes, over max_raw={self._max_raw}; split it, or raise that"
            )
        return raw

    def loads(self, raw: bytes) -> Any:
        """A fresh value from what `dumps` made."""
        return self.serializer.loads(raw)

    def pack(self, raw: bytes) -> Packed:
        """The serialized value as a body, for any number of envelopes."""
        body, size = self.compressor.compress(raw), len(raw)
        packed: Packed = _made(Packed, (raw, 0, size) if body is None else (body, self.compressor.id, size))
        return packed

    def seal(
        self,
        key: str,
        packed: Packed,
        *,
        created: float,
        fresh_for: float | None,
        stale_for: float = 0.0,
        tags: Mapping[str, bytes] = NO_TAGS,
    ) -> bytes:
        """The envelope for `key`; raises `SerializationError` where it would be over `max_stored`.

        `created`: seconds since the epoch. `fresh_for`: seconds from then; None: no expiry. `stale_for`: seconds after
        that. `tags`: with the versions under which the value was made.
        """
        body, compressor, raw_size = packed
        if tags:
            body, kind = with_tags(packed_tags(tags), body), self._kind(compressor, tagged=True)
        else:
            kind = self._kinds.get(compressor) or self._kind(compressor)
        extension, encrypt = self._extension, None
        if self._cipher is not None:
            nonce = self._cipher.nonce()
            extension, encrypt = extension + nonce, partial(self._cipher.encrypt, self._writes_with, nonce)
        sealed = seal_envelope(
            key, body, kind, created, fresh_for, stale_for, raw_size, extension, self._signs_with, encrypt
        )
        if len(sealed) > self._max_stored:
            raise SerializationError(f"the envelope takes {len(sealed)} bytes, over max_stored={self._max_stored}")
        return sealed

    def _kind(self, compressor: int, *, tagged: bool = False) -> bytes:
        kind = kind_of(self.serializer.id, compressor, self._flags, tagged=tagged)
        if not tagged:
            self._kinds[compressor] = kind
        return kind

    # -- reading

    def open(self, key: str, data: bytes) -> Opened:
        """What is in the envelope; raises `EnvelopeError` with the reason, and nothing else, whatever `data` is."""
        if len(data) > self._max_stored:
            raise EnvelopeError("limit", f"{len(data)} bytes stored, over {self._max_stored}")
        ways = self._ways
        kind, created, fresh_for, stale_for, raw_size, body, bound = open_envelope(
            key, data, self._flags, self._signing, ways
        )
        if raw_size > self._max_raw:
            raise EnvelopeError("limit", f"{raw_size} bytes of value, over {self._max_raw}")
        loads, decompress, tagged = ways.get(kind) or self._way(kind)
        if self._cipher is not None:
            body = self._decrypted(body, bound, self._cipher)
        tags = NO_TAGS
        if tagged:
            packed, body = without_tags(body)
            tags = unpacked_tags(packed)
        if decompress is None:
            raw = body
        else:
            try:
                raw = decompress(body, raw_size)
            except Exception as error:  # each library has its own
                raise EnvelopeError("decompress", f"{type(error).__name__}: {error}") from error
        if len(raw) != raw_size:
            raise EnvelopeError("decompress", f"{len(raw)} bytes instead of {raw_size}")
        try:
            value = loads(raw)
        except EnvelopeError:
            raise
        except Exception as error:  # a serializer may raise anything on bytes that it did not make
            raise EnvelopeError("parse", f"{type(error).__name__}: {error}") from error
        opened: Opened = _made(Opened, (value, raw, loads, created, fresh_for, stale_for, decompress is not None, tags))
        return opened

    def _decrypted(self, body: bytes, bound: bytes, cipher: Cipher) -> bytes:
        end = HEADER_SIZE[ENCRYPTED]
        start = end - NONCE_SIZE
        try:
            return cipher.decrypt(bound[start - 1], bound[start:end], body, bound)
        except Exception as error:  # cryptography's InvalidTag
            raise EnvelopeError("cipher", type(error).__name__) from error

    def _way(self, kind: bytes) -> _Way:
        serializer, compressor, tagged = parts_of(kind, self._flags)
        loads = (self._serializers.get(serializer) or self._serializer(serializer)).loads
        decompress = None
        if compressor:
            decompress = (self._compressors.get(compressor) or self._compressor(compressor)).decompress
        way = self._ways[kind] = loads, decompress, tagged
        return way

    def _serializer(self, number: int) -> Serializer:
        found = _shipped_serializer(number)
        if found is None:
            raise EnvelopeError("codec", f"serializer {number} is not known here")
        return found

    def _compressor(self, number: int) -> Compressor:
        found = _shipped_compressor(number)
        if found is None:
            raise EnvelopeError("codec", f"compressor {number} is not known here")
        return found


@cache
def _shipped_serializer(number: int) -> Serializer | None:
    from aicache.codecs.json import JsonSerializer  # only where something was written by it

    kinds: dict[int, Callable[[], Serializer]] = {1: MsgpackSerializer, 2: JsonSerializer}
    return kinds[number]() if number in kinds else None


@cache
def _shipped_compressor(number: int) -> Compressor | None:
    kinds: dict[int, Callable[[], Compressor]] = {
        0: NullCompressor,
        1: Lz4Compressor,
        2: ZlibCompressor,
        3: ZstdCompressor,
    }
    try:
        return kinds[number]() if number in kinds else None
    except ConfigurationError:  # its library is not installed here
        return None
