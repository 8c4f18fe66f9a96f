"""What the benches keep: an answer of a language model, as its SDK returns it."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["answer", "embedding", "messages", "text"]

_WORDS = ("the", "cache", "holds", "an", "answer", "that", "a", "model", "gave", "once", "for", "money", "and", "time")


def text(size: int, seed: int = 1) -> str:
    """About `size` characters that are neither random nor all the same: lz4 makes them a third smaller."""
    rng = random.Random(seed)
    words: list[str] = []
    while size > 0:
        words.append(rng.choice(_WORDS) if rng.random() < 0.7 else f"{rng.getrandbits(30):x}")
        size -= len(words[-1]) + 1
    return " ".join(words)


def answer(size: int, seed: int = 1) -> dict[str, Any]:
    """A chat completion of about `size` bytes as JSON."""
    content = text(size - 330, seed)
    words = content.split()
    return {
        "id": f"chatcmpl-{seed:08d}",
        "object": "chat.completion",
        "created": 1_763_900_000 + seed,
        "model": "a-model-2026-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 812, "completion_tokens": len(words), "total_tokens": 812 + len(words)},
        "system_fingerprint": "fp_44709d6fcb",
    }


def embedding(size: int = 1536, seed: int = 1) -> list[float]:
    """A vector of floats."""
    rng = random.Random(seed)
    return [rng.gauss(0, 0.03) for _ in range(size)]


def messages(size: int = 2_000) -> list[dict[str, str]]:
    """A conversation of about `size` bytes as JSON."""
    said = text(size - 8 * 40)
    part = len(said) // 8
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": said[at * part : (at + 1) * part]} for at in range(8)]
