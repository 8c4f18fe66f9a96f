"""The rules that are shipped: OpenAI and whatever is compatible with it under any base URL, Anthropic and Gemini."""

from typing import Final

from aicache.contrib.http.providers.anthropic import MESSAGES
from aicache.contrib.http.providers.gemini import GENERATE, STREAM_GENERATE
from aicache.contrib.http.providers.openai_chat import CHAT
from aicache.contrib.http.providers.openai_embeddings import EMBEDDINGS
from aicache.contrib.http.providers.openai_responses import RESPONSES
from aicache.contrib.http.rules import Rule

__all__ = ["PROVIDERS"]

PROVIDERS: Final[tuple[Rule, ...]] = (CHAT, RESPONSES, EMBEDDINGS, MESSAGES, GENERATE, STREAM_GENERATE)
"""What a transport knows unless it is told otherwise; `(*PROVIDERS, mine)` adds a rule."""
