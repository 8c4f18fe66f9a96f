"""What is read of an answer as it passes: whether it came to a good end, and what it used.

Each provider's reader is a small class here below `providers`; what is wrong with an answer has the same name in all of
them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from aicache.ai.extraction import NO_TOKENS, Tokens
from aicache.contrib.http.plain import parsed

__all__ = ["FAULTS", "Reader"]

FAULTS: Final = (
    "error",  # it tells of one, whatever its status says
    "unreadable",  # it is not what the endpoint answers
    "aborted",  # it stops before its end
    "truncated",  # the model was stopped: too many tokens
    "filtered",  # the provider held back all or a part
    "refusal",  # the model would not
    "unfinished",  # the model stopped for another reason than being ready
    "arguments",  # a tool's arguments cannot be parsed
    "hosted_tools",  # the provider looked something up
    "tool_calls",  # it asks for something to be done
    "empty",  # it says nothing
)
"""What can be wrong with an answer, the worst first."""


class Reader(ABC):
    """Reads one answer: `whole`, or `event` by event.

    `is_whole`: its end was seen. `faults`: what is wrong with it, so far. `model`: as the provider calls it. `tokens`:
    what it used. `has_last_event`: whether a stream has an event after which nothing comes, and so need not be read on.
    """

    has_last_event = True

    def __init__(self) -> None:
        self.is_whole = False
        self.faults: set[str] = set()
        self.model: str | None = None
        self.tokens: Tokens = NO_TOKENS
        self._said: dict[object, bool] = {}
        self._has_text = False  # whether all that has begun says something; each event of a stream asks
        self._ends: dict[object, str | None] = {}
        self._arguments: dict[object, list[str]] = {}

    @abstractmethod
    def whole(self, body: Any) -> None:
        """Read an answer that is one JSON body."""

    @abstractmethod
    def event(self, name: str, data: str) -> None:
        """Read one event of an answer that is a stream; raises `ValueError` for what is no event of it."""

    def end(self) -> None:
        """There is no more: name what can only be known now."""
        if not self.is_whole:
            self.faults.add("aborted")
        if not self._has_text:
            self.faults.add("empty")
        for parts in self._arguments.values():
            arguments = "".join(parts)
            try:
                if arguments and not isinstance(parsed(arguments), dict):
                    self.faults.add("arguments")
            except ValueError:
                self.faults.add("arguments")

    # -- for the readers

    @property
    def _all_ended(self) -> bool:
        """Whether something has begun, and all of it has come to an end."""
        return bool(self._ends) and None not in self._ends.values()

    def says(self, who: object, something: object) -> None:
        """Note that there is an answer of this number, and whether there is something in it."""
        if something:
            self._said[who] = True
        else:
            self._said.setdefault(who, False)
        self._has_text = all(self._said.values())

    def calls(self, who: object, tool: object, arguments: object) -> None:
        """Note a tool that an answer wants to be called, and some more of the text of its arguments."""
        self.faults.add("tool_calls")
        self.says(who, something=True)
        self._arguments.setdefault((who, tool), []).append(arguments if isinstance(arguments, str) else "")
