"""Counts what msgpack bytes would become before any of it is made.

A few kilobytes can claim millions of objects: 8 MB of empty maps are 600 MB of dicts. So what is large enough to hurt
is walked first, without making anything, and refused once it is deeper or has more items than the reader allows. Runs
of numbers and of empty containers, what large honest values are made of, are counted by a regular expression at a time.
"""

from __future__ import annotations

import re
from typing import Final

from aicache.errors import EnvelopeError

__all__ = ["HARMLESS", "check_budget"]

HARMLESS: Final = 64 * 1024
"""Bytes up to which even the worst msgpack makes only some megabytes of objects."""

_ONE_BYTE: Final = re.compile(rb"[\x00-\x80\x90\xc0\xc2\xc3\xe0-\xff]+")
_DOUBLES: Final = re.compile(rb"(?:\xcb.{8})+", re.DOTALL)
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length of a bin or a str
_FLOATS: Final = b"\x09"  # the extension that is a list of floats, each of them an item
_EXTENSION: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED: Final = {
    0xCA: 5, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
    0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18,
}  # fmt: skip
_ARRAYS: Final = {0xDC: 2, 0xDD: 4}
_MAPS: Final = {0xDE: 2, 0xDF: 4}


def check_budget(data: bytes, start: int, max_depth: int, max_items: int) -> None:
    """Raise `EnvelopeError` where the msgpack at `start` has more levels or items; each key and each value is an
    item.
    """
    at, items, size = start, 0, len(data)
    open_containers = [1]  # how many items each still waits for
    while open_containers:
        left = open_containers[-1]
        if left == 0:
            open_containers.pop()
            continue
        if at >= size:
            raise EnvelopeError("parse", "the bytes end too soon")
        first = data[at]
        length = 0
        if first <= 0x80 or first == 0x90 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
            run = _ONE_BYTE.match(data, at, min(size, at + min(left, max_items + 1)))
            count = run.end() - at if run else 1
            at += count
        elif first == 0xCB:
            run = _DOUBLES.match(data, at, min(size, at + 9 * min(left, max_items + 1)))
            count = (run.end() - at) // 9 if run else 1
            at += 9 * count
        else:
            count = 1
            if first <= 0x8F:
                length = 2 * (first & 0x0F)
                at += 1
            elif first <= 0x9F:
                length = first & 0x0F
                at += 1
            elif first <= 0xBF:
                at += 1 + (first & 0x1F)
            elif first in _FIXED:
                at += _FIXED[first]
            elif first in _SIZED:
                width = _SIZED[first]
                at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")
            elif first in _EXTENSION:
                width = _EXTENSION[first]
                content = int.from_bytes(data[at + 1 : at + 1 + width], "big")
                if data[at + 1 + width : at + 2 + width] == _FLOATS:
                    items += content // 8
                at += 2 + width + content
            else:
                width = _ARRAYS.get(first) or _MAPS.get(first) or 0
                if not width:
                    raise EnvelopeError("parse", f"{first:#x} is no msgpack")
                length = int.from_bytes(data[at + 1 : at + 1 + width], "big") * (2 if first in _MAPS else 1)
                at += 1 + width
        items += count
        open_containers[-1] = left - count
        if items + length > max_items:
            raise EnvelopeError("budget", f"more than {max_items} items")
        if length:
            if len(open_containers) > max_depth:
                raise EnvelopeError("budget", f"deeper than {max_depth} levels")
            open_containers.append(length)
    if at != size:
        raise EnvelopeError("parse", "bytes are left over")
