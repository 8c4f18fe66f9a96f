"""What `check` found: whether a shared tier does what a cache needs of it, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Checkup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The outcome of one `check`.

    `tier`: the name of the tier that was tried, which is the last one; None: it is in this process, and there is
    nothing to be proven.
    `steps`: what was tried, in order, each with what went wrong; None: it holds. `set` and `get`: what is stored comes
    back as it was; `invalidate`: what is deleted is gone; `lease`: what was loaded before that is not stored after it;
    `tags`: an invalidated tag has not the version that it had; `evict`: what another process deletes leaves the memory
    of this one within half a second. What a store cannot do is not tried, and nothing is after a step that failed.
    `seconds`: how long it took.
    """

    tier: str | None = None
    steps: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every step that was tried holds."""
        return not any(self.steps.values())

    def in_words(self) -> str:
        """One line for people."""
        if self.tier is None:
            return "nothing to check: the last tier is in this process"
        holds = ", ".join(name for name, wrong in self.steps.items() if wrong is None)
        wrong = "; ".join(f"{name} does not hold: {wrong}" for name, wrong in self.steps.items() if wrong is not None)
        said = "; ".join([*([f"{holds} hold"] if holds else []), *([wrong] if wrong else [])])
        return f"checked {self.tier} in {self.seconds * 1000:.0f} ms: {said}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {"tier": self.tier, "ok": self.ok, "steps": dict(self.steps), "seconds": self.seconds}
