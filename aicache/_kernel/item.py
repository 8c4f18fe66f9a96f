"""One value on its way between a caller, a codec and the tiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aicache._kernel.immutable import is_immutable
from aicache._kernel.tags import NO_TAGS

__all__ = ["Item"]


class Item:
    """A value with what is needed to store it anywhere and to hand it out again.

    `value`: the value, for one caller only unless `immutable`.
    `raw`: its serialized bytes; None where no tier needs them.
    `thaw`: makes a fresh value from `raw`; the `loads` of the serializer that made it.
    `created`: when the value was made, in seconds since the epoch.
    `ttl`: seconds it is still fresh; None: no expiry; 0 and less: it has been stale for so long.
    `stale_for`: seconds after its ttl for which it is kept.
    `cost`: what making it again costs, in a unit of the caller's; None: not known.
    `skipped`: why it is not stored; None: it is.
    `compressed`: whether it is compressed where it is stored as bytes.
    `known`: the turn (`leases.turn`) at which it was last known to be what the shared tier says; None: it is not said.
    `packed`: `raw` as compressed for byte stores, once a tier has asked for it.
    `tags`: its tags, each with the version that it was made under.
    `tier`: the name of the tier that had it; None for one that comes from a caller or a load.
    """

    __slots__ = (
        "compressed",
        "cost",
        "created",
        "known",
        "packed",
        "raw",
        "skipped",
        "stale_for",
        "tags",
        "thaw",
        "tier",
        "ttl",
        "value",
    )

    def __init__(
        self,
        value: Any,
        raw: bytes | None,
        thaw: Callable[[bytes], Any],
        created: float,
        ttl: float | None,
        *,
        compressed: bool = False,
        cost: float | None = None,
        stale_for: float = 0.0,
    ) -> None:
        self.value = value
        self.raw = raw
        self.thaw = thaw
        self.created = created
        self.ttl = ttl
        self.compressed = compressed
        self.cost = cost
        self.stale_for = stale_for
        self.known: int | None = None
        self.packed: Any = None
        self.skipped: str | None = None
        self.tags: Mapping[str, bytes] = NO_TAGS
        self.tier: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether its ttl is not yet over. What a store has is, unless it was given time to be stale."""
        return self.ttl is None or self.ttl > 0 or not self.stale_for

    @property
    def immutable(self) -> bool:
        """Whether nobody can change the value."""
        return is_immutable(self.value)

    def for_another(self) -> Any:
        """The value for one more caller: shared where nobody can change it, else made afresh.

        A mutable value that could not be serialized is shared too: there is nothing to make another from.
        """
        return self.value if self.raw is None or self.immutable else self.thaw(self.raw)
