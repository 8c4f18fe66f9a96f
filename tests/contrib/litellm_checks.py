"""What must hold of `litellm_cache` with the real library; run by `test_litellm.py` in an environment that has it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch prices else

import litellm

from aicache import SyncTieredCache
from aicache.contrib.litellm import _may_be_kept, litellm_cache
from aicache_memory import SyncMemoryBackend

store = SyncTieredCache([SyncMemoryBackend()])
litellm.cache = litellm_cache(store)

BASE: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def ask(mock: Any, **options: Any) -> Any:
    return litellm.completion(**{**BASE, **options}, mock_response=mock).choices[0].message.content


def settled(writes: int) -> None:
    """LiteLLM stores in a thread of its own."""
    for _ in range(200):
        if store.stats().tiers[0].writes >= writes:
            return
        asyncio.run(asyncio.sleep(0.01))
    raise AssertionError(f"{writes} answers were not kept: {store.stats()}")


def same_requests_share_an_answer() -> None:
    assert ask("one") == "one"
    settled(1)
    assert ask("two") == "one"
    assert ask("two", user="somebody", metadata={"trace": 1}, api_key="another", timeout=3) == "one"
    assert ask("two", messages=[{"content": "hello", "role": "user"}]) == "one"


def different_requests_do_not() -> None:
    others: list[dict[str, Any]] = [
        {"temperature": 0.5},
        {"extra_body": {"top_k": 1}},
        {"extra_body": {"top_k": 2}},
        {"top_k": 1},
        {"reasoning_effort": "low"},
        {"presence_penalty": 1},
        {"n": 2},
        {"seed": 1},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"model": "gpt-4o-mini"},
        {"messages": [{"role": "user", "content": "hello "}]},
        {"api_base": "http://elsewhere"},
    ]
    keys = [litellm.cache.get_cache_key(**BASE), *[litellm.cache.get_cache_key(**{**BASE, **o}) for o in others]]
    assert len(set(keys)) == len(keys)
    assert litellm.cache.get_cache_key(**BASE, thing=object()) is None
    assert "hello" not in keys[0]


def long_conversations_are_kept() -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(9)]
    before = store.stats().tiers[0].writes
    assert ask("long", messages=messages) == "long"
    settled(before + 1)
    assert ask("other", messages=messages) == "long"


def only_good_answers_may_be_kept() -> None:
    def kept(tool_calls: bool = False, **choice: Any) -> bool:
        answer = {"choices": [{"finish_reason": "stop", "message": {"content": "x"}} | choice]}
        return _may_be_kept({"timestamp": 1.0, "response": answer}, tool_calls)

    assert kept()
    for reason in ("length", "content_filter", "who knows"):
        assert not kept(finish_reason=reason)
    assert not kept(message={"content": ""})
    assert not kept(message={"content": "no", "refusal": "no"})
    calls = {"content": None, "tool_calls": [{"id": "1"}]}
    assert not kept(finish_reason="tool_calls", message=calls)
    assert kept(tool_calls=True, finish_reason="tool_calls", message=calls)
    assert not _may_be_kept({"response": {"choices": []}}, False)
    assert not _may_be_kept({"response": "half {"}, False)
    assert not _may_be_kept({"response": {"status": "incomplete"}}, False)
    assert _may_be_kept({"response": '{"data": [{"embedding": [1.0]}]}'}, False)


async def async_calls_share_them() -> None:
    options = {**BASE, "messages": [{"role": "user", "content": "later"}]}
    first = await litellm.acompletion(**options, mock_response="async")
    for _ in range(200):
        if await litellm.cache.async_get_cache(**options) is not None:
            break
        await asyncio.sleep(0.01)
    second = await litellm.acompletion(**options, mock_response="other")
    third = await litellm.acompletion(**options, mock_response="other")
    assert [answer.choices[0].message.content for answer in (first, second, third)] == ["async"] * 3
    second.choices[0].message.content = "changed"
    assert third.choices[0].message.content == "async"


def a_ttl_of_a_call_holds() -> None:
    cache = litellm.cache.cache
    cache.set_cache("a ttl", {"response": {"data": []}}, ttl=60)
    left = store.lookup("a ttl").ttl_left
    assert left is not None
    assert left <= 60
    cache.set_cache("no ttl", {"response": {"data": []}}, ttl=0)
    assert not store.lookup("no ttl").found


same_requests_share_an_answer()
different_requests_do_not()
long_conversations_are_kept()
only_good_answers_may_be_kept()
asyncio.run(async_calls_share_them())
a_ttl_of_a_call_holds()
sys.stdout.write("all hold\n")
