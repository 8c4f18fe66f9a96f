"""Which size tier a text belongs to, and which tiers of the cache hold its answers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

from aicache.errors import ConfigurationError

__all__ = ["DEFAULT_SIZES", "LARGEST", "SizeTiers"]

DEFAULT_SIZES: Final = MappingProxyType({"small": 500, "medium": 5_000, "large": 50_000})
LARGEST: Final = "xlarge"
"""The name of the size tier above all that are named."""


class SizeTiers:
    """Size tiers by the length of a text in characters.

    `limits`: a name and the length below which a text belongs to it, ascending; longer texts are `xlarge`.
    Raises `ConfigurationError` where the limits do not ascend.
    """

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        limits = DEFAULT_SIZES if limits is None else limits
        self.names = (*limits, LARGEST)
        self._limits = list(limits.values())
        if LARGEST in limits:
            raise ConfigurationError(f"text_size_tiers has {LARGEST!r}, which is above all limits; leave it out")
        last = 0
        for name, limit in limits.items():
            if not isinstance(cast(object, limit), int) or isinstance(limit, bool) or limit <= last:
                raise ConfigurationError(
                    f"text_size_tiers[{name!r}] must be a number of characters above {last}, got {limit!r}; "
                    "name the size tiers in ascending order"
                )
            last = limit

    def name(self, length: int) -> str:
        """The size tier of a text with `length` characters."""
        return self.names[bisect_right(self._limits, length)]

    def placed(
        self, placement: Mapping[str, Sequence[str]] | None, tiers: Sequence[str], in_process: Sequence[bool]
    ) -> dict[str, tuple[int, ...]]:
        """The numbers of the cache's tiers that hold each size tier, in order.

        `placement`: names of tiers for each size tier; what is left out, and None, is as usual: the smallest in all
        tiers, the others in those that are not in this process, if there is one. `tiers`: the names of all tiers;
        `in_process`: whether each is.
        """
        shared = tuple(at for at, own in enumerate(in_process) if not own) or tuple(range(len(tiers)))
        usual = dict.fromkeys(self.names, shared)
        usual[self.names[0]] = tuple(range(len(tiers)))
        for name, wanted in (placement or {}).items():
            if name not in usual:
                raise ConfigurationError(f"placement has {name!r}, which is no size tier; there are {', '.join(usual)}")
            unknown = [tier for tier in wanted if tier not in tiers]
            if unknown or isinstance(wanted, str) or not wanted:
                raise ConfigurationError(
                    f"placement[{name!r}] must be a list of tiers, one at least, got {wanted!r}; "
                    f"there are {', '.join(tiers)}"
                )
            usual[name] = tuple(at for at, tier in enumerate(tiers) if tier in wanted)
        return usual
