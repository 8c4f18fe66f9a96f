"""Rules of one's own, and that what came before is read once and taken for nothing else."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from aicache.contrib.http import PROVIDERS, Asked, Rule
from aicache.contrib.http.desk import Desk
from aicache.contrib.http.known import Known
from aicache.contrib.http.providers.openai_chat import ChatReader
from aicache.contrib.http.storing import StorePolicy
from aicache.errors import ConfigurationError


def mine(**more: Any) -> Rule:
    return Rule(**{
        "name": "mine", "provider": "me", "operation": "chat", "path": "/ask", "reader": ChatReader,
        "asks": lambda _: Asked(is_fixed=True), **more,
    })  # fmt: skip


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
