"""Lists of floats, such as embeddings: 8 bytes for each, little-endian, and no more."""

from __future__ import annotations

import sys
from array import array
from struct import pack
from typing import Any, Final

__all__ = ["VECTOR", "floats_of", "packed_floats"]

VECTOR: Final = 32
"""From how many floats on a list of nothing else is kept so, twice as fast as one by one."""


def packed_floats(value: list[Any]) -> bytes | None:
    """The floats as bytes; None where any item is something else, if only an int."""
    count = len(value)
    if list(map(type, value)).count(float) != count:
        return None
    return pack(f"<{count}d", *value)


def floats_of(content: bytes) -> list[float]:
    """The floats again; raises `ValueError` where the bytes are no whole number of them."""
    floats = array("d", content)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()
