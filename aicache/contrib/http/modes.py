"""Context managers that say what the requests inside them ask of the cache; they work for both flavours.

    with replay_only("answers.jsonl"):
        run_the_evaluation()

What a request says in its own header comes on top. A context goes along with awaits and new tasks; a new thread starts
without one.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from os import PathLike
from typing import Final

from aicache.contrib.http.cassettes import Cassette
from aicache.contrib.http.controls import LIVE, Controls
from aicache.errors import AICacheError

__all__ = ["Mode", "ReplayMissError", "bypass", "mode", "record", "refresh", "replay_only"]


class ReplayMissError(AICacheError):
    """In `replay_only`, answers were asked for that are not there; `missed` has the requests, as method and URL."""

    def __init__(self, missed: list[str]) -> None:
        more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
        super().__init__(
            f"no kept answer for {missed[0]}{more}; run once with record() where the provider can be asked"
        )
        self.missed = missed


@dataclass(slots=True)
class Mode:
    """What holds inside one of the context managers. `keeps_all`: whether the store policy does not count."""

    controls: Controls = LIVE
    keeps_all: bool = False
    plays: Cassette | None = None
    records: Cassette | None = None
    missed: list[str] = field(default_factory=list[str])


mode: Final[ContextVar[Mode | None]] = ContextVar("aicache_http_mode", default=None)


@contextmanager
def _within(what: Mode) -> Generator[Mode, None, None]:
    token = mode.set(what)
    try:
        yield what
    finally:
        mode.reset(token)


@contextmanager
def bypass() -> Generator[None, None, None]:
    """Requests go to the provider, and neither they nor their answers touch the cache."""
    with _within(Mode(Controls(reads=False, stores=False))):
        yield


@contextmanager
def refresh() -> Generator[None, None, None]:
    """Requests go to the provider, and their answers take the place of the kept ones."""
    with _within(Mode(Controls(reads=False))):
        yield


@contextmanager
def record(cassette: str | PathLike[str] | None = None) -> Generator[None, None, None]:
    """Every whole answer is kept, whatever the store policy says of it, so that all can be replayed.

    What is there already is used. `cassette`: a file that gets each of the answers, those that it has already and is
    not asked for again included; it is written at the end, where nothing was raised.
    """
    kept = None if cassette is None else Cassette.read(cassette, missing_is_empty=True)
    with _within(Mode(keeps_all=True, plays=kept, records=kept)):
        yield
    if kept is not None and cassette is not None:
        kept.write(cassette)


@contextmanager
def replay_only(cassette: str | PathLike[str] | None = None) -> Generator[None, None, None]:
    """No request reaches a provider: what is not kept gets a 504, which the SDKs raise and do not retry.

    `cassette`: the file to answer from; None: the cache. Raises `ReplayMissError` at the end, where an answer was
    missing and nothing else was raised, so that code that survives an error of its SDK does not pass.
    """
    plays = None if cassette is None else Cassette.read(cassette)
    with _within(Mode(Controls(asks=False), keeps_all=True, plays=plays)) as inside:
        yield
    if inside.missed:
        raise ReplayMissError(inside.missed)
