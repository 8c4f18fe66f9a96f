"""LangChain's cache of answers: `set_llm_cache(LangChainCache(cache))`. Needs the extra `langchain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast
from warnings import catch_warnings, simplefilter

from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache._sync.tiered import SyncTieredCache
from aicache.ai.escaping import named, scoped_namespace
from aicache.contrib._both_ways import BothWays
from aicache.contrib._endings import is_good_end
from aicache.errors import MissingExtraError
from aicache.options import UNSET, Ttl, check_ttl

try:
    from langchain_core.caches import BaseCache
    from langchain_core.load import dumps, loads
    from langchain_core.load.serializable import Serializable
    from langchain_core.messages import (
        AIMessage,
        AIMessageChunk,
        ChatMessage,
        ChatMessageChunk,
        FunctionMessage,
        HumanMessage,
        SystemMessage,
        ToolMessage,
    )
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
except ImportError as error:
    raise MissingExtraError("langchain needs langchain-core: pip install 'aicache[langchain]'") from error

__all__ = ["LangChainCache"]

_VERSION: Final = "1-"

with catch_warnings():  # it says once that it is beta, to whoever calls it first: that is us, and we know
    simplefilter("ignore")
    loads("{}", allowed_objects=[])

# All that may come out of a store: answers and messages, nothing that opens a connection or reads a file.
_CLASSES: Final[list[type[Serializable]]] = [
    Generation,
    GenerationChunk,
    ChatGeneration,
    ChatGenerationChunk,
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
]


class LangChainCache(BaseCache):
    """Keeps the generations of LangChain's models.

    `cache`: a `SyncTieredCache`, whose async use goes through a thread; a `TieredCache`, for `ainvoke` alone; or a pair
    of both over the same shared store. It stays its owner's.
    `ttl`: seconds; None: no expiry; left out: the policy's of the cache.
    `tool_calls`: whether answers that call tools are kept.
    `scope`: the tenant whose answers these are. `namespace`: what all keys begin with.

    Answers that were cut off, filtered or refused, that are empty, or that LangChain cannot bring back exactly, are not
    kept. Each hit gets objects of its own.
    """

    def __init__(
        self,
        cache: SyncTieredCache | TieredCache | tuple[SyncTieredCache, TieredCache],
        *,
        ttl: Ttl = UNSET,
        tool_calls: bool = False,
        scope: str | None = None,
        namespace: str = "langchain",
    ) -> None:
        self._caches = BothWays(cache)
        self._ttl = UNSET if ttl is UNSET else check_ttl(ttl)
        self._tool_calls = tool_calls
        self._scope = scope
        self._prefix = scoped_namespace(named(namespace, 64), scope)

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The kept generations, or None."""
        return _read(self._caches.sync.get(self._key(prompt, llm_string)))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep the generations, if they may be."""
        kept = self._kept(return_val)
        if kept is not None:
            self._caches.sync.set(self._key(prompt, llm_string), kept, ttl=self._ttl)

    def clear(self, **kwargs: Any) -> None:  # noqa: ARG002 LangChain's own signature
        """Forget all of this namespace and scope."""
        self._caches.sync.delete_prefix(self._prefix)

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The kept generations, or None."""
        return _read(await self._caches.call("get", self._key(prompt, llm_string)))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep the generations, if they may be."""
        kept = self._kept(return_val)
        if kept is not None:
            await self._caches.call("set", self._key(prompt, llm_string), kept, ttl=self._ttl)

    async def aclear(self, **kwargs: Any) -> None:  # noqa: ARG002 LangChain's own signature
        """Forget all of this namespace and scope."""
        await self._caches.call("delete_prefix", self._prefix)

    def _key(self, prompt: str, llm_string: str) -> str:
        digest = sha256(canonical((_VERSION, self._scope, prompt, llm_string), "request")).hexdigest()
        return f"{self._prefix}{_VERSION}{digest}"

    def _kept(self, generations: Sequence[Generation]) -> list[str] | None:
        if not generations or not all(_may_be_kept(one, self._tool_calls) for one in generations):
            return None
        texts = [dumps(generation) for generation in generations]
        return texts if _read(texts) == list(generations) else None


def _read(kept: object) -> list[Generation] | None:
    """Fresh generations; None for whatever else lies under the key."""
    if not isinstance(kept, list):
        return None
    texts = cast("Sequence[Any]", kept)
    try:
        found = [cast("object", loads(text, allowed_objects=_CLASSES)) for text in texts]
    except Exception:  # it raises whatever the classes raise, on bytes that another release may have written
        return None
    return cast("list[Generation]", found) if all(isinstance(one, Generation) for one in found) else None


def _may_be_kept(generation: Generation, tool_calls: bool) -> bool:
    said: dict[str, Any] = dict(generation.generation_info or {})
    calls: Sequence[object] = ()
    has_content = bool(generation.text)
    if isinstance(generation, ChatGeneration):
        message = generation.message
        said |= cast("Mapping[str, Any]", message.response_metadata)
        has_content = has_content or bool(message.content)
        if isinstance(message, AIMessage):
            calls = [*message.tool_calls, *message.invalid_tool_calls]
            if message.invalid_tool_calls:
                return False
    if calls and not tool_calls:
        return False
    if not has_content and not calls:
        return False
    if said.get("incomplete_details"):
        return False
    reasons = [said.get(name) for name in ("finish_reason", "stop_reason", "done_reason", "status")]
    return all(is_good_end(reason, tool_calls=tool_calls) for reason in reasons)
