"""What the state machines share: the strategies, the loop, the clock and the oracle."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from aicache.testing._oracle import Oracle
from aicache.testing.clock import FakeClock

__all__ = ["KEYS", "MANY_KEYS", "TTLS", "Machine"]

# Few keys, so that the steps of one run meet; among them two that a careless store mixes up, and an odd one.
KEYS: Final = st.sampled_from(["a", "a*", "ab", "b", "é\n"])
MANY_KEYS: Final = st.lists(KEYS, max_size=6)
TTLS: Final = st.one_of(st.none(), st.sampled_from([1, 2.5, 60]))
SECONDS: Final = st.sampled_from([0.5, 1, 3, 61])


class Machine(RuleBasedStateMachine):
    """One subject, made anew for each run, and the oracle it must agree with."""

    make: ClassVar[Callable[[FakeClock], Any]]
    fake_time: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(1_000.0)
        self.oracle = Oracle(self.clock)
        self.runner = asyncio.Runner()

    def done(self, answer: Any) -> Any:
        """The answer of a verb, awaited where it is to be."""
        if not inspect.isawaitable(answer):
            return answer

        async def awaited() -> Any:
            return await cast(Any, answer)

        return self.runner.run(awaited())

    def close(self, subject: Any) -> None:
        """Close a subject of either flavour, and the loop."""
        verb = getattr(subject, "aclose", None) or subject.close
        self.done(verb())
        self.runner.close()

    def life(self, ttl: float | None) -> float | None:
        """A ttl; so long that no run outlasts it where time is real."""
        return ttl if ttl is None or self.fake_time else ttl * 3600

    @precondition(lambda self: self.fake_time)
    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        """Let entries end."""
        self.clock.advance(seconds)
