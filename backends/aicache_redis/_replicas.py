"""Where values are read that replicas may answer: pure, and the same for both flavours.

Each process reads the values of a slot at one replica for as long as that one will do, and at their master where none
does. So reads are divided among the replicas by their processes, and a process does not see a value go back to an older
one because the next replica is further behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from math import inf
from random import random
from time import monotonic
from typing import Any, Final

from aicache_redis._names import SLOTS
from aicache_redis._slots import SlotMap, ranges_of
from aicache_redis._url import Address

__all__ = ["WHILE", "ReplicaMap", "WatchedMap", "watched"]

WHILE: Final = 10.0
"""Seconds for which a map is believed, and for which a replica that failed is left alone."""

_UNFIT: Final = frozenset({b"s_down", b"o_down", b"disconnected"})


class ReplicaMap(SlotMap):
    """Who is read for which slot, its owner here: a replica, or the master.

    What a replica fails to answer goes to the master at once. The map is asked for anew then, by the next call, and
    every so often, as nobody tells of a new replica; where it cannot be had, the old one is used on.
    """

    falls_back = True

    def __init__(self, seeds: Sequence[Address], clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._masters: list[Address | None] = [None] * SLOTS
        self._failed: dict[Address, float] = {}  # when
        self._draw = random()
        super().__init__(seeds)

    @property
    def is_stale(self) -> bool:
        """Whether it is doubted, or old."""
        return self._is_doubted or self._clock() - self._asked >= WHILE

    @is_stale.setter
    def is_stale(self, doubted: bool) -> None:
        self._is_doubted = doubted

    def masters(self) -> list[Address]:
        """All that have a slot."""
        return sorted({master for master in self._masters if master is not None})

    def sources(self, now: float) -> list[Address]:
        """Whom to ask for the map, in this order; in vain, too, that is enough until it is doubted again."""
        self._is_doubted = not any(self._masters)
        return super().sources(now)

    def learned(self, reply: Iterable[Sequence[Any]], source: Address) -> None:
        """What CLUSTER SLOTS says, asked of `source`."""
        owners: list[Address | None] = [None] * SLOTS
        masters = owners.copy()
        for first, last, (master, *replicas) in ranges_of(reply, source):
            count = last + 1 - first
            owners[first : last + 1] = [self._chosen(replicas) or master] * count
            masters[first : last + 1] = [master] * count
        self._masters, self.owners = masters, owners
        self._is_doubted = False

    def _chosen(self, replicas: Iterable[Address]) -> Address | None:
        """The one that this process reads: the first of those that will do, in an order of its own."""
        now, me = self._clock(), (self._draw, os.getpid())
        fit = [replica for replica in replicas if now - self._failed.get(replica, -inf) >= WHILE]
        return min(fit, key=lambda replica: hash((me, replica)), default=None)

    def moved(self, slot: int, owner: Address) -> None:
        """One slot is another master's; more may be."""
        self._masters[slot] = owner
        super().moved(slot, owner)

    def failed(self, address: Address) -> None:
        """A node does not answer: it is asked last for the map, and the masters take over what is read there."""
        doubted = self._is_doubted
        super().failed(address)
        if address not in self.owners:
            self._is_doubted = doubted  # nobody reads there, or not any more
            return
        self._failed[address] = self._clock()
        both = zip(self.owners, self._masters, strict=True)
        self.owners = [master if owner == address else owner for owner, master in both]


class WatchedMap(ReplicaMap):
    """The same for the servers of one name, of which sentinels tell: all slots are in one place."""

    def _knowing(self) -> list[Address]:
        return [*self._seeds]


def watched(master: Address, replicas: Iterable[Sequence[bytes]]) -> list[list[Any]]:
    """What sentinels say of a master and its replicas, as CLUSTER SLOTS says it, without those that will not do."""
    nodes: list[list[Any]] = [[master.host.encode(), master.port]]
    for said in replicas:
        facts = dict(zip(said[::2], said[1::2], strict=True))
        if facts[b"master-link-status"] == b"ok" and _UNFIT.isdisjoint(facts[b"flags"].split(b",")):
            nodes.append([facts[b"ip"], int(facts[b"port"])])
    return [[0, SLOTS - 1, *nodes]]
