"""What a terminal shows while a replay runs and after it; and what is written where there is none, or no rich."""

from __future__ import annotations

import io
import re
import sys

import pytest

from aicache.cli.demo.figures import Figure, Source, TierFigures
from aicache.cli.demo.progress import open_progress, story
from aicache.cli.demo.replay import Outcomes
from aicache.cli.demo.report import Report
from aicache.cli.demo.table import write_report

COLOUR = re.compile(r"\x1b\[[\d;]*3\dm")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def a_report(*, cut_short: bool = False) -> Report:
    def figure(name: str, value: float, source: Source, note: str = "") -> Figure:
        return Figure(name=name, title=name.title(), value=value, unit="requests", source=source, note=note)

    return Report(
        trace={"name": "tiny", "what": "[a test]", "attached": "all is made up"},
        settings={"tiers": {"memory": "memory", "redis": "redis://h"}, "max_entries": 1000, "max_bytes": 2**20,
                  "ttl": 60.0, "rate": 5.0, "seed": 1, "seconds": 20.0},
        cut_short=cut_short,
        figures=[
            figure("requests", 12345, Source.TRACE, "[in] order"),
            figure("hits", 99, Source.MEASURED),
            figure("saved", 7, Source.MODELLED),
        ],
        tiers=[
            TierFigures(name=name, figures=(figure("hits", hits, Source.MEASURED),))
            for name, hits in (("memory", 60), ("redis", 39))
        ],
    )  # fmt: skip


def watch_through(stream: io.StringIO, total: int) -> None:
    outcomes = Outcomes(("memory",))
    with open_progress(stream, total) as watch:
        for at in range(total):
            outcomes.add(at % 3, float(at))
            watch(outcomes)


def test_the_story_has_every_share() -> None:
    outcomes = Outcomes(("memory", "redis"))
    assert story(outcomes) == "memory 0.0% · redis 0.0% · joined 0.0% · called 0.0%"
    for outcome in (0, 0, 1, 2, 3, 3, 3, 3):
        outcomes.add(outcome, 0.0)
    assert story(outcomes) == "memory 25.0% · redis 12.5% · joined 12.5% · called 50.0%"


def test_where_there_is_no_terminal_a_line_is_written_now_and_then() -> None:
    stream = io.StringIO()
    watch_through(stream, 1002)
    lines = stream.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"{made} of 1,002 requests" for made in ("200", "400", "601", "801", "1,002")
    ]
    assert lines[-1].endswith("memory 33.3% · joined 33.3% · called 33.3%")


def test_few_requests_are_told_of_too() -> None:
    stream = io.StringIO()
    watch_through(stream, 1)
    assert stream.getvalue() == "1 of 1 requests: memory 100.0% · joined 0.0% · called 0.0%\n"


def test_on_a_terminal_the_bar_lives_and_is_gone_afterwards(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = iter(range(10**6))
    monkeypatch.setattr("aicache.cli.demo.progress.perf_counter", lambda: float(next(time)))
    watch_through(terminal, 640)
    drawn = terminal.getvalue()
    assert "replaying" in drawn
    assert "320/640" in drawn
    assert "memory 33" in drawn
    assert drawn.endswith("\x1b[2K")  # the line is wiped


def test_without_rich_a_terminal_gets_plain_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setitem(sys.modules, "rich.table", None)
    watch_through(terminal, 10)
    write_report(a_report(), terminal)
    assert "10 of 10 requests" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_the_table_is_coloured_on_a_terminal_unless_that_is_not_wanted(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(a_report(), terminal)
    assert COLOUR.search(terminal.getvalue())
    monkeypatch.setenv("NO_COLOR", "1")
    bare = Terminal()
    write_report(a_report(), bare)
    assert not COLOUR.search(bare.getvalue())


@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_both_tables_say_the_same(stream_type: type[io.StringIO], terminal: Terminal) -> None:
    stream = stream_type()
    write_report(a_report(), stream)
    words = " ".join(re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).split())
    assert "tiny: [a test] through memory (1,000 entries, 1.0 MiB), then redis://h; 5 requests a second" in words
    assert "a ttl of 60 s" in words
    assert "Requests 12,345 from the trace [in] order" in words
    assert "Hits 99 measured" in words
    assert "Saved 7 modelled" in words
    assert "memory 60" in words
    assert "redis 39" in words
    assert "In this trace all is made up." in words
    assert "--seconds" not in words


def test_a_replay_that_was_cut_short_is_said_to_be() -> None:
    stream = io.StringIO()
    write_report(a_report(cut_short=True), stream)
    assert "The time was up before all requests were made; --seconds gives it more." in stream.getvalue()
