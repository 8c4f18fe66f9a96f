"""Bytes that are not what was stored are a refusal with a reason: never a value, and never another exception."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import random
import struct
import zlib
from datetime import UTC, datetime
from decimal import Decimal

import lz4.frame
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache import Codec, JsonSerializer, Lz4Compressor, NullCompressor, ZlibCompressor, ZstdCompressor
from aicache._kernel.envelope import kind_of, seal_envelope
from aicache.errors import EnvelopeError

SECRETS = {1: b"first secret of 32 random bytes!", 2: b"second secret, 32 random bytes!!"}
PLAIN = Codec()
SIGNED = Codec(secrets=SECRETS)
ENCRYPTED = Codec(secrets=SECRETS, encrypt=True)
CODECS = {"plain": PLAIN, "signed": SIGNED, "encrypted": ENCRYPTED}

VALUES = {
    "none": None,
    "answer": {"text": "It is 42.", "usage": {"output_tokens": 7}, "finish": "stop", "scores": [0.1, -0.0]},
    "rich": {"at": datetime(2026, 11, 23, tzinfo=UTC), "sum": Decimal("1.10"), "set": {1, 2}, "pair": (1, None)},
    "long": {"text": "a long and repetitive answer. " * 100},
}


def sealed(codec, value, key="key"):
    return codec.seal(key, codec.pack(codec.dumps(value)), created=1.0, fresh_for=60.0)


def refusal(codec, data, key="key"):
    """The reason; an answer or any other exception fails the test."""
    with pytest.raises(EnvelopeError) as refused:
        codec.open(key, data)
    assert refused.value.reason
    return refused.value.reason


def damaged(data, rng):
    """Every bit flipped, every length shortened, one byte more, and bytes swapped, doubled, dropped or zeroed."""
    for at in range(len(data)):
        for bit in range(8):
            yield data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
        yield data[:at]
        yield data[:at] + data[at : at + 1] + data[at:]
        yield data[:at] + data[at + 1 :]
    for extra in range(256):
        yield data + bytes([extra])
        yield bytes([extra]) + data
    for _ in range(500):
        one, other = sorted(rng.sample(range(len(data)), 2))
        yield data[:one] + data[other : other + 1] + data[one + 1 : other] + data[one : one + 1] + data[other + 1 :]
        yield data[:one] + bytes(other - one) + data[other:]
        yield data[:one] + data[other:]


def test_every_damage_is_a_refusal():
    rng = random.Random(2026)
    cases = 0
    for codec in CODECS.values():
        for value in VALUES.values():
            whole = sealed(codec, value)
            codec.open("key", whole)
            for data in damaged(whole, rng):
                if data != whole:
                    refusal(codec, data)
                    cases += 1
    assert cases > 30_000, cases


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_another_keys_bytes_are_a_refusal(codec):
    data = sealed(codec, "the answer to another question", "question:1")
    assert codec.open("question:1", data).value
    for key in ("question:2", "question:", "question:11", "Question:1", "\ud800", "k"):
        assert refusal(codec, data, key) in ("tag", "cipher")


FOREIGN = {
    "nothing": b"",
    "pickle": pickle.dumps({"a": 1}),
    "json": json.dumps({"text": "a" * 100}).encode(),
    "msgpack": msgpack.packb({"text": "a" * 100}),
    "gzip": gzip.compress(b"a" * 1000),
    "zlib": zlib.compress(b"a" * 1000),
    "an lz4 frame": lz4.frame.compress(b"a" * 1000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "text": "naïve café ".encode() * 10,
    "the magic alone": b"\xac\x1c",
    "the magic and noise": b"\xac\x1c" + bytes(range(200)),
}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_foreign_bytes_are_a_refusal(codec, data):
    refusal(codec, data)


@given(data=st.binary(max_size=300))
def test_random_bytes_are_a_refusal(data):
    for codec in CODECS.values():
        refusal(codec, data)
        refusal(codec, b"\xac\x1c\x01" + data)


def test_a_newer_version_is_a_refusal_with_its_own_reason():
    data = bytearray(sealed(PLAIN, 1))
    for version in (0, 2, 255):
        data[2] = version
        assert refusal(PLAIN, bytes(data)) == "version"


def test_what_one_policy_wrote_another_refuses():
    written = {name: sealed(codec, "v") for name, codec in CODECS.items()}
    for reader, codec in CODECS.items():
        for writer, data in written.items():
            if reader != writer:
                assert refusal(codec, data) == "policy"


def test_an_unknown_and_a_wrong_secret_are_refusals():
    data = sealed(SIGNED, "v")
    assert refusal(Codec(secrets={9: SECRETS[1]}), data) == "secret"
    assert refusal(Codec(secrets={1: SECRETS[2]}), data) == "tag"
    hidden = sealed(ENCRYPTED, "v")
    assert refusal(Codec(secrets={9: SECRETS[1]}, encrypt=True), hidden) == "secret"
    assert refusal(Codec(secrets={1: SECRETS[2]}, encrypt=True), hidden) in ("tag", "cipher")


def test_a_secret_can_be_changed_in_a_running_fleet():
    old, new = Codec(secrets={1: SECRETS[1]}), Codec(secrets={2: SECRETS[2], 1: SECRETS[1]})
    assert new.open("key", sealed(old, "v")).value == "v"
    assert refusal(old, sealed(new, "v")) == "secret"


# Without a secret, whoever can write to the store can seal what they like. It must still be no worse than a miss.


def forged(body, **header):
    kind = kind_of(header.pop("serializer", 1), header.pop("compressor", 0))
    fields = {"created": 1.0, "fresh_for": 60.0, "stale_for": 0.0, "raw_size": len(body)}
    return seal_envelope("key", body, kind, **{**fields, **header})


def test_a_forged_header_is_a_refusal():
    body = msgpack.packb("value")
    assert PLAIN.open("key", forged(body)).value == "value"
    for changes, reason in (
        ({"serializer": 0}, "codec"),
        ({"serializer": 99}, "codec"),
        ({"compressor": 99}, "codec"),
        ({"serializer": 2}, "parse"),
        ({"raw_size": len(body) - 1}, "decompress"),
        ({"raw_size": 2**32 - 1}, "limit"),
        ({"compressor": 1}, "decompress"),
        ({"compressor": 2}, "decompress"),
        ({"compressor": 3}, "decompress"),
        ({"fresh_for": math.nan}, "times"),
        ({"stale_for": -1.0}, "times"),
    ):
        assert refusal(PLAIN, forged(body, **changes)) == reason, changes


@pytest.mark.parametrize("compressor", [Lz4Compressor(0), ZlibCompressor(min_size=0), ZstdCompressor(min_size=0)])
def test_a_compressed_body_that_is_not_what_its_header_says_is_a_refusal(compressor):
    raw = msgpack.packb("a" * 1000)
    packed = compressor.compress(raw)
    whole = {"compressor": compressor.id, "raw_size": len(raw)}
    assert PLAIN.open("key", forged(packed, **whole)).value == "a" * 1000
    for size in (0, 1, len(raw) - 1, len(raw) + 1, 8 * 2**20):
        refusal(PLAIN, forged(packed, compressor=compressor.id, raw_size=size))
    for at in range(len(packed)):
        refusal_or_value(forged(packed[:at], **whole))
    assert refusal(PLAIN, forged(packed + b"\0", **whole)) == "decompress"


def refusal_or_value(data):
    """For bytes that happen to be sound: a value is right, and so is a refusal, and nothing else is."""
    try:
        return PLAIN.open("key", data).value
    except EnvelopeError as refused:
        return refused.reason


RICH = sealed(Codec(compressor=NullCompressor()), VALUES["rich"])[48:]


@given(
    body=st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda noise: b"\xc1" + noise)
    | st.tuples(st.integers(0, len(RICH) - 1), st.binary(max_size=4)).map(
        lambda cut: RICH[: cut[0]] + cut[1] + RICH[cut[0] + len(cut[1]) :]
    )
)
def test_no_bytes_make_a_serializer_raise_anything_else(body):
    refusal_or_value(forged(body))
    refusal_or_value(forged(body, serializer=2))


def moment(zone):
    """A datetime in a zone that could not be."""
    return b"\xc1" + msgpack.packb(msgpack.ExtType(3, msgpack.packb([2026, 1, 1, 0, 0, 0, 0, 0, zone])))


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1\xd6\x08" + bytes(4),  # a UUID of 4 bytes
        b"\xc1\xc7\x05\x07later",  # a Decimal that is a word
        b"\xc1\xd4\x04\x00",  # a date of one byte
        b"\xc1\xd4\x7f\x00",  # an extension that nobody has
        b"\xc1\xc7\x00\x20",  # a marker that begins no container
        b"\xc1\x92\x01\xc7\x00\x20",  # one that stands behind
        b"\xc1\x92\xc7\x00\x23\x01",  # a dict of one part and a half
        b"\xc1\x93\xc7\x00\x24\x01\x01",  # an enum that is not registered
        b"\xc1\x93\xc7\x00\x25\x01\x80",  # a dataclass that is not registered
        b"\xc1\x92\xc7\x00\x21\x90",  # a set of a list
        b"\xc1\x81\x90\x01",  # a dict whose key is a list
        b"\xc1" + msgpack.packb([msgpack.ExtType(38, b""), "O", [1], "C", bytes(8)]),  # an array of objects
        b"\xc1" + msgpack.packb([msgpack.ExtType(38, b""), "<f8", [2**40, 2**40], "C", bytes(8)]),  # and a huge one
        b"\xc1" + msgpack.packb([msgpack.ExtType(38, b""), "<f8,(9999999999)i4", [1], "C", bytes(8)]),
        b"\xc1"
        + msgpack.packb(msgpack.ExtType(3, msgpack.packb([2026, 1, 1, 0, 0, 0, 0, 0, ["z", "../../etc/passwd"]]))),
        moment(["z", "No/Where"]),
        moment(["f", 2**63, None]),
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 5000,  # deep
        b"\x81\xa1a" * 5000,
        b"\xa1\xff",  # no UTF-8
        b"\x01\x01",  # two values
        b"\xc1",
        b"",
    ],
    ids=lambda body: body[:12].hex(),
)
def test_what_msgpack_could_say_and_must_not_is_a_refusal(body):
    assert refusal(PLAIN, forged(body)) in ("parse", "budget")


@pytest.mark.parametrize(
    "body",
    [b"", b"[" * 100_000, b'{"a":', b"NaN1", b"\xff", b"1" * 5000, b'"\\ud800', b"[1] 2"],
    ids=lambda b: b[:9].hex(),
)
def test_what_json_could_say_and_must_not_is_a_refusal(body):
    assert refusal(Codec(JsonSerializer()), forged(body, serializer=2)) in ("parse", "budget")


def test_the_largest_header_fields_are_kept():
    data = forged(msgpack.packb(1), created=2**53 / 1000, fresh_for=None, stale_for=math.inf)
    opened = PLAIN.open("key", data)
    assert (opened.created, opened.fresh_for) == (2**53 / 1000, None)
    assert struct.unpack_from(">f", data, 20)[0] > 1e38
