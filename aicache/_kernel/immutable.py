"""Which values can be shared between callers as they are."""

from __future__ import annotations

import sys
from sys import getsizeof
from typing import Any, Final, cast

__all__ = ["ATOMS", "is_immutable", "size_in_memory"]

ATOMS: Final[set[type]] = {type(None), bool, int, float, complex, str, bytes}
"""Types of values that hold no others; those that are named below come to them with the first value."""
_NAMED: Final = {
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "uuid": ("UUID",),
}
"""By module and name: a cache that never sees one should not wait for its module when it is imported."""
_COUNTED: Final = 10_000


def is_immutable(value: object) -> bool:
    """Say whether nobody can change `value`, all the way down. Only exact types count: a subclass may hold anything."""
    kind = type(value)
    if kind in ATOMS:
        return True
    if kind is tuple or kind is frozenset:
        return all(map(is_immutable, cast("tuple[object, ...] | frozenset[object]", value)))
    if kind is dict or kind is list:
        return False
    module, name = kind.__module__, kind.__qualname__
    if name in _NAMED.get(module, ()) and getattr(sys.modules.get(module), name, None) is kind:
        ATOMS.add(kind)  # from here on it is known at once
        return True
    return False


def size_in_memory(value: object) -> int:
    """About how many bytes a live value takes; built-in containers are entered, up to 10,000 objects."""
    if type(value) in ATOMS:
        return getsizeof(value)
    total, left, stack = 0, _COUNTED, [value]
    while stack and left:
        item: Any = stack.pop()
        total += getsizeof(item)
        left -= 1
        if type(item) is dict:
            stack.extend(cast("dict[object, object]", item).keys())
            stack.extend(cast("dict[object, object]", item).values())
        elif type(item) in (list, tuple, set, frozenset):
            stack.extend(item)
    return total
