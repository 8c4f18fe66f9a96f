"""A capability for pydantic-ai that keeps answers: `Agent(model, capabilities=[CachedAnswers(cache)])`.

Needs the extra `pydantic-ai`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, cast

from aicache._async.tiered import TieredCache
from aicache._kernel.canonical import canonical
from aicache._kernel.outcomes import Skip
from aicache.ai.escaping import named, scoped_namespace
from aicache.contrib._endings import is_good_end
from aicache.errors import KeyEncodingError, MissingExtraError
from aicache.options import UNSET, Ttl

try:
    from pydantic import TypeAdapter
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, ToolCallPart
    from pydantic_ai.models import ModelRequestContext, ModelRequestParameters
    from pydantic_ai.tools import RunContext
    from pydantic_ai.usage import RequestUsage
except ImportError as error:
    raise MissingExtraError("pydantic_ai needs its library: pip install 'aicache[pydantic-ai]'") from error

__all__ = ["CachedAnswers"]

_VERSION: Final = "1-"

# Of messages: what tells runs apart and not what is asked. Of settings: how to call, and what may hold credentials.
_OF_A_RUN: Final = frozenset({"timestamp", "run_id", "conversation_id", "metadata"})
_OF_AN_ANSWER: Final = frozenset(
    {"usage", "provider_response_id", "provider_details", "model_id", "history_digest", "failed_attempts"}
)
_OF_A_CALL: Final = frozenset({"timeout", "request_timeout", "first_event_timeout", "max_retries", "extra_headers"})

_parameters: Final = TypeAdapter(ModelRequestParameters)


@dataclass
class CachedAnswers(AbstractCapability[Any]):
    """Answers the same request of an agent from the cache; many at the same time make one call.

    `cache`: a `TieredCache`, which stays its owner's. `ttl`: seconds; None: no expiry; left out: the policy's.
    `tool_calls`: whether answers that call tools are kept; those that call the output tool are answers all the same.
    `scope`: the tenant whose answers these are. `namespace`: what all keys begin with.

    In the key are the model, its settings, the tools and output asked for, and the messages, without what differs
    from run to run. Answers that were cut off, filtered, refused or empty are not kept, nor is anything kept of
    requests with the provider's own tools (a search of the web). A hit has no usage, so it is not counted twice, and
    `metadata["aicache"]` with what it was.
    """

    cache: TieredCache
    ttl: Ttl = UNSET
    tool_calls: bool = False
    scope: str | None = None
    namespace: str = "pydantic_ai"

    async def wrap_model_request(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 pydantic-ai's own signature
        *,
        request_context: ModelRequestContext,
        handler: Any,
    ) -> ModelResponse:
        """The kept answer, or the model's."""
        key = self._key(request_context)
        if key is None:
            response: ModelResponse = await handler(request_context)
            return response
        if request_context.streaming:  # it is made while its own caller reads it, so nobody can wait for it
            kept = _read(await self.cache.get(key))
            return _hit(kept) if kept is not None else await self._made(key, request_context, handler)
        made: list[ModelResponse] = []

        async def make() -> str:
            made.append(await handler(request_context))
            written = _written(made[0])
            return written if self._may_be_kept(made[0], request_context) else Skip(written, "store policy")

        value = await self.cache.get_or_set(key, make, ttl=self.ttl)
        if made:
            return made[0]
        kept = _read(value)
        return _hit(kept) if kept is not None else await self._made(key, request_context, handler)

    async def _made(self, key: str, request: ModelRequestContext, handler: Any) -> ModelResponse:
        response: ModelResponse = await handler(request)
        if self._may_be_kept(response, request):
            await self.cache.set(key, _written(response), ttl=self.ttl)
        return response

    def _key(self, request: ModelRequestContext) -> str | None:
        """None: nobody can tell what is asked, or the answer is made of more than what is asked."""
        if request.model_request_parameters.native_tools:
            return None
        model = request.model
        settings = {**(model.settings or {}), **(request.model_settings or {})}
        messages = ModelMessagesTypeAdapter.dump_python(request.messages, mode="json")
        try:
            asked = canonical(
                (
                    _VERSION,
                    self.scope,
                    (model.system, model.model_name, model.base_url, type(model).__qualname__),
                    {name: value for name, value in settings.items() if name not in _OF_A_CALL},
                    _parameters.dump_python(request.model_request_parameters, mode="json"),
                    _without_the_run(messages, {}),
                ),
                "request",
            )
        except (KeyEncodingError, ValueError):
            return None
        prefix = scoped_namespace(named(self.namespace, 64), self.scope)
        return f"{prefix}{_VERSION}{sha256(asked).hexdigest()}"

    def _may_be_kept(self, response: ModelResponse, request: ModelRequestContext) -> bool:
        outputs = {tool.name for tool in request.model_request_parameters.output_tools}
        calls = [part.tool_name for part in response.parts if isinstance(part, ToolCallPart)]
        foreign = [name for name in calls if name not in outputs]
        if foreign and not self.tool_calls:
            return False
        text = any(getattr(part, "content", None) for part in response.parts)
        return bool(text or calls) and is_good_end(response.finish_reason, tool_calls=bool(calls))


def _without_the_run(value: Any, calls: dict[str, int]) -> Any:
    """The messages with the ids of tool calls numbered as they come, and without what only tells runs apart."""
    if isinstance(value, list):
        return [_without_the_run(item, calls) for item in cast("Sequence[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    fields = cast("Mapping[str, Any]", value)
    is_message_or_part = "kind" in fields or "part_kind" in fields
    is_answer = fields.get("kind") == "response"
    plain: dict[str, Any] = {}
    for name, item in fields.items():
        if is_message_or_part and name == "tool_call_id":
            plain[name] = calls.setdefault(str(item), len(calls))
        elif is_message_or_part and name in ("args", "content") and not isinstance(item, list):
            plain[name] = item  # what a tool or a user said, whatever its fields are called
        elif not ((is_message_or_part and name in _OF_A_RUN) or (is_answer and name in _OF_AN_ANSWER)):
            plain[name] = _without_the_run(item, calls)
    return plain


def _written(response: ModelResponse) -> str:
    return ModelMessagesTypeAdapter.dump_json([response]).decode()


def _read(kept: object) -> ModelResponse | None:
    """A fresh response; None for whatever else lies under the key."""
    if not isinstance(kept, str):
        return None
    try:
        (message,) = ModelMessagesTypeAdapter.validate_json(kept)
    except ValueError:
        return None
    return message if isinstance(message, ModelResponse) else None


def _hit(response: ModelResponse) -> ModelResponse:
    usage = response.usage
    told = {
        "cache_hit": True,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
    }
    return replace(response, usage=RequestUsage(), metadata={**(response.metadata or {}), "aicache": told})
