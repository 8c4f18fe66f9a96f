"""What a conformance test is: a body, and what must be true of a suite for the body to apply to it.

A test that does not apply is not collected, so that nothing is ever "skipped" in an author's report. That the suite
declares no less than its backend can do is a test of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

__all__ = ["CheckedSuite", "Checker", "assert_came_back", "checker"]

_MARK: Final = "_aicache_check"

Suite = type[Any]


@dataclass(frozen=True, slots=True)
class _Check:
    """When a test applies."""

    capabilities: tuple[type, ...]
    stores: bool
    when: Callable[[Suite], bool] | None

    def applies(self, suite: Suite) -> bool:
        """Whether the suite declares what the test is about."""
        return (
            set(self.capabilities) <= set(suite.capabilities)
            and (suite.stores or not self.stores)
            and (self.when is None or self.when(suite))
        )


class _LeftOut:
    """Stands where a test was that does not apply; pytest collects nothing that cannot be called."""

    def __init__(self, test: Callable[..., None]) -> None:
        self.test = test


class CheckedSuite:
    """A class of tests that keeps, in each subclass, those that apply to it."""

    capabilities: ClassVar[Collection[type]] = ()
    stores: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in dir(cls):
            found = getattr(cls, name)
            test = found.test if isinstance(found, _LeftOut) else found
            check: _Check | None = getattr(test, _MARK, None)
            if check is not None:
                setattr(cls, name, test if check.applies(cls) else _LeftOut(test))


class Checker(Protocol):
    """A decorator that makes a test of a body.

    `capabilities`: what the body is about. `stores=False`: it holds for a store that keeps nothing too. `when`: a
    question to the class of the suite.
    """

    def __call__(
        self, *capabilities: type, stores: bool = True, when: Callable[[Suite], bool] | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., None]]: ...


def checker(run: Callable[[Any, Callable[..., Any], dict[str, Any]], None]) -> Checker:
    """The decorator of one flavour: `run(suite, body, arguments)` opens a backend and runs a body."""

    def check(
        *capabilities: type, stores: bool = True, when: Callable[[Suite], bool] | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., None]]:
        def decorate(body: Callable[..., Any]) -> Callable[..., None]:
            def test(self: Any, **arguments: Any) -> None:
                run(self, body, arguments)

            # Not functools.wraps: pytest would follow it to the body and look for a fixture named "backend".
            test.__name__, test.__qualname__ = body.__name__, body.__qualname__
            test.__doc__, test.__module__ = body.__doc__, body.__module__
            test.__dict__.update(body.__dict__)  # pytest's marks
            own = inspect.signature(body)
            asked = [parameter for name, parameter in own.parameters.items() if name != "backend"]
            setattr(test, "__signature__", own.replace(parameters=asked))  # noqa: B010 no checker knows the attribute
            setattr(test, _MARK, _Check(capabilities, stores, when))
            return test

        return decorate

    return check


def assert_came_back(found: bytes | None, stored: bytes) -> None:
    """Fail in a few words where large bytes differ: pytest would compare them line by line, for minutes in a CI."""
    is_equal = found == stored
    assert is_equal, (
        f"{len(stored)} bytes were stored, and {'nothing' if found is None else f'{len(found)} others'} came back"
    )
