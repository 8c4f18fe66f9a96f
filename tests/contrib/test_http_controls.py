"""What a request may ask of the cache: in its headers, in the contexts around it, and from a cassette."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from aicache import SyncTieredCache, TieredCache
from aicache.cli import main
from aicache.contrib.http import (
    AsyncCachingTransport,
    CachingTransport,
    Cassette,
    ReplayMissError,
    bypass,
    record,
    refresh,
    replay_only,
)
from aicache.errors import AICacheError, ConfigurationError, InvalidArgumentError
from aicache.testing.provider import LoopbackProvider
from aicache_memory import SyncMemoryBackend

HI: Any = [{"role": "user", "content": "hi"}]


class Rig:
    """A client that says what it got."""

    def __init__(self, provider: LoopbackProvider, cache: SyncTieredCache, clock: list[float]) -> None:
        self.transport = CachingTransport(cache)
        self.transport._desk.wall_clock = lambda: clock[0]
        self.http = httpx2.Client(transport=self.transport)
        self.url = f"{provider.url}/v1"
        self.openai = openai.OpenAI(base_url=self.url, api_key="secret-key", http_client=self.http)
        self.anthropic = anthropic.Anthropic(base_url=provider.url, api_key="secret-key", http_client=self.http)

    def ask(self, model: str = "m", *, stream: bool = False, **headers: str) -> tuple[str, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"model": model, "messages": HI, "stream": stream}
        answer = self.http.post(f"{self.url}/chat/completions", json=body, headers=named)
        return answer.headers["x-aicache"], answer.content


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def rig(provider: LoopbackProvider, cache: SyncTieredCache, clock: list[float]) -> Iterator[Rig]:
    rig = Rig(provider, cache, clock)
    yield rig
    rig.http.close()


NAMES = ["cache_control", "x_aicache"]


@pytest.mark.parametrize("name", NAMES)
def test_no_cache_asks_anew_and_keeps_the_answer(name: str, rig: Rig, provider: LoopbackProvider) -> None:
    first = rig.ask()
    anew = rig.ask(**{name: "no-cache"})
    assert (first[0], anew[0]) == ("miss", "miss")
    assert first[1] != anew[1]
    assert rig.ask() == ("hit", anew[1])
    assert name.replace("_", "-") not in provider.calls[1].headers


@pytest.mark.parametrize("name", NAMES)
def test_no_store_reads_and_does_not_keep(name: str, rig: Rig, provider: LoopbackProvider) -> None:
    assert rig.ask(**{name: "no-store"})[0] == "bypass; no_store"
    kept = rig.ask()
    assert kept[0] == "miss"
    assert rig.ask(**{name: "no-store"}) == ("hit", kept[1])
    assert len(provider.calls) == 2
    assert name.replace("_", "-") not in provider.calls[0].headers


def test_both_together_are_nothing_to_do_with_the_cache(rig: Rig, provider: LoopbackProvider) -> None:
    kept = rig.ask()
    assert rig.ask(cache_control="no-store, no-cache")[0] == "bypass; asked"
    assert rig.ask(x_aicache="bypass")[0] == "bypass; asked"
    assert rig.ask() == ("hit", kept[1])
    assert len(provider.calls) == 3


def test_max_age_asks_anew_for_what_is_older(rig: Rig, clock: list[float]) -> None:
    first = rig.ask()
    clock[0] += 60
    assert rig.ask(cache_control="max-age=60") == ("hit", first[1])
    clock[0] += 1
    anew = rig.ask(cache_control='max-age="60"')
    assert anew[0] == "miss"
    assert rig.ask(cache_control="max-age=60") == ("hit", anew[1])


def test_only_if_cached_gets_a_504_that_is_not_tried_again(rig: Rig, provider: LoopbackProvider) -> None:
    label, body = rig.ask(cache_control="only-if-cached")
    assert label == "absent"
    assert json.loads(body)["error"]["type"] == "only_if_cached"
    only = {"x-aicache": "only-if-cached"}
    with pytest.raises(openai.InternalServerError, match="no kept answer for POST") as refused:
        rig.openai.chat.completions.create(model="m", messages=HI, extra_headers=only)
    assert refused.value.status_code == 504
    with pytest.raises(anthropic.InternalServerError, match="no kept answer"):
        rig.anthropic.messages.create(model="m", messages=HI, max_tokens=1, extra_headers=only)
    assert provider.calls == []
    kept = rig.ask()
    assert rig.ask(cache_control="only-if-cached") == ("hit", kept[1])


def test_a_ttl_for_one_answer(rig: Rig, cache: SyncTieredCache) -> None:
    rig.ask(x_aicache="ttl=60")
    key = next(iter(cache.backends()["memory"].scan("")))
    assert 0 < (cache.lookup(key).ttl_left or 0) <= 60


@pytest.mark.parametrize("asked", ["max-age", "max-age=soon", "ttl=0", "stale-if-error=-1", "ttl=nan"])
def test_seconds_that_are_none_are_refused(asked: str, rig: Rig, provider: LoopbackProvider) -> None:
    with pytest.raises(InvalidArgumentError, match=asked.partition("=")[0]):
        rig.ask(x_aicache=asked)
    assert provider.calls == []


def test_what_is_not_ours_is_passed_over(rig: Rig) -> None:
    rig.ask(cache_control="no-transform, max-stale, private")
    assert rig.ask(cache_control='immutable, ,x="a, b"')[0] == "hit"


# -- contexts


def test_bypass_and_refresh(rig: Rig, provider: LoopbackProvider) -> None:
    first = rig.ask()
    with bypass():
        assert rig.ask()[0] == "bypass; asked"
    assert rig.ask() == ("hit", first[1])
    with refresh():
        anew = rig.ask()
    assert anew[0] == "miss"
    assert rig.ask() == ("hit", anew[1])
    assert len(provider.calls) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_recorded_is_replayed_and_never_answered_otherwise(
    stream: bool, rig: Rig, provider: LoopbackProvider
) -> None:
    """All whole answers are recorded, also those that must not be served to who asks in earnest."""
    models = ["m", "m-tools", "m-length", "m-empty"]
    with record():
        made = [rig.ask(model, stream=stream)[1] for model in models]
        assert [rig.ask(model, stream=stream) for model in models] == [("hit", body) for body in made]
    assert len(provider.calls) == len(models)
    with replay_only():
        assert [rig.ask(model, stream=stream) for model in models] == [("hit", body) for body in made]
    assert len(provider.calls) == len(models)
    assert [rig.ask(model, stream=stream)[0] for model in models] == ["miss"] * len(models)


def test_replay_only_answers_from_what_was_kept_in_earnest(rig: Rig, provider: LoopbackProvider) -> None:
    kept = rig.ask()
    with replay_only():
        assert rig.ask() == ("hit", kept[1])
    assert len(provider.calls) == 1


def test_replay_only_raises_for_what_is_not_there(rig: Rig, provider: LoopbackProvider) -> None:
    def play() -> None:
        with replay_only():
            assert rig.ask()[0] == "absent"
            assert rig.http.get(f"{rig.url}/models?key=secret").status_code == 504  # what no rule knows, too

    with pytest.raises(ReplayMissError, match="and 1 more") as missed:
        play()
    assert missed.value.missed == [f"POST {rig.url}/chat/completions", f"GET {rig.url}/models"]
    with pytest.raises(openai.InternalServerError), replay_only():
        rig.openai.chat.completions.create(model="m", messages=HI)
    assert provider.calls == []
    assert issubclass(ReplayMissError, AICacheError)


def test_what_was_not_whole_is_not_recorded(rig: Rig, tmp_path: Path) -> None:
    with record(tmp_path / "c.jsonl"):
        rig.ask("m-error")
        rig.ask("m-500")
        rig.ask("m-eof-300", stream=True)
    assert Cassette.read(tmp_path / "c.jsonl").takes == {}
    assert rig.transport.stats().skips == {"error": 1, "status": 1, "aborted": 1}


async def test_contexts_hold_in_tasks_and_end_with_them(provider: LoopbackProvider, async_cache: TieredCache) -> None:
    async with httpx2.AsyncClient(transport=AsyncCachingTransport(async_cache)) as http:

        async def ask() -> str:
            answer = await http.post(f"{provider.url}/v1/chat/completions", json={"model": "m", "messages": HI})
            label: str = answer.headers["x-aicache"]
            return label

        async def inside(context: Any) -> list[str]:
            with context:
                return [await asyncio.create_task(ask()), await ask()]

        assert await ask() == "miss"
        assert await asyncio.gather(inside(bypass()), inside(refresh()), inside(nullcontext())) == [
            ["bypass; asked"] * 2,
            ["miss"] * 2,
            ["hit"] * 2,
        ]
        with replay_only():
            assert await ask() == "hit"
        with record():
            assert await ask() == "miss"


# -- cassettes


@pytest.mark.parametrize("stream", [False, True])
def test_a_cassette_is_replayed_elsewhere(
    stream: bool, rig: Rig, provider: LoopbackProvider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.jsonl"
    with record(path):
        made = [rig.ask(model, stream=stream) for model in ("m", "m-tools", "m")]
    assert [label for label, _ in made] == ["miss", "miss", "hit"]
    asked = len(provider.calls)
    with record(path):  # what is there already is used
        assert rig.ask(stream=stream)[0] == "hit"
        rig.openai.embeddings.create(model="m", input="hi")
    with SyncTieredCache([SyncMemoryBackend()]) as empty:
        elsewhere = Rig(provider, empty, [2000.0])
        with replay_only(path):
            assert [elsewhere.ask(model, stream=stream)[1] for model in ("m", "m-tools")] == [made[0][1], made[1][1]]
            assert elsewhere.openai.embeddings.create(model="m", input="hi").data[0].index == 0
        elsewhere.http.close()
    assert len(provider.calls) == asked + 1
    text = path.read_text(encoding="utf-8")
    assert "secret" not in text
    assert "☃ is snow." in text or stream
    assert '"content": "hi"' in text
    assert main(["cassette", str(path)]) == 0
    assert f"POST {rig.url}/chat/completions m-tools -> 200" in capsys.readouterr().out


def test_a_cassette_has_any_bytes(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    halves = [
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "\xe2\x98',
        b'\x83\\u2028"}}]}',
    ]

    class Halves(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return iter(halves)

    inner = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Halves()))
    with (
        SyncTieredCache([SyncMemoryBackend()]) as cache,
        httpx2.Client(transport=CachingTransport(cache, inner)) as http,
    ):
        for context in (record(path), replay_only(path)):
            with context, http.stream("POST", "https://a.test/chat/completions", json={"n": 1}) as answer:
                assert list(answer.iter_bytes()) == halves
    assert '{"base64": "' in path.read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must begin with"),
        ('{"aicache-cassette": 2}', "must begin with"),
        ('{"aicache-cassette": 1}\n{', "line 2"),
        ('{"aicache-cassette": 1}\n\n{"key": "k"}', "line 3"),
        (
            '{"aicache-cassette": 1}\n{"key": "k", "status": 200, "headers": [], "asked": 1, "chunks": [7]}',
            "neither a text nor base64",
        ),
    ],
)
def test_a_file_that_is_no_cassette_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        Cassette.read(tmp_path / "c.jsonl")
    assert main(["cassette", str(tmp_path / "c.jsonl")]) == 2


def test_a_cassette_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replay_only(tmp_path / "c.jsonl"):
        pass
    with record(tmp_path / "c.jsonl"):
        pass
    assert (tmp_path / "c.jsonl").read_text() == '{"aicache-cassette": 1}\n'
