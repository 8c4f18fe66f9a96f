"""The traces that the demo ships tell the truth about themselves, and what is no trace is refused with a reason."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aicache._tools.cut_traces import CUTS, cut
from aicache.cli.demo.trace import Row, read_trace, shipped
from aicache.errors import ConfigurationError

ROWS = [f"{size} 0.001 2.5" for size in range(4096)]


def packed(header: dict[str, Any], rows: Iterable[str], numbers: Iterable[int]) -> bytes:
    lines = [json.dumps(header), *rows, *map(str, numbers)]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def header(**fields: Any) -> dict[str, Any]:
    return {"name": "small", "accesses": 4, "objects": 3, "rows": 3, "what": "", "origin": "", "licence": "", **fields}


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_trace_is_what_its_header_says(name: str) -> None:
    trace = read_trace(name)
    told = trace.header
    assert trace.name == name
    assert told["accesses"] == len(trace.requests)
    assert told["objects"] == len(set(trace.requests))
    assert told["rows"] == len(trace.rows)
    firsts = list(dict.fromkeys(trace.requests))
    assert firsts == list(range(len(firsts)))  # numbered in order of first appearance
    assert told["order"] == ("synthetic" if "SYNTHETIC" in told["what"] else "real")
    assert all(told[field] for field in ("what", "origin", "licence", "cut", "attached"))
    assert all(row.size > 0 and row.dollars > 0 and row.seconds > 0 for row in trace.rows)


def test_the_traces_are_those_that_are_cut_and_attributed_and_small() -> None:
    files = shipped()
    assert set(files) == set(CUTS)
    told = (files["web12"].parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in told for path in files.values())
    assert "headissue GmbH, Jens Wilke" in told
    assert "https://creativecommons.org/licenses/by/4.0/" in told
    assert sum(path.stat().st_size for path in files.values()) <= 400_000


def test_only_the_first_requests_are_read_where_that_is_asked_for() -> None:
    whole = read_trace("web12")
    assert read_trace("web12", 500).requests == whole.requests[:500]


def test_an_object_has_the_row_that_the_header_rules(tmp_path: Path) -> None:
    own, hashed = tmp_path / "own.trace.gz", tmp_path / "hashed.trace.gz"
    own.write_bytes(packed(header(), ["10 1 2", "20 3 4", "30 5 6"], [0, 1, 2, 0]))
    hashed.write_bytes(packed(header(rows=4096), ROWS, [0, 1, 2, 0]))
    assert read_trace(str(own)).row(1) == Row(20, 3.0, 4.0)
    # 2654435761 in binary begins with 100111100011, its highest 12 of 32 bits.
    assert read_trace(str(hashed)).row(1).size == 0b100111100011


def test_a_cut_is_the_front_part_and_says_so() -> None:
    whole = packed(header(rows=4096, accesses=6, objects=4), ROWS, [0, 1, 0, 2, 3, 1])
    text = gzip.decompress(cut(whole, 3, "synthetic")).decode().splitlines()
    told = json.loads(text[0])
    assert (told["accesses"], told["objects"], told["rows"]) == (3, 2, 4096)
    assert told["cut"] == "the first 3 of 6 requests"
    assert told["order"] == "synthetic"
    assert text[1:4097] == ROWS
    assert text[4097:] == ["0", "1", "0"]


def test_a_cut_that_keeps_all_says_so_too() -> None:
    whole = packed(header(rows=4096), ROWS, [0, 1, 2, 0])
    told = json.loads(gzip.decompress(cut(whole, None, "real")).splitlines()[0])
    assert (told["accesses"], told["objects"], told["cut"]) == (4, 3, "none, the whole trace")


def test_a_cut_keeps_the_row_of_each_object_that_has_its_own() -> None:
    whole = packed(header(), ["10 1 2", "20 3 4", "30 5 6"], [0, 1, 2, 0])
    text = gzip.decompress(cut(whole, 2, "real")).decode().splitlines()
    assert json.loads(text[0])["rows"] == 2
    assert text[1:] == ["10 1 2", "20 3 4", "0", "1"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no gzip at all", "cannot be read"),
        (gzip.compress(b"", mtime=0), "holds no trace"),
        (gzip.compress(b"not json\n", mtime=0), "holds no trace"),
        (gzip.compress(b"[]\n", mtime=0), "holds no trace"),
        (packed({"name": "x"}, [], []), "holds no trace: KeyError: 'objects'"),
        (packed(header(), ["1 2 3"], []), "1 rows for 3 objects, where the header says 3"),
        (packed(header(rows=2), ["1 2 3", "1 2 3"], [0]), "2 rows for 3 objects"),
        (packed(header(), ["1 2 3", "1 2", "1 2 3"], [0]), "holds no trace"),
        (packed(header(), ["1 2 3"] * 3, [0, 3]), "object 3 is asked for and there are 3"),
        (packed(header(), ["1 2 3"] * 3, [0, -1]), "object -1 is asked for"),
        (packed(header(), ["1 2 3", "1 2 -3", "1 2 3"], [0]), "no object takes '1 2 -3'"),
        (packed(header(), ["1 2 3", "1 nan 3", "1 2 3"], [0]), "no object takes '1 nan 3'"),
        (packed(header(), ["1 2 3"] * 3, []), "has no requests"),
        (packed(header(), ["1 2 3"] * 3, [0, 1])[:-9], "holds no trace"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_name_and_why(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bad.trace.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read_trace(str(path))
    assert why in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_and_an_unknown_name_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_trace(str(tmp_path / "none.trace.gz"))
    with pytest.raises(
        ConfigurationError, match=r"no trace 'web13' is shipped; there are aimix-a, web12, or give a file"
    ):
        read_trace("web13")
