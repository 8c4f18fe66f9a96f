"""What the verbs of a faulty backend have in common: the plan is asked, and what comes before and after is done."""

from __future__ import annotations

import asyncio  # async-only

# sync: import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aicache.protocols import (
    ReadsReplicas,
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
    supports,
)
from aicache.testing._plan import asked, damaged
from aicache.testing.faults import AnswerOf, Delay, Fail, Fault, Lose, Plan, Stale

__all__ = ["FaultyCalls"]

_CAPABILITIES: Final = (
    ReadsReplicas,
    SupportsClear,
    SupportsFeed,
    SupportsInfo,
    SupportsLeases,
    SupportsMany,
    SupportsReclaim,
    SupportsScan,
    SupportsTags,
    SupportsTTL,
)


class FaultyCalls:
    """The calls of one backend, `inner`."""

    def __init__(
        self,
        inner: Any,
        plan: Plan = (),
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,  # async-only
        # sync: sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.inner = inner
        self.capabilities = frozenset(capability for capability in _CAPABILITIES if supports(inner, capability))
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._plan = asked(plan)
        self._sleep = sleep
        self._before: dict[str, bytes | None] = {}

    async def _begin(self, verb: str, keys: Sequence[str]) -> dict[str, Fault | None]:
        """The fault of each key, those that come before the call carried out."""
        number = self.calls.total()
        self.calls[verb] += 1
        faults = {key: self._plan(verb, key, number) for key in keys}
        self.faults.update(type(fault).__name__ for fault in faults.values() if fault is not None)
        for fault in faults.values():
            if isinstance(fault, Delay):
                await self._sleep(fault.seconds)
            elif isinstance(fault, Fail) and not fault.after:
                raise fault.error
        return faults

    @staticmethod
    def _end(faults: Mapping[str, Fault | None]) -> None:
        """Carry out the faults that come after the call."""
        for fault in faults.values():
            if isinstance(fault, Fail):
                raise fault.error

    async def _answer(self, key: str, fault: Fault | None) -> bytes | None:
        if isinstance(fault, Lose):
            return None
        if isinstance(fault, Stale) and key in self._before:
            return self._before[key]
        value: bytes | None = await self.inner.get(fault.key if isinstance(fault, AnswerOf) else key)
        return None if value is None else damaged(value, fault)

    async def _remember(self, key: str) -> None:
        self._before[key] = await self.inner.get(key)
