"""Which values are shared between callers as they are."""

from __future__ import annotations

import enum
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest

from aicache._kernel.immutable import is_immutable

ATOMS = [None, True, 1, 1.5, 1j, "text", b"bytes", date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), time(1),
         timedelta(1), Decimal("1.0"), UUID(int=1)]  # fmt: skip


class Text(str):
    """A subclass may hold anything."""


class Moment(datetime):
    """The same."""


class Finish(enum.Enum):
    """Not of the built-in types."""

    STOP = "stop"


@pytest.mark.parametrize(
    "value",
    [*ATOMS, tuple(ATOMS), frozenset(ATOMS), ((), (1, ("a",)))],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_what_nobody_can_change_is_shared(value):
    assert is_immutable(value)
    assert is_immutable(value)  # the second time it is known


def test_what_holds_nothing_else_is_shared_too():
    assert is_immutable(tuple(ATOMS))
    assert is_immutable(frozenset(ATOMS))


@pytest.mark.parametrize(
    "value",
    [[], {}, set(), bytearray(b"x"), (1, []), frozenset([(Text("x"),)]), Text("x"), Moment(2026, 1, 1), Finish.STOP,
     timezone.utc, object(), Decimal, memoryview(b"x")],  # noqa: UP017 the object itself
    ids=lambda value: repr(value).partition(" at 0x")[0],
)  # fmt: skip
def test_what_may_be_changed_is_not(value):
    assert not is_immutable(value)


def test_a_type_that_only_has_the_name_of_another_is_not_taken_for_it(monkeypatch):
    for module, name in (("uuid", "UUID"), ("decimal", "Decimal"), ("datetime", "date"), ("unheard of", "UUID")):
        assert not is_immutable(type(name, (), {"__module__": module})())
    own = type("UUID", (), {"__module__": "uuid"})
    monkeypatch.delitem(sys.modules, "uuid")
    assert not is_immutable(own())
    monkeypatch.setitem(sys.modules, "uuid", SimpleNamespace())
    assert not is_immutable(own())
