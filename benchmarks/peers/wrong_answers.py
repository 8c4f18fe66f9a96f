"""What caches do with answers that should not be given again, and with requests that are not the same: shown, not told.

`python3 benchmarks/peers/wrong_answers.py` installs langchain-core and LiteLLM in the environment of the benchmarks,
which needs the network; with `--here` it takes whichever of them is installed. The models are stand-ins. Each line is
one case, and what each cache did with it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["main"]

Verdict = dict[str, str]

PEERS = ["langchain-core", "litellm", "fastapi", "orjson", "soundfile"]  # these three LiteLLM imports on a hit
HELLO = [{"role": "user", "content": "hello"}]


def main() -> None:
    """Set up where needed, then show."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from run import HOME, in_an_environment_of_its_own

    if "--here" in sys.argv or Path(sys.prefix) == HOME:
        _show()
    else:
        in_an_environment_of_its_own(__file__, PEERS)


def _show() -> None:
    """Print a table for each library that is here."""
    for library, show in (("langchain_core", _langchain), ("litellm", _litellm)):
        if find_spec(library) is None:
            print(f"{library} is not installed\n")
            continue
        theirs, ours = show()
        print(f"{library}\n{'':<44}{'its own cache':<22}aicache")
        for case, verdict in theirs.items():
            print(f"{case:<44}{verdict:<22}{ours[case]}")
        print()


def _langchain() -> tuple[Verdict, Verdict]:
    from langchain_core.caches import InMemoryCache
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration

    from aicache.contrib.langchain import LangChainCache

    call = {"name": "delete_file", "args": {"path": "x"}, "id": "1"}
    answers = {
        "cut off (finish_reason=length)": AIMessage("half an ans", response_metadata={"finish_reason": "length"}),
        "cut off (stop_reason=max_tokens)": AIMessage("half an ans", response_metadata={"stop_reason": "max_tokens"}),
        "filtered": AIMessage("I cannot", response_metadata={"finish_reason": "content_filter"}),
        "empty": AIMessage("", response_metadata={"finish_reason": "stop"}),
        "calls a tool": AIMessage("", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"}),
    }

    def verdict(cache: Any) -> Verdict:
        found: Verdict = {}
        for case, message in answers.items():
            cache.update("a prompt", case, [ChatGeneration(message=message)])
            found[case] = _said(cache.lookup("a prompt", case) is not None)
        cache.update("a prompt", "one", [ChatGeneration(message=AIMessage("whole"))])
        cache.lookup("a prompt", "one")[0].message.content = "changed by a caller"
        again = cache.lookup("a prompt", "one")[0].message.content
        found["a caller changes what it got"] = "all see it" if again != "whole" else "nobody sees it"
        return found

    return verdict(InMemoryCache()), verdict(LangChainCache(_cache()))


def _litellm() -> tuple[Verdict, Verdict]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch prices else
    import litellm

    from aicache.contrib.litellm import litellm_cache

    def served(first: dict[str, Any], second: dict[str, Any]) -> str:
        """Whether the answer to the first request is given to the second."""
        base = {"model": "gpt-4o", "messages": HELLO}
        litellm.completion(**(base | first), mock_response="one")
        _until(lambda: litellm.cache.get_cache(**(base | first)) is not None)
        answer = litellm.completion(**(base | second), mock_response="two").choices[0].message.content
        return "shared" if answer == "one" else "apart"

    differ = {
        "top_k 1 and 2": ({"top_k": 1}, {"top_k": 2}),
        "extra_body top_k 1 and 2": ({"extra_body": {"top_k": 1}}, {"extra_body": {"top_k": 2}}),
        "a field of the provider's, unknown here": ({"some_field": 1}, {"some_field": 2}),
        "temperature 0 and 1": ({"temperature": 0}, {"temperature": 1}),
    }
    alike = {
        "the same, by another user": ({"user": "ann"}, {"user": "bob"}),
        "the same, fields in another order": ({}, {"messages": [{"content": "hello", "role": "user"}]}),
        "the same, six messages": ({"messages": HELLO * 6}, {"messages": HELLO * 6}),
    }
    cut_off = '{"choices": [{"finish_reason": "length", "message": {"content": "half an ans"}}]}'

    def verdict(make: Callable[[], Any]) -> Verdict:
        found: Verdict = {}
        for case, (first, second) in {**differ, **alike}.items():
            litellm.cache = make()
            found[case] = served(first, second)
        request = {"model": "gpt-4o", "messages": HELLO}
        litellm.cache = make()
        litellm.cache.add_cache(cut_off, **request)
        found["cut off (finish_reason=length)"] = _said(litellm.cache.get_cache(**request) is not None)
        return found

    return verdict(litellm.Cache), verdict(lambda: litellm_cache(_cache()))


def _cache() -> Any:
    from aicache import SyncTieredCache
    from aicache_memory import SyncMemoryBackend

    return SyncTieredCache([SyncMemoryBackend()])


def _said(is_kept: bool) -> str:
    return "kept, given again" if is_kept else "not kept"


def _until(is_so: Callable[[], bool]) -> None:
    """LiteLLM stores in a thread of its own; what it does not store it has had a second for."""
    end = time.monotonic() + 1
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
