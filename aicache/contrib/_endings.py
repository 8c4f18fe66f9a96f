"""Whether an answer ended well enough to be kept, by what its provider calls the end."""

from __future__ import annotations

from typing import Final

__all__ = ["is_good_end"]

_GOOD: Final = frozenset({"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "done"})
_TOOLS: Final = frozenset({"tool_calls", "tool_call", "tool_use", "function_call"})


def is_good_end(reason: object, *, tool_calls: bool) -> bool:
    """Whether `reason` is a good end; None, nothing said, is one, and what is not known here is none.

    `tool_calls`: whether an answer that asks for tools may be kept.
    """
    if reason is None:
        return True
    word = str(getattr(reason, "value", reason)).lower()
    return word in _GOOD or (tool_calls and word in _TOOLS)
