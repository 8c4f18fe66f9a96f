"""How answers are read: events out of any chunks, and what is wrong with an answer, provider by provider."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.contrib.http import PROVIDERS, Asked, StorePolicy, Verdict, plain
from aicache.contrib.http.events import Events
from aicache.contrib.http.exchange import Exchange
from aicache.contrib.http.heads import kept_headers
from aicache.contrib.http.reading import FAULTS
from aicache.errors import InvalidArgumentError, InvalidTypeError
from aicache.options import UNSET
from aicache.testing import _provider_answers as answers
from aicache.testing.payloads import same

RULES = {rule.name: rule for rule in PROVIDERS}


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(at)]


names = st.sampled_from(["", "message", "a b"])
texts = st.lists(st.text(alphabet='ab☃: "{}', max_size=6), min_size=1, max_size=3).map("\n".join)


@given(
    events=st.lists(st.tuples(names, texts), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    places=st.lists(st.integers(0, 1000), max_size=9),
    begins=st.sampled_from([b"", b"\xef\xbb\xbf", b": hello\n\n", b"\n\n"]),
)
def test_events_come_out_however_they_are_cut(
    events: list[tuple[str, str]], end: str, places: list[int], begins: bytes
) -> None:
    lines = []
    for name, data in events:
        lines += [f"event: {name}"] if name else []
        lines += [f"data: {line}" for line in data.split("\n")] + ["id: 7", ""]
    data = begins + "".join(f"{line}{end}" for line in lines).encode()
    reader = Events()
    found = [event for chunk in cut(data, places) for event in reader.feed(chunk)]
    found += reader.feed(b"\n") if end == "\r" else []  # until something follows, a last \r may be half of an end
    assert found == events


PIECES = [
    "data: a\n\n", "data: \n\n", "data: a\r\n\r\n", "data: a\r\n\n", "data: a\n\ndata: b\n\n", "event: x\ndata: a\n\n",
    "data: ☃\n\n\n", "data: a\n", "\n", "\r", "data: ", "a", ": hello\n\n",
]  # fmt: skip


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=6))
def test_chunks_that_are_an_event_each_are_read_as_any_others(pieces: list[str]) -> None:
    whole, cut_up, chunks = Events(), Events(), [piece.encode() for piece in pieces]
    found = [event for chunk in chunks for event in whole.feed(chunk)]
    assert found == [event for byte in b"".join(chunks) for event in cut_up.feed(bytes([byte]))]


def test_an_event_that_is_not_ended_is_none() -> None:
    assert Events().feed(b"data: [DONE]\n") == []


def read(rule: str, *, status: int = 200, kind: str = "application/json", chunks: list[bytes]) -> Exchange:
    exchange = Exchange(RULES[rule], Asked(), StorePolicy(), keeps_all=False)
    exchange.begin(httpx2.Response(status, headers={"content-type": kind}), 1.0)
    for chunk in chunks:
        exchange.feed(chunk)
    exchange.end(0.1, 0.2)
    return exchange


def verdict(rule: str, body: Any) -> str | None:
    return read(rule, chunks=[json.dumps(body).encode()]).verdict().reason


@pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("", None),
        ("length", "truncated"),
        ("filter", "filtered"),
        ("tools", "tool_calls"),
        ("badtools", "arguments"),
        ("empty", "empty"),
        ("error", "error"),
        ("search", "hosted_tools"),
    ],
)
def test_what_gemini_says(end: str, why: str | None, streams: bool) -> None:
    what = answers.said(f"m-{end}" if end else "m", 1)
    if streams:
        exchange = read("gemini.stream", kind="text/event-stream", chunks=list(answers.gemini_events(what)))
    else:
        exchange = read("gemini.generate", chunks=[json.dumps(answers.gemini(what, what.words)).encode()])
    assert exchange.verdict().reason == why


def test_a_stream_of_gemini_as_a_list() -> None:
    what = answers.said("m", 1)
    parts = [answers.gemini(what, [word], is_last=False) for word in what.words] + [answers.gemini(what, [])]
    assert verdict("gemini.stream", parts) is None
    assert verdict("gemini.stream", parts[:-1]) == "aborted"


def test_a_prompt_that_gemini_blocks() -> None:
    assert verdict("gemini.generate", {"promptFeedback": {"blockReason": "SAFETY"}}) == "filtered"


def chat(message: Any, end: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": end}], **more}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (chat({"content": "a"}), None),
        (chat({"content": "a"}, "stop", error={"message": "no"}), "error"),
        (chat({"content": "a"}, None), "aborted"),
        (chat({"content": "a"}, "something new"), "unfinished"),
        (chat({"content": ""}), "empty"),
        (chat({"content": None, "audio": {"id": "a"}}), None),
        (chat({"content": "a", "tool_calls": [{"function": {"arguments": "{}"}}]}), "tool_calls"),
        (chat({"content": None, "tool_calls": [{"function": {"arguments": "[]"}}]}), "arguments"),
        (chat({"content": None, "function_call": {"name": "f", "arguments": "{"}}), "arguments"),
        (chat({"content": "a", "annotations": [{"type": "url_citation"}]}), "hosted_tools"),
        ({"choices": []}, "aborted"),
        ({}, "aborted"),
        ([], "aborted"),
        ("a", "aborted"),
        (None, "aborted"),
        ({"choices": 7, "usage": 7, "model": 7, "error": False}, "aborted"),
        (
            {
                "choices": [
                    {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
                    {"index": 1, "message": {"content": ""}, "finish_reason": "stop"},
                ]
            },
            "empty",
        ),
    ],
)
def test_what_a_chat_completion_says(body: Any, why: str | None) -> None:
    assert verdict("openai.chat", body) == why


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("chunk", [b"", b"<html>", b"{", b"\xff", b"[" * 5000])
def test_what_is_no_answer_is_not_stored(chunk: bytes, rule: str) -> None:
    assert read(rule, chunks=[chunk]).verdict() == Verdict("skip", reason="unreadable")
    streamed = read(rule, kind="text/event-stream", chunks=[b"data: " + chunk + b"\n\n"])
    assert streamed.verdict().kind == "skip"


@given(body=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(
    inner, max_size=2) | st.dictionaries(st.sampled_from(
        ["choices", "message", "delta", "content", "output", "type", "status", "usage", "candidates", "error", "index",
         "parts", "data", "stop_reason", "tool_calls", "function", "finish_reason", "text"]), inner, max_size=4)),
    rule=st.sampled_from(sorted(RULES)))  # fmt: skip
def test_whatever_a_provider_answers_is_judged(body: Any, rule: str) -> None:
    data = json.dumps(body).encode()
    assert read(rule, chunks=[data]).verdict().kind in ("store", "skip")
    assert read(rule, kind="text/event-stream", chunks=[b"data: %s\n\n" % data]).verdict().kind == "skip"


# -- JSON, with msgspec and without


def outcome(function: Any, *arguments: Any) -> Any:
    """What it returns, or the kind of its error."""
    try:
        return function(*arguments)
    except (ValueError, RecursionError) as error:
        return ValueError if isinstance(error, ValueError) else RecursionError


STRANGE = [
    b"NaN", b"-Infinity", b"1e400", b"-0", b"-0.0", b"1" * 30, b"1" * 5000, b'"\\ud800"', b'"\\ud83d\\ude00"',
    b'"\xff"', b'{"a": 1, "a": 2}', b'{"\\u0061": 1, "a": 2}', b'"\x01"', b"[1,]", b"[] x", b" [1] ",
    b"\xef\xbb\xbf1", b"", b"nul", b"01", b"1.", b".5", b"0x1", b"[" * 5000, b"'a'", b"{1: 2}", b'"\\u00e9"',
    b"2.5e-324", b"true", b"1E5",
]  # fmt: skip


def json_values(floats: Any) -> Any:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | floats | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    )


def without_msgspec(function: Any, *arguments: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_read", None)
        patch.setattr(plain, "_write", None)
        return outcome(function, *arguments)


def test_the_extra_fast_comes_with_the_tests() -> None:
    assert plain._read is not None


@pytest.mark.parametrize("data", STRANGE)
def test_strange_json_is_read_the_same_with_and_without_msgspec(data: bytes) -> None:
    one, other = outcome(plain.parsed, data), without_msgspec(plain.parsed, data)
    assert one is other or same(one, other)


@given(
    value=json_values(st.floats()),
    is_ascii=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 200), st.binary(max_size=2)),
)
def test_json_is_read_the_same_with_and_without_msgspec(value: Any, is_ascii: bool, damage: Any) -> None:
    data = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    if damage is not None:
        at, instead = damage
        data = data[:at] + instead + data[at + 1 :]
    one, other = outcome(plain.parsed, data), without_msgspec(plain.parsed, data)
    assert one is other or same(one, other)


@given(value=json_values(st.floats(allow_nan=False, allow_infinity=False)))
def test_what_is_written_is_read_by_whoever_has_no_msgspec(value: Any) -> None:
    for text in (plain.written(value), without_msgspec(plain.written, value)):
        assert same(json.loads(text), json.loads(json.dumps(value)))


# -- the policy


@pytest.mark.parametrize(
    ("sampling", "asked", "varies"),
    [
        ("unset", Asked(), False),
        ("unset", Asked(0), False),
        ("unset", Asked(0.0), False),
        ("unset", Asked(0.1), True),
        ("unset", Asked(0.1, is_seeded=True), False),
        ("deterministic", Asked(), True),
        ("deterministic", Asked(0), False),
        ("deterministic", Asked(is_seeded=True), False),
        ("deterministic", Asked(is_fixed=True), False),
        ("always", Asked(2), False),
    ],
)
def test_which_requests_ask_for_variety(sampling: Any, asked: Asked, varies: bool) -> None:
    assert StorePolicy(sampling=sampling).varies(asked) is varies
    assert StorePolicy(sampling=sampling).asked(asked) == ("sampling" if varies else None)
    assert StorePolicy(sampling=sampling, samples=2).asked(asked) is None


def test_the_worst_fault_is_the_reason() -> None:
    for at, fault in enumerate(FAULTS):
        assert StorePolicy().answered(Asked(), 200, set(FAULTS[at:])) == Verdict("skip", reason=fault)
    assert StorePolicy().answered(Asked(), 200, set()) == Verdict("store", UNSET)
    assert StorePolicy().answered(Asked(), 201, set()) == Verdict("skip", reason="status")
    assert StorePolicy(negative_ttls={404: 5.0}).answered(Asked(), 404, set()) == Verdict("negative", 5.0, "status")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"sampling": "often"}, InvalidArgumentError),
        ({"samples": 0}, InvalidArgumentError),
        ({"samples": True}, InvalidTypeError),
        ({"samples": "2"}, InvalidTypeError),
        ({"hosted_tools_ttl": 0}, InvalidArgumentError),
        ({"negative_ttls": {404: None}}, InvalidArgumentError),
        ({"negative_ttls": {404: -1}}, InvalidArgumentError),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(arguments))):
        StorePolicy(**arguments)


def test_headers_that_are_not_kept() -> None:
    gone = [
        "date",
        "set-cookie",
        "content-length",
        "transfer-encoding",
        "anthropic-ratelimit-tokens-limit",
        "retry-after",
    ]
    gone += ["x-ratelimit-reset-requests", "x-rate-limit-left", "openai-organization", "content-encoding", "x-aicache"]
    kept = [(b"Content-Type", b"application/json"), (b"x-request-id", b"r\xff"), (b"openai-version", b"2020")]
    told = [(b"content-type", b"application/json"), (b"x-request-id", b"r\xff"), (b"openai-version", b"2020")]
    assert kept_headers([*kept, *((name.title().encode(), b"x") for name in gone)]) == told
