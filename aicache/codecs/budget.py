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

_ONE_BYTE: Final = re.compile(rb"[\x00-\x80\x90\xa0\xc0\xc2\xc3\xe0-\xff]+")
_DOUBLES: Final = re.compile(rb"(?:\xcb.{8})+", re.DOTALL)
_DOUBLE: Final = 0xCB
_RUN: Final = 16  # from how many items on it pays to look for a run of them
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length of a bin or a str
_FLOATS: Final = b"\x09"  # the extension that is a list of floats, each of them an item
_EXTENSION: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED: Final = {
    0xCA: 5, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
    0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18, _DOUBLE: 9,
    **{0xA0 + length: 1 + length for length in range(32)},
    **dict.fromkeys((*range(0x81), 0x90, 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)), 1),
}  # fmt: skip
_STEPS: Final = [_FIXED.get(first, 0) for first in range(256)]
"""How many bytes an item takes that begins with this one and holds no others; 0: that is not all there is to it."""
_ARRAYS: Final = {0xDC: 2, 0xDD: 4}
_MAPS: Final = {0xDE: 2, 0xDF: 4}


def check_budget(data: bytes, start: int, max_depth: int, max_items: int) -> None:
    """Raise `EnvelopeError` where the msgpack at `start` has more levels or items; each key and each value is an
    item.
    """
    at, items, left, size = start, 1, 1, len(data)
    waiting: list[int] = []  # how many items each open container still has to come, but for the innermost: that is left
    steps = _STEPS
    while True:
        if not left:
            if not waiting:
                break
            left = waiting.pop()
            continue
        if at >= size:
            raise EnvelopeError("parse", "the bytes end too soon")
        first = data[at]
        step = steps[first]
        if step:
            at += step
            left -= 1
            if left >= _RUN and (step == 1 or first == _DOUBLE):
                run = (_ONE_BYTE if step == 1 else _DOUBLES).match(data, at, min(size, at + step * left))
                if run:
                    left -= (run.end() - at) // step
                    at = run.end()
            continue
        left -= 1
        length = 0  # how many items this one holds
        if first in _SIZED:
            width = _SIZED[first]
            at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")
        elif first <= 0x8F:
            length = 2 * (first & 0x0F)
            at += 1
        elif first <= 0x9F:
            length = first & 0x0F
            at += 1
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
        items += length
        if items > max_items:
            raise EnvelopeError("budget", f"more than {max_items} items")
        if length:
            if len(waiting) >= max_depth:
                raise EnvelopeError("budget", f"deeper than {max_depth} levels")
            waiting.append(left)
            left = length
    if at != size:
        raise EnvelopeError("parse", "bytes are left over")
