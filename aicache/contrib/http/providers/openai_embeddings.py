"""OpenAI's embeddings, and what answers like them."""

from __future__ import annotations

from typing import Any, Final

from aicache.ai.extraction import openai_tokens
from aicache.contrib.http.plain import items, object_of, text, under
from aicache.contrib.http.providers.openai_chat import OPENAI_HEADERS
from aicache.contrib.http.reading import Reader
from aicache.contrib.http.rules import Asked, Rule

__all__ = ["EMBEDDINGS", "EmbeddingsReader"]


class EmbeddingsReader(Reader):
    """Reads a list of embeddings."""

    def whole(self, body: Any) -> None:
        """Read one list."""
        if under(body, "error"):
            self.faults.add("error")
        self.model = text(under(body, "model"))
        self.tokens = openai_tokens(object_of(under(body, "usage")))
        for at, item in enumerate(items(under(body, "data"))):
            self.says(item.get("index", at), item.get("embedding"))
        self.is_whole = under(body, "data") is not None

    def event(self, name: str, data: str) -> None:  # noqa: ARG002 whatever it says
        """There are no streams of embeddings."""
        self.faults.add("unreadable")


def _asks(_: dict[str, Any]) -> Asked:
    return Asked(is_fixed=True)


EMBEDDINGS: Final = Rule(
    name="openai.embeddings",
    provider="openai",
    operation="embeddings",
    path="/embeddings",
    reader=EmbeddingsReader,
    asks=_asks,
    volatile=frozenset({"user"}),
    headers=OPENAI_HEADERS,
)
