"""The way to a cluster: one `Links` for each node, and a map of who has which slot. It has the verbs of `Links`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from typing import Any, Final

from aicache.errors import BackendBusyError, BackendError, BackendTimeoutError, BackendUnavailableError, ClosedError
from aicache_redis._async.link import Links
from aicache_redis._async.together import FLAVOUR, Turns, pause, to_the_end, together
from aicache_redis._commands import Command, Look, weight
from aicache_redis._leases import Conditions
from aicache_redis._names import slot_of
from aicache_redis._settings import Settings, checked, imported
from aicache_redis._slots import PAUSE, Batch, SlotMap, is_redirect, slot_of_command
from aicache_redis._url import Address

__all__ = ["ClusterLinks"]

_TRIES: Final = 2  # nodes that are asked for the map within one call


class ClusterLinks:
    """All nodes of one cluster. Commands go to the master of their slot, those of one call at once."""

    def __init__(self, settings: Settings, slots: SlotMap | None = None) -> None:
        """`slots`: the map, where it is another than that of the masters."""
        self.settings = settings
        self._arguments = settings.connection(FLAVOUR)
        self._pack: Callable[[Command], bytes] = imported("hiredis").pack_command
        self._slots = SlotMap(settings.target.nodes) if slots is None else slots
        self._nodes: dict[Address, Links] = {}
        self._turns = Turns()
        self._closed = False

    async def look(self, look: Look, name: bytes) -> Any:
        """The reply to what reads a value."""
        slots = self._slots
        if slots.is_stale:
            await self._learn()
        slot = slot_of(name)
        owner = slots.owners[slot]
        first: tuple[Address, list[Any] | Exception] | None = None
        if owner is not None:
            try:
                return await self._node(owner).look(look, name)
            except BackendError as error:
                first = owner, [error.__cause__] if is_redirect(error.__cause__) else error
        return checked(
            await self._carried(Batch(slots, [slot], [look.packed(name)], None), True, first), self.settings
        )[0]

    async def look_many(self, look: Look, names: Sequence[bytes]) -> list[Any]:
        """The replies, in order, to what reads several values."""
        if self._slots.is_stale:
            await self._learn()
        batch = Batch(self._slots, list(map(slot_of, names)), list(map(look.packed, names)), None)
        return checked(await self._carried(batch, True), self.settings)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order, to commands that read."""
        return checked(await self._said(commands, True), self.settings)

    async def write(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, in order. The feed is told when the rest is done: it may be at another node."""
        end = len(commands)
        while end and commands[end - 1][0] == "XADD":
            end -= 1
        if end in (0, len(commands)):
            return checked(await self._said(commands, False), self.settings)
        return checked(await to_the_end(self._said_and_told(commands[:end], commands[end:])), self.settings)

    async def _said_and_told(self, commands: Sequence[Command], notices: Sequence[Command]) -> list[Any]:
        done = await self._said(commands, False)
        return [*done, *await self._said(notices, False)]

    async def _said(self, commands: Sequence[Command], is_read: bool) -> list[Any]:
        if self._slots.is_stale:
            await self._learn()
        numbers = list(map(slot_of_command, commands))
        packed: list[bytes] = list(map(self._pack, commands))
        return await self._carried(Batch(self._slots, numbers, packed, list(map(weight, commands))), is_read)

    async def _carried(
        self,
        batch: Batch,
        is_read: bool,
        first: tuple[Address, list[Any] | Exception] | None = None,
    ) -> list[Any]:
        """The replies, where errors of nodes stand too. `first`: who has been asked already, and what that came to."""
        timeout = self.settings.timeout
        until = monotonic() + timeout
        while parts := batch.parts(is_late=monotonic() >= until):
            before = batch.settled
            if first is None:
                said = await together([(self._node(part.address), part) for part in parts], is_read=is_read)
            else:
                parts[0].address, answer = first
                said, first = [answer], None
            for part, replies in zip(parts, said, strict=True):
                batch.heard(part, replies)
            if batch.settled > before:
                until = monotonic() + timeout
            if batch.is_moving:
                await pause(PAUSE)
            if batch.settled < len(batch.replies) and self._slots.is_stale and not self._slots.falls_back:
                await self._learn()
        return batch.replies

    async def follow(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands of which the first waits, on a connection of their own."""
        slot = slot_of_command(commands[0])
        node, owner = await self._owner(slot)
        try:
            return await node.follow(commands)
        except BackendError as error:
            if not self._is_elsewhere(error, slot, owner):
                raise
        node, _ = await self._owner(slot)
        return await node.follow(commands)

    async def guarded(self, conditions: Conditions, commands: Sequence[Command]) -> bool:
        """Carry out commands, all or none, if what stands under some names is what may; all are in one slot."""
        slot = slot_of(conditions[0][0])
        node, owner = await self._owner(slot)
        try:
            return await node.guarded(conditions, commands)
        except BackendError as error:
            if not self._is_elsewhere(error, slot, owner):
                raise
        node, _ = await self._owner(slot)
        return await node.guarded(conditions, commands)

    def _is_elsewhere(self, error: BackendError, slot: int, owner: Address) -> bool:
        """Note what an error says of a slot or its owner, and say whether to ask the owner that there is now."""
        cause: Any = error.__cause__
        if type(cause).__name__ == "MovedError":  # the library has read it
            self._slots.moved(slot, Address(cause.host or owner.host, cause.port))
            return True
        if is_redirect(cause):
            self._slots.redirected(slot, cause, owner)
            return str(cause).startswith("MOVED ")
        if isinstance(error, BackendUnavailableError | BackendTimeoutError) and not isinstance(error, BackendBusyError):
            self._slots.failed(owner)
        return False

    async def slices(self, command_of: Callable[[int], Command]) -> AsyncIterator[list[bytes]]:
        """Names, some at a time, of what SCAN lists on all masters; a name may come twice.

        A node that has got slots meanwhile is gone through again.
        """
        done: dict[int, Address] = {}
        while True:
            self._slots.is_stale = True
            await self._learn(at_once=True)
            owners = list(self._slots.owners)
            left = sorted({owner for slot, owner in enumerate(owners) if owner and done.get(slot) != owner})
            if not left:
                return
            for address in left:
                async for names in self._node(address).slices(command_of):
                    yield names
            done = {slot: owner for slot, owner in enumerate(owners) if owner}

    async def masters(self) -> list[Links]:
        """The way to each node that has slots."""
        if self._slots.is_stale:
            await self._learn()
        return [self._node(address) for address in self._slots.masters()]

    async def origin(self, name: bytes) -> str:
        """Which server a name is on: another may not know all that this one did."""
        _, owner = await self._owner(slot_of(name))
        return str(owner)

    # -- the nodes and the map

    async def _owner(self, slot: int) -> tuple[Links, Address]:
        if self._slots.is_stale:
            await self._learn()
        owner = self._slots.owners[slot]
        if owner is None:
            self._slots.is_stale = True
            raise BackendUnavailableError(f"{self.settings.place}: no node of the cluster has slot {slot}")
        return self._node(owner), owner

    def _node(self, address: Address) -> Links:
        node = self._nodes.get(address)
        if node is None or self._closed:
            if self._closed:
                raise ClosedError("this Redis backend is closed; build a new one")
            arguments = {**self._arguments, "host": address.host, "port": address.port}
            node = self._nodes.setdefault(address, Links(self._settings_of(address), arguments))
        return node

    def _settings_of(self, address: Address) -> Settings:
        return self.settings.at(address)

    async def _learn(self, *, at_once: bool = False) -> None:
        """Ask a node for the map, if that is due, or at once; without any, raise how they failed."""
        slots = self._slots
        async with self._turns.here():
            if not (at_once or slots.is_due(monotonic())):
                return
            failure: BackendError | None = None
            for address in slots.sources(monotonic())[:_TRIES]:
                try:
                    reply = await self._map_of(address)
                except BackendError as error:
                    slots.failed(address)
                    failure = error
                else:
                    slots.learned(reply, address)
                    return
            if failure is not None and not slots.masters():
                raise failure

    async def _map_of(self, address: Address) -> Any:
        (reply,) = await self._node(address).read([("CLUSTER", "SLOTS")])
        return reply

    async def aclose(self) -> None:
        """End the calls under way with `ClosedError` and close the connections."""
        self._closed = True
        for node in list(self._nodes.values()):
            await node.aclose()
