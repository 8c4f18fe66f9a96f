"""LiteLLM's cache, with our keys: `litellm.cache = litellm_cache(cache)`. Needs the extra `litellm`.

The library takes seconds to import, so it is imported when a cache is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from typing import Any, Final, cast

from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache._sync.tiered import SyncTieredCache
from aicache.ai.escaping import named, scoped_namespace
from aicache.contrib._both_ways import BothWays
from aicache.contrib._endings import is_good_end
from aicache.errors import KeyEncodingError, MissingExtraError
from aicache.options import UNSET, Ttl, check_ttl

__all__ = ["litellm_cache"]

_VERSION: Final = "1-"

# What says who asks and how, and not what; the rest is in the key, whether it is known here or not.
_VOLATILE: Final = frozenset(
    {
        *("api_key", "user", "metadata", "extra_headers", "headers", "organization", "client", "timeout"),
        *("request_timeout", "num_retries", "max_retries", "cache", "caching", "ttl", "cache_key", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "service_tier"),
    }
)
_WHERE: Final = frozenset({"api_base", "base_url", "api_version", "custom_llm_provider"})


def litellm_cache(
    cache: SyncTieredCache | TieredCache | tuple[SyncTieredCache, TieredCache],
    *,
    ttl: Ttl = UNSET,
    tool_calls: bool = False,
    scope: str | None = None,
    namespace: str = "litellm",
) -> Any:
    """A `litellm.Cache` over this cache.

    `cache`: a `SyncTieredCache`, whose async use goes through a thread; a `TieredCache`, for `acompletion` alone; or a
    pair of both over the same shared store. It stays its owner's.
    `ttl`: seconds, where the call does not say; None: no expiry; left out: the policy's of the cache.
    `tool_calls`: whether answers that call tools are kept. `scope`: the tenant. `namespace`: what all keys begin with.

    Every parameter is in the key but those that say who asks and how, so no two requests share an answer by mistake.
    Conversations of any length are kept; answers that were cut off, filtered, refused or empty are not.
    Raises `MissingExtraError`.
    """
    try:
        base: Any = import_module("litellm.caching.base_cache").BaseCache
        whole: Any = import_module("litellm.caching.caching").Cache
        params_of_its_own: list[str] = import_module("litellm.types.utils").all_litellm_params
    except ImportError as error:
        raise MissingExtraError("litellm needs its library: pip install 'aicache[litellm]'") from error

    caches = BothWays(cache)
    lives = UNSET if ttl is UNSET else check_ttl(ttl)
    owned = frozenset(params_of_its_own) - _WHERE
    prefix = scoped_namespace(named(namespace, 64), scope)

    class Backend(base):  # type: ignore[misc] # it has no types
        """The verbs that LiteLLM calls."""

        def get_cache(self, key: str, **_: Any) -> Any:
            """The kept answer, or None."""
            return caches.sync.get(key)

        def set_cache(self, key: str, value: Any, **options: Any) -> None:
            """Keep it, if it may be."""
            seconds = _lives(options, lives)
            if seconds != 0 and _may_be_kept(value, tool_calls):
                caches.sync.set(key, value, ttl=seconds)

        async def async_get_cache(self, key: str, **_: Any) -> Any:
            """The kept answer, or None."""
            return await caches.call("get", key)

        async def async_set_cache(self, key: str, value: Any, **options: Any) -> None:
            """Keep it, if it may be."""
            seconds = _lives(options, lives)
            if seconds != 0 and _may_be_kept(value, tool_calls):
                await caches.call("set", key, value, ttl=seconds)

        async def async_set_cache_pipeline(self, cache_list: Sequence[tuple[str, Any]], **options: Any) -> None:
            """Keep many, as of a batch of embeddings."""
            seconds = _lives(options, lives)
            kept = {key: value for key, value in cache_list if _may_be_kept(value, tool_calls)}
            if seconds != 0 and kept:
                await caches.call("set_many", kept, ttl=seconds)

        async def batch_cache_write(self, key: str, value: Any, **options: Any) -> None:
            """Keep it, if it may be."""
            await self.async_set_cache(key, value, **options)

        async def disconnect(self) -> None:
            """Nothing: the cache stays its owner's."""

    class KeyedCache(whole):  # type: ignore[misc] # it has no types
        """LiteLLM's cache with another key and no limit of messages."""

        def get_cache_key(self, **kwargs: Any) -> str | None:
            """One key for each request; None, so that it is not kept, where a parameter cannot be encoded."""
            params = kwargs.get("litellm_params")
            preset = _fields(params).get("preset_cache_key")
            if preset is not None:
                return str(preset)
            asked = {
                name: _plain(value)
                for name, value in kwargs.items()
                if value is not None
                and name not in _VOLATILE
                and name not in owned
                and not name.startswith(("litellm_", "_litellm"))
            }
            try:
                digest = sha256(canonical((_VERSION, scope, asked), "request")).hexdigest()
            except KeyEncodingError:
                return None
            key = f"{prefix}{_VERSION}{digest}"
            if isinstance(params, dict):
                params["preset_cache_key"] = key
            return key

        def should_use_cache(self, **_: Any) -> bool:
            """Always: how long a conversation is does not make its answer another."""
            return True

    return KeyedCache(_backend=Backend(), max_messages=None)


def _lives(options: Mapping[str, Any], usual: Ttl) -> Ttl:
    """The ttl that the call says, else the usual one; 0: it is not to be kept."""
    said = options.get("ttl")
    if said is None:
        return usual
    return float(said) if float(said) > 0 else 0


def _plain(value: Any) -> Any:
    """Messages may be pydantic's."""
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in cast("Mapping[str, Any]", value).items()}
    return value


def _may_be_kept(value: object, tool_calls: bool) -> bool:
    """What LiteLLM keeps is `{"timestamp": …, "response": …}`, the response as JSON text or a dict."""
    response = _fields(value).get("response")
    try:
        answer = _fields(json.loads(response) if isinstance(response, str | bytes) else response)
    except ValueError:
        return False
    if not answer or answer.get("error") or answer.get("incomplete_details"):
        return False
    if not is_good_end(answer.get("status"), tool_calls=False):
        return False
    choices: Any = answer.get("choices")
    return choices is None or (bool(choices) and all(_ended_well(choice, tool_calls) for choice in choices))


def _fields(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _ended_well(choice: Mapping[str, Any], tool_calls: bool) -> bool:
    message: Mapping[str, Any] = choice.get("message") or {}
    calls = message.get("tool_calls") or message.get("function_call")
    if calls and not tool_calls:
        return False
    content = calls or message.get("content") or choice.get("text")
    return (
        bool(content) and not message.get("refusal") and is_good_end(choice.get("finish_reason"), tool_calls=tool_calls)
    )
