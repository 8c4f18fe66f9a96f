"""Shows how far a replay is: live with rich where there is a terminal for it, else a plain line now and then."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any, Final, Protocol, TextIO

from aicache.cli.demo.replay import Outcomes

__all__ = ["Watch", "open_progress"]

_LOOK_EVERY: Final = 64
_REFRESH_SECONDS: Final = 0.1
_PLAIN_STEPS: Final = 5


class Watch(Protocol):
    """Told of the outcomes after each request."""

    def __call__(self, outcomes: Outcomes, /) -> None: ...


@contextmanager
def open_progress(stream: TextIO, total: int) -> Generator[Watch]:
    """What to tell of the outcomes; it writes to `stream` until the block ends."""
    rich = _rich() if stream.isatty() else None
    if rich is None:
        yield _plain(stream, total)
        return
    with _bar(rich, stream) as bar:
        yield _live(bar, bar.add_task("", total=total, story=""))


def story(outcomes: Outcomes) -> str:
    """What happened so far, in a line."""
    made = max(1, len(outcomes.of))
    shares = [
        f"{name} {count / made:.1%}" for name, count in zip((*outcomes.tiers, "joined"), outcomes.counts, strict=False)
    ]
    return " · ".join([*shares, f"called {outcomes.counts[outcomes.called] / made:.1%}"])


def _rich() -> Any | None:
    try:
        return import_module("rich.progress"), import_module("rich.console")
    except ImportError:
        return None


def _bar(rich: Any, stream: TextIO) -> Any:
    progress, console = rich
    return progress.Progress(
        progress.TextColumn("replaying"),
        progress.BarColumn(bar_width=30),
        progress.MofNCompleteColumn(),
        progress.TextColumn("[dim]{task.fields[story]}"),
        console=console.Console(file=stream),
        auto_refresh=False,  # a thread that draws would take its share of the very times that are measured
        transient=True,
    )


def _live(bar: Any, task: Any) -> Watch:
    last = perf_counter()

    def watch(outcomes: Outcomes) -> None:
        nonlocal last
        if len(outcomes.of) % _LOOK_EVERY == 0 and perf_counter() - last >= _REFRESH_SECONDS:
            bar.update(task, completed=len(outcomes.of), story=story(outcomes))
            bar.refresh()
            last = perf_counter()

    return watch


def _plain(stream: TextIO, total: int) -> Watch:
    marks = {total * step // _PLAIN_STEPS for step in range(1, _PLAIN_STEPS + 1)}

    def watch(outcomes: Outcomes) -> None:
        made = len(outcomes.of)
        if made in marks:
            stream.write(f"{made:,} of {total:,} requests: {story(outcomes)}\n")
            stream.flush()

    return watch
