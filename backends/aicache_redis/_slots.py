"""What is known of a cluster, and how commands find their way in it: pure, and the same for both flavours.

A cluster divides all names among its masters, by slots. The map says who has which; it is right until a node says
otherwise: MOVED, the slot is another's now; ASK, this key has moved ahead of its slot; TRYAGAIN, of the keys of this
command some have and some have not (Redis cluster specification, "Redirection and resharding").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from aicache.errors import BackendBusyError, BackendTimeoutError, BackendUnavailableError
from aicache_redis._commands import MOST_BYTES, MOST_COMMANDS, Command
from aicache_redis._names import SLOTS, slot_of
from aicache_redis._url import Address

__all__ = ["PAUSE", "Batch", "Part", "SlotMap", "is_redirect", "ranges_of", "slot_of_command"]

PAUSE: Final = 0.01
"""Seconds before a command whose keys are being moved is said again."""

_ASKING: Final = b"*1\r\n$6\r\nASKING\r\n"
_REDIRECTS: Final = 5  # of one command: enough for a slot that moves on while it is followed
_EVERY: Final = 0.1  # seconds between two looks at the map
_FAILED: Final = (BackendUnavailableError, BackendTimeoutError)
_UNSETTLED: Final = ("MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN", "LOADING ", "MASTERDOWN")


def is_redirect(error: BaseException | None) -> bool:
    """Whether an error of a node is about where a key is, or that nobody has it just now."""
    return str(error).startswith(_UNSETTLED)


def slot_of_command(command: Command) -> int:
    """The slot of the first key of a command; all of ours have their keys in one slot."""
    verb = command[0]
    if verb in ("EVALSHA", "EVAL"):
        return slot_of(command[3])
    return slot_of(command[command.index("STREAMS") + 1] if verb == "XREAD" else command[1])


def ranges_of(reply: Iterable[Sequence[Any]], source: Address) -> Iterator[tuple[int, int, list[Address]]]:
    """What CLUSTER SLOTS says, asked of `source`: the first and the last of some slots, their master, its replicas."""
    for first, last, *nodes in reply:
        hosts = [(node[0] or b"").decode() for node in nodes]
        named = [source.host if host in ("", "?") else host for host in hosts]
        yield first, last, [Address(host, node[1]) for host, node in zip(named, nodes, strict=True)]


class SlotMap:
    """Who has which slot. `seeds`: nodes to ask when nobody else is known.

    `is_stale`: it is to be asked for anew when that is due. `falls_back`: what a node failed to do has another way
    then, without a new map.
    """

    falls_back: ClassVar[bool] = False

    def __init__(self, seeds: Sequence[Address]) -> None:
        self.owners: list[Address | None] = [None] * SLOTS
        self.is_stale = True
        self._seeds = seeds
        self._suspects: dict[Address, None] = {}  # those that failed since, the last one last
        self._asked = float("-inf")

    def masters(self) -> list[Address]:
        """All that have a slot."""
        return sorted({owner for owner in self.owners if owner is not None})

    def is_due(self, now: float) -> bool:
        """Whether to ask now; so often and no more, as long as there is a map at all."""
        return self.is_stale and (now - self._asked >= _EVERY or not any(self.owners))

    def sources(self, now: float) -> list[Address]:
        """Whom to ask for the map, in this order."""
        self._asked = now
        failed = {address: number for number, address in enumerate(self._suspects, 1)}
        return sorted(dict.fromkeys(self._knowing()), key=lambda address: failed.get(address, 0))

    def _knowing(self) -> list[Address]:
        return [*self.masters(), *self._seeds]

    def learned(self, reply: Iterable[Sequence[Any]], source: Address) -> None:
        """What CLUSTER SLOTS says, asked of `source`."""
        owners: list[Address | None] = [None] * SLOTS
        for first, last, nodes in ranges_of(reply, source):
            owners[first : last + 1] = nodes[:1] * (last + 1 - first)
        self.owners = owners
        self.is_stale = False
        self._suspects.clear()

    def moved(self, slot: int, owner: Address) -> None:
        """One slot is another's; more may be."""
        self.owners[slot] = owner
        self.is_stale = True

    def redirected(self, slot: int, error: BaseException, source: Address) -> Address | None:
        """Note what an error that is a redirect, of `source`, says of a slot; returns whom to ask this once instead."""
        verb, *rest = str(error).split()
        if verb in ("MOVED", "ASK"):
            host, _, port = rest[1].rpartition(":")
            address = Address(source.host if host in ("", "?") else host.strip("[]"), int(port))
            if verb == "ASK":
                return address
            self.moved(slot, address)
        elif verb != "TRYAGAIN":
            self.failed(source)
        return None

    def failed(self, address: Address) -> None:
        """A node does not answer; another may have its slots."""
        self._suspects.pop(address, None)
        self._suspects[address] = None
        self.is_stale = True


@dataclass(slots=True)
class Part:
    """Commands to be sent to one node together. `at`: which of the batch; `count`: how many replies there will be."""

    address: Address
    at: list[int]
    packed: bytes
    count: int
    size: int
    is_asking: bool


class Batch:
    """Commands on their way to the nodes of a cluster, until each has its reply.

    Say `parts`, send them all at once, and say what was `heard` of each; `replies` are complete when there are no more
    parts. Commands of one slot are carried out in their order: where one is sent on to another node, those of its slot
    that come after it are said again after that, even if they were answered. (All our commands may be said twice.)
    `numbers`: the slot of each; `packed`: its bytes on the wire; `sizes`: those of its value (None: none has any).
    `settled`: how many have their reply.
    """

    def __init__(
        self, slots: SlotMap, numbers: Sequence[int], packed: Sequence[bytes], sizes: Sequence[int] | None
    ) -> None:
        self._slots = slots
        self._numbers = numbers
        self._packed = packed
        self._sizes = sizes
        self._left: Sequence[int] = range(len(packed))
        self._again: list[int] = []
        self._ask: dict[int, Address] = {}
        self._told: dict[
            int, tuple[int, Exception | None, Address]
        ] = {}  # how often it moved, and what was said last by whom
        self.replies: list[Any] = [None] * len(packed)
        self.settled = 0
        self.is_moving = False
        """Whether some have to wait a little before they are said again."""

    def parts(self, *, is_late: bool = False) -> list[Part]:
        """What to send now. `is_late`: what was sent in vain before is given up."""
        first = not self._again and not self._told
        left, self._again, self.is_moving = [*self._left, *self._again], [], False
        if not first:
            left.sort()
        groups: dict[tuple[Address, bool], list[int]] = {}
        bytes_of: dict[tuple[Address, bool], int] = {}
        ways: dict[int, tuple[Address, bool] | None] = {}
        wait: list[int] = []
        owners, numbers, sizes = self._slots.owners, self._numbers, self._sizes
        for at in left:
            slot = numbers[at]
            to = self._ask.get(at) if self._ask else None
            owner = to or owners[slot]
            if owner is None:
                self._slots.is_stale = True
                self._settle(at, BackendUnavailableError(f"no node of the cluster has slot {slot}"))
                continue
            if self._told and self._is_hopeless(at, owner, is_late=is_late):
                continue
            way = (owner, to is not None)
            own = 0 if sizes is None else sizes[at]
            group = groups.get(way)
            if group is None:
                group = groups[way] = []
                bytes_of[way] = 0
            is_full = bool(group) and (len(group) >= MOST_COMMANDS or bytes_of[way] + own > MOST_BYTES)
            if is_full or (not first and ways.setdefault(slot, way) != way) or ways.get(slot, way) != way:
                ways[slot] = None  # nor may those after it go before it
                wait.append(at)
                continue
            group.append(at)
            bytes_of[way] += own
        self._left = wait
        return [self._part(way, group, bytes_of[way]) for way, group in groups.items() if group]

    def _part(self, way: tuple[Address, bool], at: list[int], size: int) -> Part:
        packed = [self._packed[number] for number in at]
        if way[1]:
            return Part(way[0], at, _ASKING + _ASKING.join(packed), 2 * len(at), size, True)
        return Part(way[0], at, b"".join(packed), len(at), size, False)

    def heard(self, part: Part, replies: list[Any] | Exception) -> None:
        """What a node said, or how it failed."""
        if isinstance(replies, BackendBusyError) or not isinstance(replies, (list, *_FAILED)):
            for at in part.at:  # the node is not to blame
                self._settle(at, replies)
            return
        if not isinstance(replies, list):
            self._slots.failed(part.address)
            for at in part.at:
                self._later(at, replies, part.address)
            return
        if part.is_asking:
            replies = replies[1::2]
        sent_on: set[int] = set()
        for at, reply in zip(part.at, replies, strict=True):
            if sent_on and self._numbers[at] in sent_on:
                self._ask.pop(at, None)
                self._again.append(at)
                self._note(at, reply)
            elif isinstance(reply, Exception) and is_redirect(reply):
                self._redirected(at, reply, part.address)
                sent_on.add(self._numbers[at])
            else:
                self.settled += 1
                self._note(at, reply)

    def _note(self, at: int, reply: Any) -> None:
        before = self.replies[at]
        if type(before) is int:  # of what is said again: it may have done then what was not there to do now
            reply = max(before, reply) if type(reply) is int else before
        self.replies[at] = reply

    def _redirected(self, at: int, error: Exception, source: Address) -> None:
        self._ask.pop(at, None)
        self._later(at, error, source)
        to = self._slots.redirected(self._numbers[at], error, source)
        if to is not None:
            self._ask[at] = to
        elif str(error).startswith("TRYAGAIN"):
            self.is_moving = True

    def _later(self, at: int, error: Exception, source: Address) -> None:
        times = self._told.get(at, (0,))[0]
        self._told[at] = (times + str(error).startswith("MOVED "), error, source)
        self._again.append(at)

    def _is_hopeless(self, at: int, owner: Address, *, is_late: bool) -> bool:
        """Give a command up: it has been sent in vain too often, or would go to the node that failed it."""
        times, error, source = self._told.get(at, (0, None, owner))
        if error is None:
            return False
        said = str(error)
        if said.startswith(("TRYAGAIN", "ASK ")):
            if not is_late:
                return False
            error = BackendBusyError("the keys of a slot are being moved from one node of the cluster to another")
        elif said.startswith("MOVED "):
            if times <= _REDIRECTS and not is_late:
                return False
            error = BackendUnavailableError(f"the nodes of the cluster do not agree on who has a key: {said}")
        elif owner != source and not is_late:
            return False
        self._settle(at, error)
        return True

    def _settle(self, at: int, reply: Any) -> None:
        self.settled += 1
        self.replies[at] = reply
