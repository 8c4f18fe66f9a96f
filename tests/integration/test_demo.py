"""`aicache demo` as one runs it: exit codes, the table, JSON, the plot, and a library that is missing."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aicache import __version__
from aicache.cli import main

FIGURES = {
    "requests", "objects", "hits", "hit_ratio", "misses", "stampedes_avoided", "raw_bytes", "stored_bytes",
    "time_saved", "time_saved_by_joins", "dollars_saved", "dollars_asked", "call_p50", "call_p99", "virtual_time",
    "real_time",
}  # fmt: skip
TIER_FIGURES = {"hits", "share", "hit_p50", "hit_p99", "writes", "raw_bytes", "stored_bytes", "failures"}


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A file with a trace of 400 requests for 60 objects."""
    pick = random.Random(4)
    numbers: list[int] = []
    for _ in range(400):
        known = max(numbers, default=-1) + 1
        numbers.append(known if known < 60 and pick.random() < 0.2 else pick.randrange(max(1, known)))
    objects = max(numbers) + 1
    header = {
        "name": "small", "accesses": 400, "objects": objects, "rows": objects, "what": "a test", "origin": "here",
        "licence": "none", "order": "synthetic", "cut": "none", "attached": "all is made up",
    }  # fmt: skip
    rows = [f"{400 + 50 * number} 0.002 {0.5 + number / 10}" for number in range(objects)]
    path = tmp_path / "small.trace.gz"
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in [json.dumps(header), *rows, *numbers]).encode()))
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `aicache demo --json` says."""
    assert main(["demo", "--json", *arguments]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def values(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figure["value"] for name, figure in figures.items()}


def test_the_json_has_the_keys_that_programs_rely_on(capsys: pytest.CaptureFixture[str], small: str) -> None:
    answer = told(capsys, "--trace", small)
    assert list(answer) == ["schema", "versions", "machine", "trace", "settings", "cut_short", "figures", "tiers"]
    assert answer["schema"] == 1
    assert answer["versions"]["aicache"] == __version__
    assert {"python", "msgpack"} <= set(answer["versions"])
    assert set(answer["machine"]) == {"system", "architecture", "cpus"}
    assert answer["trace"]["name"] == "small"
    assert answer["settings"] == {
        "tiers": {"memory": "memory"}, "max_entries": None, "max_bytes": 8 * 2**20, "ttl": None, "rate": 20.0,
        "seed": 1, "seconds": 20.0,
    }  # fmt: skip
    assert set(answer["figures"]) == FIGURES
    assert [tier["name"] for tier in answer["tiers"]] == ["memory"]
    assert set(answer["tiers"][0]["figures"]) == TIER_FIGURES
    every = [*answer["figures"].values(), *answer["tiers"][0]["figures"].values()]
    assert all({"value", "unit", "source"} <= set(figure) <= {"value", "unit", "source", "note"} for figure in every)
    assert {figure["source"] for figure in every} == {"measured", "from the trace", "modelled"}


def test_an_unbounded_cache_calls_once_for_each_object(capsys: pytest.CaptureFixture[str], small: str) -> None:
    answer = told(capsys, "--trace", small, "--max-entries", "1000")
    figures = values(answer["figures"])
    assert figures["requests"] == 400
    assert figures["misses"] == figures["objects"]
    assert figures["hits"] + figures["misses"] + figures["stampedes_avoided"] == 400
    assert figures["stampedes_avoided"] > 0
    assert figures["stored_bytes"] < figures["raw_bytes"]
    memory = values(answer["tiers"][0]["figures"])
    assert memory["hits"] == figures["hits"]
    assert 0 < memory["hit_p50"] <= memory["hit_p99"] < 1
    assert not answer["cut_short"]


def test_the_same_seed_gives_the_same_counts_and_another_gives_others(
    capsys: pytest.CaptureFixture[str], small: str
) -> None:
    def counts(seed: str) -> list[Any]:
        figures = values(told(capsys, "--trace", small, "--seed", seed)["figures"])
        return [value for name, value in figures.items() if name != "real_time"]

    assert counts("5") == counts("5")
    assert counts("5") != counts("6")


def test_a_ttl_and_a_bound_cost_hits(capsys: pytest.CaptureFixture[str], small: str) -> None:
    free = values(told(capsys, "--trace", small)["figures"])
    short = values(told(capsys, "--trace", small, "--ttl", "2")["figures"])
    tight = values(told(capsys, "--trace", small, "--max-entries", "5")["figures"])
    for fewer in (short, tight):
        assert fewer["hits"] < free["hits"]
        assert fewer["hits"] + fewer["misses"] + fewer["stampedes_avoided"] == 400


def test_a_tier_that_keeps_nothing_hits_nothing(capsys: pytest.CaptureFixture[str], small: str) -> None:
    answer = told(capsys, "--trace", small, "--tiers", "memory,null", "--max-entries", "5")
    memory, null = (values(tier["figures"]) for tier in answer["tiers"])
    assert (null["hits"], null["hit_p50"], null["failures"]) == (0, None, 0)
    assert null["stored_bytes"] == answer["figures"]["stored_bytes"]["value"]
    assert null["raw_bytes"] == answer["figures"]["raw_bytes"]["value"]
    assert memory["raw_bytes"] is None


def test_the_table_says_of_each_figure_where_it_is_from(capsys: pytest.CaptureFixture[str], small: str) -> None:
    assert main(["demo", "--trace", small, "--requests", "100"]) == 0
    captured = capsys.readouterr()
    rows = captured.out.splitlines()
    sourced = [line for line in rows if any(f"  {word}" in line for word in ("measured", "from the trace", "modelled"))]
    assert len(sourced) == len(FIGURES)
    requests = next(line for line in rows if line.startswith("Requests "))
    assert requests.split() == ["Requests", "100", "from", "the", "trace", "in", "synthetic", "order"]
    assert any(line.startswith("memory ") and "%" in line for line in rows)
    assert "all is made up" in captured.out
    assert max(map(len, rows)) < 80
    assert "100 of 100 requests" in captured.err
    assert "\x1b" not in captured.out + captured.err


def test_the_shipped_traces_are_listed_with_origin_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list-traces"]) == 0
    listed = capsys.readouterr().out
    assert "web12: 95,607 requests in real order" in listed
    assert "aimix-a: 60,000 requests in synthetic order (the first 60,000 of 300,000 requests)" in listed
    assert "CC BY 4.0, headissue GmbH, Jens Wilke" in listed


def test_the_shipped_trace_runs_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "--requests", "2000")
    assert answer["trace"]["name"] == "web12"
    assert answer["figures"]["requests"]["value"] == 2000


def test_it_stops_in_time_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "--seconds", "0.05")
    assert answer["cut_short"]
    assert 0 < answer["figures"]["requests"]["value"] < 95_607
    assert main(["demo", "--seconds", "0.05"]) == 0
    assert "--seconds gives it more" in capsys.readouterr().out


# -- the plot


def test_the_plot_is_drawn(capsys: pytest.CaptureFixture[str], small: str, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "demo.png"
    assert main(["demo", "--trace", small, "--tiers", "memory,null", "--plot", str(path)]) == 0
    assert str(path) in capsys.readouterr().err
    image = imread(path)
    assert image.shape[:2] == (1200, 1500)
    assert len({tuple(pixel) for pixel in image.reshape(-1, image.shape[2])[::97].round(2).tolist()}) > 10


def test_even_one_request_can_be_drawn(small: str, tmp_path: Path) -> None:
    assert main(["demo", "--trace", small, "--requests", "1", "--plot", str(tmp_path / "one.png")]) == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["demo.jpeg", "no/such/folder/demo.png"])
def test_a_plot_that_cannot_be_is_refused_before_the_replay(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    assert main(["demo", "--plot", str(tmp_path / name)]) == 2
    captured = capsys.readouterr()
    assert "--plot" in captured.err
    assert "requests" not in captured.err
    assert captured.out == ""


def test_a_plot_without_matplotlib_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["demo", "--plot", "x.png"]) == 1
    assert "pip install 'aicache[demo]'" in capsys.readouterr().err


# -- the command line


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--tiers", "memroy"], "no async backend 'memroy' is installed; did you mean 'memory'?"),
        (["--tiers", "null,memory"], "put it first"),
        (["--tiers", ""], "--tiers has an empty name"),
        (["--tiers", "null", "--max-bytes", "5"], "--max-bytes bounds the memory tier and there is none"),
        (["--redis", "redis://h"], "write --tiers memory,redis"),
        (["--trace", "web13"], "no trace 'web13' is shipped"),
    ],
)
def test_what_cannot_be_is_refused_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert main(["demo", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("aicache: error: ")
    assert why in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "COMMAND"),
        (["demo", "--requests", "0"], "must be from 1 to 1000000000000, got 0"),
        (["demo", "--requests", "many"], "invalid whole number value: 'many'"),
        (["demo", "--rate", "nan"], "must be from 0.000001 to 1000000000000, got nan"),
        (["demo", "--seconds", "inf"], "got inf"),
        (["demo", "--ttl", "-1"], "must be from 0.000001 to 1000000000000, got -1"),
    ],
)
def test_a_malformed_command_line_is_refused_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--rate", "0.000001"], ["--rate", "1e12"], ["--ttl", "1e12"], ["--ttl", "1e-6"]]
)
def test_the_most_and_the_least_that_can_be_asked_for_works(
    capsys: pytest.CaptureFixture[str], small: str, arguments: list[str]
) -> None:
    figures = values(told(capsys, "--trace", small, "--tiers", "memory,null", *arguments)["figures"])
    assert figures["hits"] + figures["misses"] + figures["stampedes_avoided"] == 400


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--help"], "demo"),
        (["demo", "--help"], "--tiers"),
        (["--version"], f"aicache {__version__}\n"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert said in capsys.readouterr().out


def test_asking_for_help_loads_no_cache_and_no_library() -> None:
    probe = (
        "import sys; from aicache.cli import main\n"
        "try: main(['demo', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'rich', 'matplotlib', 'redis', 'lz4', 'msgpack', 'aicache.codecs'} & set(sys.modules)\n"
        "print(sorted(loaded), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def test_python_dash_m_is_the_command() -> None:
    command = [sys.executable, "-m", "aicache.cli", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"aicache {__version__}\n"


def test_a_reader_that_has_seen_enough_is_no_error_to_shout_about(small: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as nobody_reads:
        command = [sys.executable, "-m", "aicache.cli", "demo", "--trace", small]
        ran = subprocess.run(command, stdout=nobody_reads, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
