"""Says where two requests differ, so that a miss that should have been a hit can be understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from aicache._kernel.canonical import canonical

__all__ = ["Difference", "difference", "first_difference"]

_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """The first part in which two requests differ.

    `part`: where, as `options['temperature']` or `text, from character 17 on`.
    `a`, `b`: what each has there; for a text, from the difference on. `absent` where one has nothing there.
    """

    part: str
    a: object
    b: object

    def __str__(self) -> str:
        return f"{self.part}: {_brief(self.a)} against {_brief(self.b)}"


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT: Final = _Absent()


def first_difference(
    a: tuple[str, str, Mapping[str, Any] | None, str | None], b: tuple[str, str, Mapping[str, Any] | None, str | None]
) -> Difference | None:
    """The first part in which two requests differ: operation, question, options and text, in this order."""
    return (
        difference(a[1], b[1], "operation")
        or difference(a[3], b[3], "question")
        or difference(dict(a[2] or {}), dict(b[2] or {}), "options")
        or difference(a[0], b[0], "text")
    )


def difference(a: Any, b: Any, path: str) -> Difference | None:
    """The first part in which two values that can be in a key differ; `path`: what they are called."""
    if canonical(a, path) == canonical(b, path):
        return None
    if type(a) is type(b):
        if isinstance(a, dict):
            return _between_dicts(cast("dict[str, Any]", a), cast("dict[str, Any]", b), path)
        if isinstance(a, list | tuple):
            return _between_lists(cast("list[object]", a), cast("list[object]", b), path)
        if isinstance(a, str):
            at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            return Difference(f"{path}, from character {at} on" if at else path, a[at:], b[at:])
    return Difference(path, a, b)


def _between_dicts(a: dict[str, Any], b: dict[str, Any], path: str) -> Difference | None:
    named_a = {canonical(key, path): key for key in a}
    named_b = {canonical(key, path): key for key in b}
    for name, key in sorted({**named_b, **named_a}.items()):
        place = f"{path}[{key!r}]"
        if name not in named_a:
            return Difference(place, _ABSENT, b[key])
        if name not in named_b:
            return Difference(place, a[key], _ABSENT)
        found = difference(a[named_a[name]], b[named_b[name]], place)
        if found is not None:
            return found
    return None


def _between_lists(a: list[object], b: list[object], path: str) -> Difference | None:
    for at, (one, other) in enumerate(zip(a, b, strict=False)):
        found = difference(one, other, f"{path}[{at}]")
        if found is not None:
            return found
    at = min(len(a), len(b))
    return Difference(f"{path}[{at}]", a[at] if at < len(a) else _ABSENT, b[at] if at < len(b) else _ABSENT)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
