"""Keys of requests: whatever can change the answer changes the key, and nothing else does."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from hashlib import sha256
from itertools import combinations
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.cli import main
from aicache.contrib.http import PROVIDERS, Asked, Rule, explain
from aicache.contrib.http.desk import Desk
from aicache.contrib.http.known import Known
from aicache.contrib.http.providers.openai_chat import ChatReader
from aicache.contrib.http.storing import StorePolicy
from aicache.errors import ConfigurationError, InvalidArgumentError, InvalidTypeError, MissingExtraError

ALWAYS = StorePolicy(sampling="always", hosted_tools_ttl=60.0)
OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com/v1"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-9"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PICTURE = "data:image/png;base64," + b64encode(bytes(range(256))).decode()
OTHER_PICTURE = "data:image/png;base64," + b64encode(bytes(range(1, 257 - 1)) + b"ab").decode()


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def seen(url: str) -> list[dict[str, Any]]:
    return user([{"type": "image_url", "image_url": {"url": url}}])


def file(data: str) -> list[dict[str, Any]]:
    return user([{"type": "file", "file": {"file_data": data}}])


CHAT: dict[str, Any] = {"model": "m", "messages": user("hi")}
# Each documented parameter with two values, neither of which is what is left out.
CHAT_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "audio": ({"voice": "a", "format": "wav"}, {"voice": "b", "format": "wav"}),
    "frequency_penalty": (0.5, 1),
    "function_call": ("auto", "none"),
    "functions": ([{"name": "f"}], [{"name": "g"}]),
    "logit_bias": ({"1": 1}, {"1": 2}),
    "logprobs": (True, False),
    "max_completion_tokens": (5, 6),
    "max_tokens": (5, 6),
    "messages": (user("ho"), [{"role": "system", "content": "hi"}]),
    "modalities": (["text"], ["text", "audio"]),
    "model": ("n", "o"),
    "n": (2, 3),
    "parallel_tool_calls": (True, False),
    "prediction": ({"type": "content", "content": "a"}, {"type": "content", "content": "b"}),
    "presence_penalty": (0.5, 1),
    "reasoning_effort": ("low", "high"),
    "response_format": ({"type": "json_object"}, {"type": "text"}),
    "seed": (1, 2),
    "stop": ("a", ["a"]),
    "stream": (True, False),
    "stream_options": ({"include_usage": True}, {"include_usage": False}),
    "temperature": (0, 0.5),
    "tool_choice": ("auto", "required"),
    "tools": ([TOOL], [TOOL, TOOL]),
    "top_logprobs": (1, 2),
    "top_p": (0.1, 0.2),
    "verbosity": ("low", "high"),
    "web_search_options": ({}, {"search_context_size": "low"}),
    "top_k": (1, 2),  # of servers that answer like OpenAI
    "min_p": (0.1, 0.2),
    "extra": (None, {"nobody": "knows"}),
}
RESPONSES: dict[str, Any] = {"model": "m", "input": "hi"}
RESPONSES_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "include": (["reasoning.encrypted_content"], ["message.output_text.logprobs"]),
    "input": ("ho", user("hi")),
    "instructions": ("a", "b"),
    "max_output_tokens": (5, 6),
    "max_tool_calls": (1, 2),
    "model": ("n", "o"),
    "parallel_tool_calls": (True, False),
    "prompt": ({"id": "p", "version": "1"}, {"id": "p", "version": "2"}),
    "reasoning": ({"effort": "low"}, {"effort": "high"}),
    "stream": (True, False),
    "stream_options": ({"include_obfuscation": True}, {"include_obfuscation": False}),
    "temperature": (0, 0.5),
    "text": ({"verbosity": "low"}, {"verbosity": "high"}),
    "tool_choice": ("auto", "required"),
    "tools": ([{"type": "function", "name": "f"}], [{"type": "web_search"}]),
    "top_logprobs": (1, 2),
    "top_p": (0.1, 0.2),
    "truncation": ("auto", "disabled"),
}
EMBEDDINGS: dict[str, Any] = {"model": "m", "input": "hi"}
EMBEDDINGS_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "dimensions": (256, 512),
    "encoding_format": ("float", "base64"),
    "input": (["hi"], [1, 2]),
    "model": ("n", "o"),
}
MESSAGES: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": user("hi")}
MESSAGES_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "max_tokens": (10, 11),
    "mcp_servers": ([{"url": "https://a.test"}], [{"url": "https://b.test"}]),
    "messages": (user("ho"), user([{"type": "text", "text": "hi"}])),
    "model": ("n", "o"),
    "output_config": ({"effort": "low"}, {"effort": "high"}),
    "stop_sequences": (["a"], ["b"]),
    "stream": (True, False),
    "system": ("a", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
    "temperature": (0, 0.5),
    "thinking": ({"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}),
    "tool_choice": ({"type": "auto"}, {"type": "any"}),
    "tools": ([{"name": "f", "input_schema": {}}], [{"name": "g", "input_schema": {}}]),
    "top_k": (1, 2),
    "top_p": (0.1, 0.2),
}
GENERATE: dict[str, Any] = {"contents": [{"parts": [{"text": "hi"}]}]}
GENERATE_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "contents": ([{"parts": [{"text": "ho"}]}], [{"role": "user", "parts": [{"text": "hi"}]}]),
    "generationConfig": ({"temperature": 0}, {"temperature": 0.5}),
    "safetySettings": ([{"category": "a", "threshold": "b"}], [{"category": "a", "threshold": "c"}]),
    "systemInstruction": ({"parts": [{"text": "a"}]}, {"parts": [{"text": "b"}]}),
    "toolConfig": ({"functionCallingConfig": {"mode": "ANY"}}, {"functionCallingConfig": {"mode": "NONE"}}),
    "tools": ([{"functionDeclarations": [{"name": "f"}]}], [{"googleSearch": {}}]),
}
GENERATION_SETTINGS: dict[str, tuple[Any, Any]] = {
    "candidateCount": (1, 2),
    "frequencyPenalty": (0.1, 0.2),
    "logprobs": (1, 2),
    "maxOutputTokens": (5, 6),
    "mediaResolution": ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"),
    "presencePenalty": (0.1, 0.2),
    "responseLogprobs": (True, False),
    "responseMimeType": ("text/plain", "application/json"),
    "responseModalities": (["TEXT"], ["IMAGE"]),
    "responseSchema": ({"type": "STRING"}, {"type": "OBJECT"}),
    "seed": (1, 2),
    "speechConfig": ({"languageCode": "de"}, {"languageCode": "en"}),
    "stopSequences": (["a"], ["b"]),
    "temperature": (0, 0.5),
    "thinkingConfig": ({"thinkingBudget": 0}, {"thinkingBudget": 1}),
    "topK": (1, 2),
    "topP": (0.1, 0.2),
}

ENDPOINTS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[Any, Any]]]] = {
    "chat": (f"{OPENAI}/chat/completions", CHAT, CHAT_PARAMETERS),
    "responses": (f"{OPENAI}/responses", RESPONSES, RESPONSES_PARAMETERS),
    "embeddings": (f"{OPENAI}/embeddings", EMBEDDINGS, EMBEDDINGS_PARAMETERS),
    "messages": (f"{ANTHROPIC}/messages", MESSAGES, MESSAGES_PARAMETERS),
    "generate": (f"{GEMINI}:generateContent", GENERATE, GENERATE_PARAMETERS),
    "stream": (f"{GEMINI}:streamGenerateContent?alt=sse", GENERATE, GENERATE_PARAMETERS),
}
VOLATILE: dict[str, tuple[str, ...]] = {
    "chat": ("metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "user"),
    "responses": ("metadata", "prompt_cache_key", "safety_identifier", "service_tier", "user"),
    "embeddings": ("user",),
    "messages": ("metadata", "service_tier"),
    "generate": ("labels",),
    "stream": ("labels",),
}


def key(url: str, body: Any, *, content: bytes | None = None, scope: str | None = None, **headers: str) -> str:
    """The key of a request, as the transport makes it."""
    desk = Desk(PROVIDERS, ALWAYS, scope, "ai", 60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx2.Request("POST", url, headers=named, content=content or json.dumps(body).encode())
    plan = desk.plan(request)
    assert plan.bypassed is None, plan.bypassed
    return plan.keys[0]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_requests_that_differ_in_a_documented_parameter_have_different_keys(endpoint: str) -> None:
    url, body, parameters = ENDPOINTS[endpoint]
    requests = [body]
    for name, values in parameters.items():
        requests += [{**body, name: value} for value in values]
    if "contents" in body:
        for name, values in GENERATION_SETTINGS.items():
            requests += [{**body, "generationConfig": {name: value}} for value in values if name != "temperature"]
    keys = [key(url, request) for request in requests]
    twice = [(a, b) for (a, key_a), (b, key_b) in combinations(zip(requests, keys, strict=True), 2) if key_a == key_b]
    assert twice == []
    assert all(explain({"url": url, "body": body}, {"url": url, "body": other}) for other in requests[1:])


@pytest.mark.parametrize(("endpoint", "field"), [(name, field) for name in VOLATILE for field in VOLATILE[name]])
def test_what_is_declared_volatile_changes_nothing(endpoint: str, field: str) -> None:
    url, body, _ = ENDPOINTS[endpoint]
    assert key(url, {**body, field: "a"}) == key(url, {**body, field: "b"}) == key(url, body)
    assert explain({"url": url, "body": body}, {"url": url, "body": {**body, field: "a"}}) is None
    nested = {**body, "messages": [{"role": "user", "content": "hi", field: "a"}]}
    assert key(url, nested) != key(url, {**nested, "messages": user("hi")})  # only at the top


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(min_size=1, max_size=6).map(lambda name: f"x{name}"), json_values, max_size=5)


def shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(name, shuffled(item, random)) for name, item in value.items()]
        random.shuffle(pairs)
        return dict(pairs)
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@given(body=bodies, random=st.randoms(use_true_random=False), indent=st.sampled_from([None, 1]), plain=st.booleans())
def test_the_order_of_fields_and_how_they_are_written_change_nothing(
    body: dict[str, Any], random: Any, indent: int | None, plain: bool
) -> None:
    url = f"{OPENAI}/chat/completions"
    whole = {**CHAT, **body}
    other = json.dumps(shuffled(whole, random), indent=indent, ensure_ascii=plain)
    assert key(url, whole) == key(url, None, content=other.encode("utf-8", "surrogatepass" if plain else "strict"))


def same(a: Any, b: Any) -> bool:
    """Whether two JSON values are one value, types and all: an oracle that knows nothing of keys."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


@given(a=bodies, b=bodies)
def test_two_bodies_have_one_key_only_where_they_are_one(a: dict[str, Any], b: dict[str, Any]) -> None:
    url = f"{OPENAI}/chat/completions"
    assert (key(url, {**CHAT, **a}) == key(url, {**CHAT, **b})) == same(a, b)


NOISE = {
    "authorization": "Bearer secret",
    "x_api_key": "secret",
    "openai_organization": "acme",
    "openai_project": "p",
    "user_agent": "Mine/2",
    "x_stainless_retry_count": "2",
    "x_stainless_read_timeout": "60",
    "idempotency_key": "stainless-1",
    "accept_encoding": "br",
    "traceparent": "00-1-2-03",
}


@pytest.mark.parametrize("header", NOISE)
@pytest.mark.parametrize("endpoint", ["chat", "messages", "generate"])
def test_the_noise_of_transport_changes_nothing(endpoint: str, header: str) -> None:
    url, body, _ = ENDPOINTS[endpoint]
    assert key(url, body, **{header: NOISE[header]}) == key(url, body)


def test_what_else_is_in_a_key() -> None:
    chat, messages = f"{OPENAI}/chat/completions", f"{ANTHROPIC}/messages"
    distinct = [
        key(chat, CHAT),
        key(chat, CHAT, scope="a"),
        key(chat, CHAT, scope="b"),
        key("http://api.openai.com/v1/chat/completions", CHAT),
        key("https://api.openai.com:8443/v1/chat/completions", CHAT),
        key("https://other.test/v1/chat/completions", CHAT),
        key("https://api.openai.com/v2/chat/completions", CHAT),
        key("https://api.openai.com/v1%2Fchat/chat/completions", CHAT),
        key("https://api.openai.com/v1/chat/chat/completions", CHAT),
        key(f"{chat}?api-version=1", CHAT),
        key(f"{chat}?api-version=2", CHAT),
        key(chat, CHAT, openai_beta="a"),
        key(messages, MESSAGES),
        key(messages, MESSAGES, anthropic_version="1"),
        key(messages, MESSAGES, anthropic_version="2"),
        key(messages, MESSAGES, anthropic_beta="a"),
        key(f"{GEMINI}:streamGenerateContent", GENERATE),
        key(f"{GEMINI}:streamGenerateContent?alt=sse", GENERATE),
        key(f"{GEMINI}:generateContent", GENERATE),
    ]
    assert len(set(distinct)) == len(distinct)


def test_the_order_of_a_query_and_its_credentials_change_nothing() -> None:
    url = f"{GEMINI}:streamGenerateContent"
    assert key(f"{url}?alt=sse&key=secret&b=1", GENERATE) == key(f"{url}?b=1&alt=sse", GENERATE)


def test_a_key_says_whose_it_is_and_nothing_of_the_request() -> None:
    made = key(f"{OPENAI}/chat/completions", {"model": "m", "messages": user("my secret")}, scope="a/b")
    assert made.startswith("ai:[a%2Fb]:http:openai.chat|1-")
    assert len(made.rpartition("1-")[2]) == 64


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (seen(PICTURE), seen(OTHER_PICTURE)),
        (seen(PICTURE), seen(PICTURE.replace("png", "gif"))),
        (file(PICTURE), file(OTHER_PICTURE)),
        (seen("https://a.test/1.png"), seen("https://a.test/2.png")),
    ],
)  # fmt: skip
def test_pictures_and_files_are_in_the_key_by_what_they_hold(a: Any, b: Any) -> None:
    url = f"{OPENAI}/chat/completions"
    assert key(url, {**CHAT, "messages": a}) != key(url, {**CHAT, "messages": b})
    assert key(url, {**CHAT, "messages": a}) == key(url, {**CHAT, "messages": json.loads(json.dumps(a))})
    found = str(explain({"url": url, "body": {**CHAT, "messages": a}}, {"url": url, "body": {**CHAT, "messages": b}}))
    assert len(found) < 300


def test_what_looks_like_the_digest_of_a_picture_is_another_request() -> None:
    from hashlib import sha256

    data = bytes(range(256))
    told = ["data:image/png", len(data), sha256(data).hexdigest()]
    url = f"{OPENAI}/chat/completions"
    picture, text = {**CHAT, "messages": seen(PICTURE)}, {**CHAT, "messages": seen(told)}  # type: ignore[arg-type]
    text["note"] = picture["note"] = ";base64,"
    assert key(url, picture) != key(url, text)


def test_a_picture_in_another_place_is_another_request() -> None:
    url, note = f"{OPENAI}/chat/completions", "(its content)"
    a = {**CHAT, "messages": [*seen(PICTURE), *seen(note)]}
    b = {**CHAT, "messages": [*seen(note), *seen(PICTURE)]}
    assert len({key(url, body) for body in (a, b, {**CHAT, "messages": [*seen(PICTURE), *seen(PICTURE)]})}) == 3


def test_how_a_picture_is_written_changes_nothing() -> None:
    body = {**CHAT, "messages": seen(PICTURE), "file": {"file_data": PICTURE, "b": 1}}
    turned = {"file": {"b": 1, "file_data": PICTURE}, "messages": seen(PICTURE), "model": "m"}
    assert key(f"{OPENAI}/chat/completions", body) == key(f"{OPENAI}/chat/completions", turned)


# -- what came before


def test_the_same_bytes_are_read_once() -> None:
    asked: list[dict[str, Any]] = []

    def asks(body: dict[str, Any]) -> Asked:
        asked.append(body)
        return Asked(body.get("temperature"), is_fixed=True)

    desk = Desk((mine(asks=asks, headers=("x-a", "x-b")),), StorePolicy(), None, "ai", 60)

    def plan(body: Any = None, url: str = "https://a.test/ask", **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return desk.plan(httpx2.Request("POST", url, headers=named, json=body or {"q": 1})).keys[0]

    keys = [plan(), plan(x_a="1"), plan(x_b="1"), plan(x_a=""), plan({"q": 2}), plan(url="https://a.test/ask?b=1")]
    keys += [plan(url="https://b.test/ask"), plan(url="http://a.test/ask"), plan(url="https://a.test/b/ask")]
    assert len(set(keys)) == len(keys) == len(asked)
    assert plan(authorization="Bearer other", x_stainless_retry_count="1") == keys[0]
    assert plan(x_b="1") == keys[2]
    assert len(asked) == len(keys)


def test_the_digest_of_a_body_is_not_taken_for_the_body() -> None:
    desk = Desk((mine(path="/ask"),), StorePolicy(), None, "ai", 60)
    long = json.dumps({"q": "long" * 10_000}).encode()
    assert desk.plan(httpx2.Request("POST", "https://a.test/ask", content=long)).bypassed is None
    for content in (sha256(long).digest(), sha256(long).hexdigest().encode()):
        assert desk.plan(httpx2.Request("POST", "https://a.test/ask", content=content)).bypassed == "body"


def test_rules_and_controls_are_not_taken_for_what_came_before() -> None:
    request = httpx2.Request("POST", "https://a.test/ask", json={"q": 1})
    one, other = mine(name="one", path="/ask"), mine(name="two", path="/ask", method="PUT")
    desk = Desk((one, other), StorePolicy(), None, "ai", 60)
    put = httpx2.Request("PUT", "https://a.test/ask", json={"q": 1})
    assert desk.plan(request).keys != desk.plan(put).keys
    told = httpx2.Request("POST", "https://a.test/ask", json={"q": 1}, headers={"X-AICache": "max-age=5"})
    assert desk.plan(told).keys == desk.plan(request).keys
    assert (desk.plan(told).controls.max_age, desk.plan(request).controls.max_age) == (5.0, None)


def test_what_was_not_asked_for_lately_is_forgotten() -> None:
    known: Known[int] = Known(most=2)
    for number in range(3):
        known.put(number, number)
    assert known.get(0) == 0  # used again, so it stays, and with it one more
    known.put(3, 3)
    assert [known.get(number) for number in (1, 0, 2, 3)] == [None, 0, 2, 3]
    for number in range(4, 100):
        known.put(number, number)
        assert len(known._new) + len(known._old) <= 4
    assert (known.get(4), known.get(98), known.get(99)) == (None, 98, 99)


# -- explaining


def test_explain_names_the_first_difference() -> None:
    url = f"{OPENAI}/chat/completions"
    a = httpx2.Request("POST", url, json={**CHAT, "temperature": 0})
    b = httpx.Request("POST", url, json={**CHAT, "temperature": 0.0})
    assert str(explain(a, b)) == "body['temperature']: 0 against 0.0"
    assert explain(a, a) is None
    assert explain(a, {"url": url, "body": {"temperature": 0, **CHAT}}) is None
    other = {"url": f"{ANTHROPIC}/messages", "body": CHAT}
    assert str(explain(a, other)) == "rule: 'openai.chat' against 'anthropic.messages'"


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"url": f"{OPENAI}/models", "body": {}}, InvalidArgumentError, "no rule knows"),
        ({"url": f"{OPENAI}/chat/completions"}, InvalidArgumentError, "must have 'body'"),
        ({"url": f"{OPENAI}/chat/completions", "body": []}, InvalidArgumentError, "JSON object"),
        ({"url": f"{OPENAI}/chat/completions", "body": {"a": {1}}}, InvalidArgumentError, "a JSON body"),
        ({"url": 7, "body": {}}, InvalidArgumentError, "must have a URL"),
        ({"url": f"{OPENAI}/chat/completions", "body": {}, "headers": 7}, InvalidArgumentError, "must have a URL"),
        (7, InvalidTypeError, "must be a request"),
    ],
)
def test_explain_refuses_what_has_no_key(request_: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        explain(request_, request_)


def test_explain_sees_a_request_as_the_transport_does() -> None:
    """However a URL is written, it says of two requests that they have one key where they have."""
    plain = f"{OPENAI}/chat/completions?a=%20b"
    same_one = "https://API.openai.com:443/v1/chat/completions?a= b"
    assert explain({"url": plain, "body": CHAT}, {"url": same_one, "body": CHAT, "method": "post"}) is None
    assert key(plain, CHAT) == key(same_one, CHAT)
    beta = {"url": plain, "body": CHAT, "headers": {"OpenAI-Beta": "a", "Authorization": "Bearer b"}}
    assert str(explain({"url": plain, "body": CHAT}, beta)) == "headers['openai-beta']: absent against 'a'"
    picture = explain(
        {"url": plain, "body": {**CHAT, "messages": seen(PICTURE)}},
        {"url": plain, "body": {**CHAT, "messages": seen(PICTURE.replace("png", "gif"))}},
    )
    assert str(picture).startswith("contents[0][1], from character 11 on: 'png' against 'gif'")


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
def test_explain_of_a_body_that_is_still_to_be_made(library: Any) -> None:
    def chunks() -> Any:
        yield json.dumps(CHAT).encode()

    request = library.Request("POST", f"{OPENAI}/chat/completions", content=chunks())
    with pytest.raises(InvalidArgumentError, match=r"a must have its body at hand.*call a\.read\(\) first"):
        explain(request, {"url": f"{OPENAI}/chat/completions", "body": CHAT})
    request.read()
    assert explain(request, {"url": f"{OPENAI}/chat/completions", "body": CHAT}) is None


def test_explain_uses_whichever_library_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"url": f"{OPENAI}/chat/completions", "body": CHAT}
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "aicache.contrib.http.httpx2")
    assert explain(request, request) is None
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "aicache.contrib.http.httpx")
    with pytest.raises(MissingExtraError, match="needs httpx2"):
        explain(request, request)


def test_explain_on_the_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    a.write_text(json.dumps(CHAT))
    b.write_text(json.dumps({"url": f"{OPENAI}/chat/completions", "body": {**CHAT, "model": "n"}}))
    c.write_text("{")
    assert main(["explain", str(a), str(b)]) == 0
    assert capsys.readouterr().out == "body['model']: 'm' against 'n'\n"
    assert main(["explain", str(a), str(a)]) == 0
    assert capsys.readouterr().out == "the same key\n"
    assert main(["explain", str(a), str(c)]) == 2
    assert "must be JSON" in capsys.readouterr().err


# -- rules of one's own


def mine(**more: Any) -> Rule:
    return Rule(**{
        "name": "mine", "provider": "me", "operation": "chat", "path": "/ask", "reader": ChatReader,
        "asks": lambda _: Asked(is_fixed=True), **more,
    })  # fmt: skip


def test_a_rule_can_be_added() -> None:
    request = httpx2.Request("POST", "https://a.test/ask", json={"q": 1, "trace": "t"})
    desk = Desk((*PROVIDERS, mine(volatile=frozenset({"trace"}))), StorePolicy(), None, "ai", 60)
    assert desk.plan(request).keys == desk.plan(httpx2.Request("POST", "https://a.test/ask", json={"q": 1})).keys
    assert Desk(PROVIDERS, StorePolicy(), None, "ai", 60).plan(request).bypassed == "endpoint"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"path": "("}, "regular expression"),
        ({"headers": ("authorization",)}, "a credential"),
        ({"headers": ("X-Mine",)}, "lower case"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        mine(**more)
