"""What a released version stored is read back for ever: no bytes below are ever changed, only added to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy
import pytest

from aicache import Codec, MsgpackSerializer
from aicache.testing.payloads import same

FILES = sorted(Path(__file__).parent.glob("envelope-v*/*.bin"))
KEY = "golden:é\ud800"
SECRETS = {4: b"the other golden secret, as weak", 3: b"golden secret, not for real use!"}  # in another order
VALUE = {"text": "It is 42. " * 20, "n": [1, -2.5, True, None], "é": {"deep": {"er": [[]]}}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_stored_envelope_is_read(path):
    mode = path.stem.rpartition("-")[2]
    options = {"plain": {}, "signed": {"secrets": SECRETS}, "encrypted": {"secrets": SECRETS, "encrypt": True}}[mode]
    opened = Codec(**options).open(KEY, path.read_bytes())
    assert same(opened.value, VALUE)
    assert (opened.created, opened.fresh_for, opened.stale_for) == (1.75e9, 3600.0, 0.5)
    assert opened.compressed == ("-null-" not in path.stem)


def test_no_version_is_missing():
    assert {path.parent.name for path in FILES} == {"envelope-v1"}
    assert len(FILES) == 24


# Every code of the rich format. A code never changes its meaning and is never used again.
STORED = {
    "c0": None,
    "c3": True,
    "cbbff8000000000000": -1.5,
    "a161": "a",
    "c1a3eda080": "\ud800",
    "c40161": b"a",
    "c1c70901400000000000000000": 2**70,
    "c1d40261": bytearray(b"a"),
    "c1d80399cd07ea0b170c2238ce000c0a1400c0": datetime(2026, 11, 23, 12, 34, 56, 789012),
    "c1c70e0399cd07ea0b170c0000000191a175": datetime(2026, 11, 23, 12, tzinfo=UTC, fold=1),
    "c1c71c0399cd07ea0b170c0000000092a17aad4575726f70652f5669656e6e61": datetime(
        2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Vienna")
    ),
    "c1c7060493cd07ea0b17": date(2026, 11, 23),
    "c1c70705960c22380100c0": time(12, 34, 56, 1),
    "c1c71605960c0000000193a166d3fffffffbcf1dcc00a3455354": time(
        12, tzinfo=timezone(timedelta(hours=-5), "EST"), fold=1
    ),
    "c1d60693010203": timedelta(days=1, seconds=2, microseconds=3),
    "c1d607312e3130": Decimal("1.10"),
    "c1d808000102030405060708090a0b0c0d0e0f": UUID(bytes=bytes(range(16))),
    "c1c8010009" + "000000000000f83f" * 32: [1.5] * 32,
    "c193c7002001c0": (1, None),
    "c192c7002101": {1},
    "c192c7002201": frozenset({1}),
    "c195c7002392c700200102c004": {(1,): 2, None: 4},
    "c195c70026a33c66389101a143c408000000000000f83f": numpy.array([1.5]),
    "c193c70027a33c6638c408000000000000f83f": numpy.float64(1.5),
}


@pytest.mark.parametrize("stored", STORED)
def test_each_code_means_what_it_always_did(stored):
    value, serializer = STORED[stored], MsgpackSerializer()
    read = serializer.loads(bytes.fromhex(stored))
    if isinstance(value, numpy.ndarray | numpy.generic):
        assert (type(read), read.dtype, read.tolist()) == (type(value), value.dtype, value.tolist())
    else:
        assert same(read, value)
    assert serializer.dumps(value) == bytes.fromhex(stored)


class Finish(Enum):
    STOP = "a"


@dataclass
class Usage:
    tokens: int


@pytest.mark.parametrize(
    ("stored", "value"), [("c193c7002402a161", Finish.STOP), ("c193c700250181a6746f6b656e7307", Usage(7))]
)
def test_registered_classes_mean_what_they_always_did(stored, value):
    serializer = MsgpackSerializer({1: Usage, 2: Finish})
    assert serializer.loads(bytes.fromhex(stored)) == value
    assert serializer.dumps(value) == bytes.fromhex(stored)
