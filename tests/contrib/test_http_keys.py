"""Keys of requests: whatever can change the answer changes the key, and nothing else does."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicache.contrib.http import explain

from .http_parameters import ENDPOINTS, GENERATE, GENERATION_SETTINGS, MESSAGES, VOLATILE
from .http_requests import ANTHROPIC, CHAT, GEMINI, OPENAI, key, user


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
