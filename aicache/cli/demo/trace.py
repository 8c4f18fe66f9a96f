"""Reads request traces: which object is asked for, in order, and what each of them takes to make and to keep."""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from dataclasses import dataclass
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

from aicache.errors import ConfigurationError

__all__ = ["Row", "Trace", "read_trace", "shipped"]

_DATA: Final = Path(__file__).resolve().parent / "data"
_SUFFIX: Final = ".trace.gz"


class Row(NamedTuple):
    """What an object takes: `size` in bytes, and what a call for it takes in `dollars` and `seconds`."""

    size: int
    dollars: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A stream of requests. `header` has the trace's own words on what it is and where it is from."""

    header: dict[str, Any]
    rows: list[Row]
    requests: array[int]

    @property
    def name(self) -> str:
        return str(self.header["name"])

    def row(self, number: int) -> Row:
        """What object `number` takes, by the rule that the header states."""
        if len(self.rows) == self.header["objects"]:
            return self.rows[number]
        return self.rows[((number * 2_654_435_761) % 2**32) >> 20]


def shipped() -> dict[str, Path]:
    """The traces that come with the package, by name."""
    return {path.name.removesuffix(_SUFFIX): path for path in sorted(_DATA.glob("*" + _SUFFIX))}


def read_trace(name: str, requests: int | None = None) -> Trace:
    """The shipped trace of that name, or the one in the file of that name where it ends in `.gz`; `requests`: only so
    many of its first ones.

    Raises `ConfigurationError` where there is no such trace, or the file holds none.
    """
    path = Path(name) if name.endswith(".gz") else shipped().get(name)
    if path is None:
        raise ConfigurationError(
            f"no trace {name!r} is shipped; there are {', '.join(shipped())}, or give a file that ends in {_SUFFIX}"
        )
    try:
        trace = _read(path, requests)
    except OSError as error:  # `BadGzipFile` too
        raise ConfigurationError(f"the trace {str(path)!r} cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"{str(path)!r} holds no trace: {type(error).__name__}: {error}") from error
    if not trace.requests:
        raise ConfigurationError(f"the trace {str(path)!r} has no requests")
    return trace


def describe(path: Path) -> dict[str, Any]:
    """The header of a trace."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        header: dict[str, Any] = json.loads(next(lines))
    return header


def _read(path: Path, requests: int | None) -> Trace:
    with gzip.open(path, "rt", encoding="ascii") as lines:
        header: dict[str, Any] = json.loads(lines.readline())
        objects, count = int(header["objects"]), int(header["rows"])
        rows = [_row(line) for line in islice(lines, count)]
        numbers = [int(line) for line in islice(lines, requests)]
    if len(rows) != count or count not in (objects, 4096):
        raise ValueError(f"{len(rows)} rows for {objects} objects, where the header says {count}")
    strangers = [number for number in numbers if not 0 <= number < objects]
    if strangers:
        raise ValueError(f"object {strangers[0]} is asked for and there are {objects}, from 0")
    return Trace(header=header, rows=rows, requests=array("I", numbers))


def _row(line: str) -> Row:
    size, dollars, seconds = line.split()
    row = Row(int(size), float(dollars), float(seconds))
    if not all(0 <= each < inf for each in row):
        raise ValueError(f"no object takes {line.strip()!r}")
    return row
